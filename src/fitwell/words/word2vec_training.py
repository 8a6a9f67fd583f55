"""Word2Vec and FastText as a user asks for them: a corpus and settings in, vectors out, stopped and resumed at will."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fitwell.sources import existing_path
from fitwell.vectors import Vectors
from fitwell.vectors.subwords import seen_vectors
from fitwell.words import continuing
from fitwell.words.continuing import carry_over, grown, read_kept, require_same_kind
from fitwell.words.corpus_file import is_corpus_file, open_corpus
from fitwell.words.driving import Progress, driven, unwatched
from fitwell.words.encoded import WHITE_SPACE_TOKENS, EncodedCorpus, encode
from fitwell.words.parts import Parts, PartSettings, parts_of_words, subwords_of
from fitwell.words.texts import Corpus, Unit
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary
from fitwell.words.word2vec_settings import RATES, Architecture, Loss, Word2VecSettings
from fitwell.words.word_checkpoint import Checkpoint, State, fingerprint_of, restore_state
from fitwell.words.word_vectors import first_state, learn

PARTS_RATE = 0.05  # for parts of words, of both architectures, as in fastText


def word2vec(
    corpus: Corpus | EncodedCorpus,
    *,
    architecture: Architecture = "skipgram",
    dimension: int = 100,
    window: int = 5,
    loss: Loss = "negative_sampling",
    negative: int = 5,
    epochs: int = 5,
    min_count: int = 5,
    max_size: int | None = None,
    subsample: float = 1e-3,
    rate: float | None = None,
    threads: int = 1,
    seed: int = 1,
    device: str = "cpu",
    tokenization: Tokenization = WHITE_SPACE_TOKENS,
    unit: Unit = "line",
    field: str | None = None,
    start: str | Path | None = None,
    keep: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress = unwatched,
) -> Vectors:
    """Return a vector for each word that occurs often enough, learned from the words around it.

    "skipgram" tells each word from every single word around it, "cbow" from their mean: faster, and better for frequent
    words only. `rate` is the learning rate at the beginning, 0.025, or 0.05 for "cbow", unless another is given.

    The corpus is a path or an iterable, as for `encode`, or one that is encoded, also as a file; then it has its
    tokenization. With one thread the same call gives the same bits. Several threads have copies of the most frequent
    words' vectors, on which they agree now and then, and change all others together. On a GPU (device "cuda"),
    thousands of windows move the vectors together, in an order of its own; that needs negative sampling. Ctrl-C ends
    training after the block at hand, and what was learned is returned; `made` then says how many epochs that were. With
    `checkpoint`, the state is saved there every minute and at Ctrl-C, the same call goes on from it to the bits of a
    training that was never stopped (with one thread), and it is removed at the end.

    With `keep`, what was learned is written there for a later training on new text, which names it as `start`. That
    begins with the words of both, and with what the old ones have learned; counts add up.

    Raises:
        DataError: the corpus cannot be read, or the checkpoint cannot, or what to start from.
        RequestError: a setting is wrong, no word is frequent enough, or the checkpoint belongs to another training.
        SurroundingsError: the device is not there.
    """
    settings = Word2VecSettings(
        architecture=architecture,
        dimension=dimension,
        window=window,
        loss=loss,
        negative=negative,
        epochs=epochs,
        min_count=min_count,
        max_size=max_size,
        subsample=subsample,
        rate=RATES.get(architecture, RATES["skipgram"]) if rate is None else rate,
        seed=seed,
        device=device,
    )
    encoded = encoded_corpus(corpus, tokenization=tokenization, unit=unit, field=field)
    trained = _trained(
        encoded, settings, None, start=start, keep=keep, checkpoint=checkpoint, threads=threads, progress=progress
    )
    matrix = np.ascontiguousarray(trained.state.arrays["inputs"][:, :dimension])
    return Vectors(tuple(trained.vocabulary.words), matrix, trained.made, trained.vocabulary.counts)


def fasttext(
    corpus: Corpus | EncodedCorpus,
    *,
    architecture: Architecture = "skipgram",
    dimension: int = 100,
    window: int = 5,
    loss: Loss = "negative_sampling",
    negative: int = 5,
    shortest: int = 3,
    longest: int = 6,
    buckets: int = 2_000_000,
    epochs: int = 5,
    min_count: int = 5,
    max_size: int | None = None,
    subsample: float = 1e-3,
    rate: float = PARTS_RATE,
    threads: int = 1,
    seed: int = 1,
    tokenization: Tokenization = WHITE_SPACE_TOKENS,
    unit: Unit = "line",
    field: str | None = None,
    start: str | Path | None = None,
    keep: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress = unwatched,
) -> Vectors:
    """Return vectors that are means of what a word and its parts have learned, so that unseen words have vectors too.

    The parts of a word are its runs of `shortest` to `longest` characters, hashed into so many `buckets` as fastText
    does. Saved with format="fasttext", the vectors are a model that fastText loads. Everything else is as for
    `word2vec`.

    Raises:
        DataError: the corpus cannot be read, or the checkpoint cannot.
        RequestError: a setting is wrong, no word is frequent enough, or the checkpoint belongs to another training.
    """
    settings = Word2VecSettings(
        architecture=architecture,
        dimension=dimension,
        window=window,
        loss=loss,
        negative=negative,
        epochs=epochs,
        min_count=min_count,
        max_size=max_size,
        subsample=subsample,
        rate=rate,
        seed=seed,
    )
    of_parts = PartSettings(shortest=shortest, longest=longest, buckets=buckets)
    encoded = encoded_corpus(corpus, tokenization=tokenization, unit=unit, field=field)
    trained = _trained(
        encoded, settings, of_parts, start=start, keep=keep, checkpoint=checkpoint, threads=threads, progress=progress
    )
    assert trained.parts is not None
    words = tuple(trained.vocabulary.words)
    subwords = subwords_of(trained.state.arrays["inputs"][:, :dimension], trained.parts, of_parts)
    return Vectors(words, seen_vectors(words, subwords), trained.made, trained.vocabulary.counts, subwords)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training leaves."""

    vocabulary: Vocabulary
    parts: Parts | None
    state: State
    made: dict[str, object]


