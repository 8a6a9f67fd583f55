"""The vectors of pieces begin with what skip-gram learns of a corpus in seconds: which pieces stand near which.

Telling masked pieces teaches first how frequent pieces are, then what stands around them, and only with far more text
what texts are about. Skip-gram tells pieces from those near them, and averages of its vectors tell texts apart already;
an encoder that begins with them keeps that, and learns the rest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float

from fitwell.pretrained.pretraining.corpus import Sequences
from fitwell.pretrained.pretraining.masking import Pieces
from fitwell.words.encoded import EncodedCorpus
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary
from fitwell.words.word2vec_training import word2vec

READ, MOST_EPOCHS = 4_000_000, 20  # pieces that are read, about, and how often at most
FEWEST = 2  # times that a piece has to come
SPREAD = 0.1  # of all numbers: so large that steps of a thousandth do not soon undo them


def begun_with(
    sequences: Sequences, pieces: Pieces, *, width: int, seed: int
) -> tuple[npt.NDArray[np.int64], Float[torch.Tensor, "pieces width"]]:
    """Return which pieces have a vector to begin with, and these vectors; of little text there may be none."""
    corpus, numbers = _as_words(sequences, pieces)
    if not len(numbers) or corpus.vocabulary.counts[0] < FEWEST:
        return np.empty(0, np.int64), torch.empty(0, width)
    epochs = min(MOST_EPOCHS, max(1, READ // len(corpus.ids)))
    found = word2vec(corpus, dimension=width, epochs=epochs, min_count=FEWEST, seed=seed)
    matrix = torch.from_numpy(np.array(found.matrix, np.float32))  # a copy: the value's own cannot be written
    return numbers[: len(matrix)], matrix * (SPREAD / matrix.std())


def _as_words(sequences: Sequences, pieces: Pieces) -> tuple[EncodedCorpus, npt.NDArray[np.int64]]:
    """Return sequences without their marks as a corpus of words, and which piece each of its words is."""
    is_ordinary = pieces.is_ordinary[sequences.numbers]
    ordinary = sequences.numbers[is_ordinary]
    counts = np.bincount(ordinary, minlength=len(pieces.is_ordinary))
    numbers = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    places = np.zeros(len(counts), np.int32)
    places[numbers] = np.arange(len(numbers))
    corpus = EncodedCorpus(
        vocabulary=Vocabulary([str(number) for number in numbers.tolist()], counts[numbers]),
        ids=places[ordinary],
        ends=np.cumsum(is_ordinary, dtype=np.int64)[sequences.ends - 1],
        tokenization=Tokenization(),
    )
    return corpus, numbers
