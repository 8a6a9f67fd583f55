"""A vocabulary of pieces is made for a corpus: frequent words whole, others in parts (WordPiece, Wu et al. 2016).

Pairs of neighboring pieces are joined, the most frequent first, until there are as many pieces as wanted (Sennrich et
al. 2016); a word is then cut into the longest pieces there are, from its beginning on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fitwell.pretrained.tokenizer import MARKS, require_tokenizers, word_pieces

FEWEST_TIMES = 2  # that two pieces must meet to be joined
MOST_LETTERS = 1000  # that get pieces of their own, the most frequent ones
WITHIN = "##"  # before a piece that does not begin a word


def vocabulary_for(texts: Sequence[str], *, size: int, lowercase: bool) -> str:
    """Return a tokenizer for texts, as the content of a `tokenizer.json`; of equal texts always the same.

    Raises:
        SurroundingsError: the package tokenizers is not installed.
    """
    require_tokenizers()
    from tokenizers.trainers import WordPieceTrainer

    tokenizer = word_pieces(None, lowercase=lowercase)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenizer.normalizer.normalize_str(text))
    ranked = sorted((letter for letter in counts if not letter.isspace()), key=lambda letter: (-counts[letter], letter))
    letters = sorted(ranked[:MOST_LETTERS])
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=FEWEST_TIMES,
        # The trainer numbers letters within words as it meets them, in an order that changes, and settles ties by
        # numbers; those that are there from the beginning keep theirs.
        special_tokens=[*MARKS, *(WITHIN + letter for letter in letters)],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return str(word_pieces(tokenizer.get_vocab(with_added_tokens=True), lowercase=lowercase).to_str())