def _trained(
    corpus: EncodedCorpus,
    settings: Word2VecSettings,
    of_parts: PartSettings | None,
    *,
    start: str | Path | None,
    keep: str | Path | None,
    checkpoint: str | Path | None,
    threads: int,
    progress: Progress,
) -> Trained:
    """Train from the beginning, from what was kept, or from a checkpoint."""
    asked = {"method": "fasttext" if of_parts else "word2vec", **asdict(settings)}
    asked |= asdict(of_parts) if of_parts else {}
    before = None if start is None else read_kept(start)
    if before is not None:
        require_same_kind(before, asked)
        corpus = grown(corpus, before)
    vocabulary = corpus.vocabulary.pruned(min_count=settings.min_count, max_size=settings.max_size)
    parts = parts_of_words(vocabulary.words, of_parts) if of_parts else None
    state = first_state(vocabulary, settings, parts)
    if before is not None:
        carry_over(before, vocabulary, parts, state)
    saved = resumed(checkpoint, asked | ({"start": before.digest} if before else {}), corpus, state)
    looks = learn(corpus, vocabulary, settings, state, parts=parts, threads=threads)
    done = driven(looks, state, checkpoint=saved, progress=progress)
    made = {**asked, "epochs_done": round(done, 3), "tokens": len(corpus.ids)}
    if keep is not None:
        continuing.keep(keep, vocabulary, parts, state, made)
    return Trained(vocabulary=vocabulary, parts=parts, state=state, made=made)


def resumed(
    path: str | Path | None, asked: dict[str, object], corpus: EncodedCorpus, state: State
) -> Checkpoint | None:
    """Fill in a state that was saved, if there is one, and return where it is saved from now on."""
    if path is None:
        return None
    checkpoint = Checkpoint(path=Path(path), asked=asked, fingerprint=fingerprint_of(corpus))
    restore_state(checkpoint, state)
    return checkpoint


def encoded_corpus(
    corpus: Corpus | EncodedCorpus, *, tokenization: Tokenization, unit: Unit, field: str | None
) -> EncodedCorpus:
    """Return a corpus as numbers, whatever it came as."""
    if isinstance(corpus, EncodedCorpus):
        return corpus
    if isinstance(corpus, str | Path):
        path = existing_path(corpus)
        if path.is_file() and is_corpus_file(path):
            return open_corpus(path)
    return encode(corpus, tokenization=tokenization, unit=unit, field=field)
