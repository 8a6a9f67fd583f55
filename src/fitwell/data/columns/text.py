"""Text: sentences and longer. Each becomes its typical terms, its words or their parts, or what an encoder reads.

Terms are words and pairs of neighboring words, and, unless told otherwise, runs of letters of words, by which a rare
word is told from its parts. They are weighed by TF-IDF: how often a text has them, and how few texts have them. Runs,
which are many, weigh as much together as words and pairs do. A text is the numbers of its terms beside their weights,
heaviest first, so that a row is as long as a text and not as long as the vocabulary. Words in their order are their
numbers alone, and so are the parts of words that byte pairs make, and the pieces that the tokenizer of a pretrained
encoder cuts; with either goes all that is needed to cut others the same way. An ELMo model reads the letters of words.

Vocabulary and weights are the training rows'. Number 0 fills up shorter texts, and a missing text is nothing but that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl
from jaxtyping import Float32, Int, Int32

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, missing_clause, present_text
from fitwell.data.columns.identifier import FEW_ROWS, WORDS_OF_TEXT, mean_words
from fitwell.errors import DataError
from fitwell.recipe import DataSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from fitwell.words.tf_idf import TfidfVectorizer

STRENGTH = 50
DISTINCT_SHARE = 0.5
WORDS = r"\w+"
PAIRS = (1, 2)  # terms are words, and pairs of them
RUNS = (3, 5)  # letters of a word, the blank before and after it among them
FEWEST = 2  # training texts that have a term, or times that a word occurs: once teaches nothing
WHOLE_SHARE = 0.98  # of the training texts are kept whole, where data.text_length allows it
FITTED_ON, FITTED_BYTES = 200_000, 2**24  # training texts at most, evenly spread, that make the vocabulary
CHUNK, CHUNK_BYTES = 65536, 2**20  # texts encoded at a time, at most; of a text, its terms take a hundred times as much
MOST_BYTES = 4 * 2**30  # of all encoded texts together, in memory
UNKNOWN = 1  # the number of a word that is not in the vocabulary; known ones follow


@dataclass(frozen=True)
class TermsEncoder:
    """Texts of a column become terms and weights; of a text with too many, the heaviest."""

    column: Column
    length: int  # terms that are kept of a text
    vocabulary: tuple[str, ...]  # entry i is term number i + 1: words and pairs, then runs of letters
    idf: tuple[float, ...]  # of each of them
    cut: int  # training texts that lost some
    runs: int = 0  # of the vocabulary; a run that is a word too stands in it twice

    @property
    def shape(self) -> tuple[int, ...]:
        """Terms, and for each its number and its weight."""
        return (self.length, 2)

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Float32[np.ndarray, "rows terms 2"]:
        """Return each text's terms, the heaviest first: their numbers, which float32 holds exactly, and weights.

        Weights are scikit-learn's: (1 + ln tf) idf, divided by their length in all of the text's known terms of a sort,
        words and pairs or runs of letters; and by √2 where it has both, so that they are of length 1 together.
        """
        arrays = np.zeros(
            (len(cells), *_affordable(self.column, self.shape, rows=len(cells), bytes_each=4)), np.float32
        )
        words = len(self.vocabulary) - self.runs
        vectorizers = [_vectorizer().knowing(self.vocabulary[:words], np.array(self.idf[:words]))]
        if self.runs:
            vectorizers.append(_of_runs().knowing(self.vocabulary[words:], np.array(self.idf[words:])))
        for start, texts in _chunks(present_text(cells, self.column)):
            found = [_weighed(vectorizer.transform(texts)) for vectorizer in vectorizers]
            row = np.concatenate([of_sort[0] for of_sort in found])
            number = np.concatenate([of_sort[1] + words * place for place, of_sort in enumerate(found)])
            weights = np.concatenate([of_sort[2] for of_sort in found])
            weights /= np.sqrt(np.bincount(row, weights**2, minlength=len(texts)))[row]
            order = np.lexsort((number, -weights, row))
            row, number, weights = row[order], number[order], weights[order]
            place = np.arange(len(row)) - np.searchsorted(row, row)
            kept = place < self.length
            arrays[start + row[kept], place[kept], 0] = number[kept] + 1
            arrays[start + row[kept], place[kept], 1] = weights[kept]
        return arrays


@dataclass(frozen=True)
class WordsEncoder:
    """Texts of a column become the numbers of their words; longer ones are cut at their end."""

    column: Column
    length: int  # words that are kept of a text
    vocabulary: tuple[str, ...]  # entry i is word number i + 1; the first stands for all unknown words
    cut: int  # training texts that lost some

    @property
    def shape(self) -> tuple[int, ...]:
        """Words."""
        return (self.length,)

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Int32[np.ndarray, "rows words"]:
        """Return the numbers of each text's words, and 0 after them."""
        arrays = np.zeros((len(cells), *_affordable(self.column, self.shape, rows=len(cells), bytes_each=4)), np.int32)
        numbers = {word: number for number, word in enumerate(self.vocabulary[1:], start=UNKNOWN + 1)}
        for start, texts in _chunks(present_text(cells, self.column)):
            words, ids, lengths = _words_of(texts)
            known = np.array([numbers.get(word, UNKNOWN) for word in words], np.int32)
            row = np.repeat(np.arange(len(texts)), lengths)
            place = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            kept = place < self.length
            arrays[start + row[kept], place[kept]] = known[ids[kept]]
        return arrays


@dataclass(frozen=True)
class BytePairsEncoder:
    """Texts of a column become the numbers of parts of their words; longer ones are cut at their end."""

    column: Column
    length: int  # parts that are kept of a text
    pairs: tuple[str, ...]  # parts that are joined, in order: see `pretrained/byte_pairs.py`
    cut: int  # training texts that lost some

    @property
    def shape(self) -> tuple[int, ...]:
        """Parts."""
        return (self.length,)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The parts; entry i is number i + 1."""
        from fitwell.pretrained.byte_pairs import parts_of

        return parts_of(self.pairs)

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Int32[np.ndarray, "rows parts"]:
        """Return one more than the numbers of each text's parts, and 0 after them."""
        from fitwell.pretrained.byte_pairs import byte_pair_tokenizer

        return _in_pieces(cells, self.column, byte_pair_tokenizer(self.pairs), length=self.length)


@dataclass(frozen=True)
class PiecesEncoder:
    """Texts of a column become the numbers of the pieces that a pretrained encoder knows; longer ones are cut."""

    column: Column
    length: int  # pieces that are kept of a text, marks at its ends included
    configuration: str  # of the encoder
    tokenizer: str  # the content of its tokenizer.json
    folder: str  # where they came from
    cut: int  # training texts that lost some

    @property
    def shape(self) -> tuple[int, ...]:
        """Pieces."""
        return (self.length,)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Nothing: its pieces are the encoder's business."""
        return ()

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Int32[np.ndarray, "rows pieces"]:
        """Return one more than the numbers of each text's pieces, and 0 after them."""
        from fitwell.pretrained.tokenizer import opened

        return _in_pieces(cells, self.column, opened(self.tokenizer, source=self.folder), length=self.length)


@dataclass(frozen=True)
class SpelledEncoder:
    """Texts of a column become the symbols of their words, which an ELMo model reads; longer ones are cut."""

    column: Column
    length: int  # symbols of a text, the two marks of each word included
    words: int  # that are kept of a text
    configuration: str  # of the model
    tokenization: dict[str, Any]  # how it cuts words
    folder: str  # where it came from
    cut: int  # training texts that lost some

    @property
    def shape(self) -> tuple[int, ...]:
        """Symbols."""
        return (self.length,)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Nothing: words are what they are spelled."""
        return ()

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> Int32[np.ndarray, "rows symbols"]:
        """Return the symbols of each text's words, one after another, and 0 after them."""
        from fitwell.words.bilm.characters import spelled
        from fitwell.words.tokens import Tokenization

        arrays = np.zeros((len(cells), *_affordable(self.column, self.shape, rows=len(cells), bytes_each=4)), np.int32)
        tokenization = Tokenization(**self.tokenization)
        for row, text in enumerate(present_text(cells, self.column).to_list()):
            symbols = [] if text is None else spelled(tokenization.tokens(text)[: self.words], most=self.length)
            arrays[row, : len(symbols)] = symbols
        return arrays


def recognize(cells: Cells) -> Claim | None:
    """Claim text of several words that mostly does not repeat."""
    if not cells.is_text or cells.present < FEW_ROWS or len(cells.values) < DISTINCT_SHARE * cells.present:
        return None
    words = mean_words(cells)
    if words < WORDS_OF_TEXT:
        return None
    why = f"{words:.1f} words a cell, {len(cells.values)} of {cells.present} different{missing_clause(cells)}"
    return Claim(why=why, strength=STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it."""
    return Claim(why=f"declared text in the recipe{missing_clause(cells)}", strength=STRENGTH)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return text, null where missing."""
    return present_text(cells, column)


def fit(values: pl.Series, column: Column, settings: DataSettings) -> TextEncoder:
    """Return the encoder that the training texts call for.

    Raises:
        DataError: no word occurs in two training texts, or the folder of a pretrained encoder is damaged.
        RequestError: there is no such folder. SurroundingsError: the package that cuts its pieces is not installed.
    """
    fitting = TextsFitting(column, settings)
    fitting.add(values)
    return fitting.encoder()


class TextsFitting:
    """An encoder in the making: of the training texts, which come in parts, some are kept, evenly spread."""

    def __init__(self, column: Column, settings: DataSettings) -> None:
        self._column, self._settings = column, settings
        self._kept = pl.Series(dtype=pl.String)
        self._seen, self._every = 0, 1  # texts; each so many-th is kept

    def add(self, values: pl.Series) -> None:
        """See some more texts, null where missing."""
        present = values.drop_nulls().alias("")
        # Joined with nothing, a text is a copy: as it comes, it points into all the text that it came with.
        self._kept = pl.concat([self._kept, present.gather_every(self._every, -self._seen % self._every) + ""])
        self._seen += len(present)
        while len(self._kept) > 1 and (len(self._kept) > FITTED_ON or self._kept.str.len_bytes().sum() > FITTED_BYTES):
            self._kept, self._every = self._kept.gather_every(2) + "", 2 * self._every

    def encoder(self) -> TextEncoder:
        """Return the encoder that the texts seen so far call for.

        Raises:
            DataError, RequestError, SurroundingsError: as `fit` says.
        """
        column = self._column
        if not len(self._kept):
            raise DataError(
                f'column "{column.name}" must hold text, but its training rows have none; drop it with --drop'
            )
        return FORMS[self._settings.text](self._kept.to_list(), column, self._settings)


def encoded_bytes(settings: DataSettings) -> int:
    """Return how many bytes an encoded text takes at most."""
    assert settings.text_length != "auto"
    return settings.text_length * (8 if settings.text == "terms" else 4)


def _fit_terms(texts: list[str], column: Column, settings: DataSettings) -> TermsEncoder:
    assert settings.vocabulary_size != "auto"
    limits = {"min_df": FEWEST, "max_features": settings.vocabulary_size}
    try:
        vectorizer, lengths = _learned(_vectorizer(**limits), texts)
    except DataError:
        raise DataError(_without_words(column, len(texts))) from None
    vocabulary, idf = tuple(vectorizer.vocabulary_), tuple(vectorizer.idf_.tolist())
    runs = 0
    if settings.letter_runs:
        try:
            of_runs, further = _learned(_of_runs(**limits), texts)
        except DataError:  # words of a script that has none of three letters
            pass
        else:
            runs, lengths = len(of_runs.vocabulary_), lengths + further
            vocabulary, idf = (*vocabulary, *of_runs.vocabulary_), (*idf, *of_runs.idf_.tolist())
    length, cut = _length(lengths, settings)
    return TermsEncoder(column=column, length=length, vocabulary=vocabulary, idf=idf, cut=cut, runs=runs)


def _fit_words(texts: list[str], column: Column, settings: DataSettings) -> WordsEncoder:
    assert settings.vocabulary_size != "auto"
    words, ids, lengths = _words_of(texts)
    counts = np.bincount(ids, minlength=len(words))
    order = np.argsort(-counts, kind="stable")[: min(int((counts >= FEWEST).sum()), settings.vocabulary_size)]
    if not len(order):
        raise DataError(_without_words(column, len(texts)))
    length, cut = _length(lengths, settings)
    vocabulary = ("", *(words[number] for number in order.tolist()))
    return WordsEncoder(column=column, length=length, vocabulary=vocabulary, cut=cut)


def _fit_byte_pairs(texts: list[str], column: Column, settings: DataSettings) -> BytePairsEncoder:
    from fitwell.pretrained.byte_pairs import byte_pair_tokenizer, byte_pairs_for
    from fitwell.pretrained.tokenizer import cut

    assert settings.vocabulary_size != "auto"
    assert settings.text_length != "auto"
    pairs = byte_pairs_for(texts, size=settings.vocabulary_size)
    found = cut(byte_pair_tokenizer(pairs), texts, longest=settings.text_length + 1)  # by which longer ones are told
    length, shortened = _length(np.array([len(numbers) for numbers in found.numbers]), settings)
    return BytePairsEncoder(column=column, length=length, pairs=pairs, cut=shortened)


def _fit_pieces(texts: list[str], column: Column, settings: DataSettings) -> PiecesEncoder | SpelledEncoder:
    from fitwell.pretrained.folder import open_folder
    from fitwell.pretrained.tokenizer import cut, opened
    from fitwell.words.bilm.model import is_elmo

    assert settings.text_encoder is not None
    assert settings.text_length != "auto"
    if is_elmo(settings.text_encoder):
        return _fit_spelled(texts, column, settings)
    folder = open_folder(settings.text_encoder)
    longest = min(folder.configuration.longest, settings.text_length)
    tokenizer = opened(folder.tokenizer, source=settings.text_encoder)
    found = cut(tokenizer, texts, longest=longest)
    return PiecesEncoder(
        column=column,
        length=max(map(len, found.numbers)),  # nothing is computed for what fills up shorter texts
        configuration=folder.configuration.as_text(),
        tokenizer=folder.tokenizer,
        folder=settings.text_encoder,
        cut=found.shortened,
    )


def _fit_spelled(texts: list[str], column: Column, settings: DataSettings) -> SpelledEncoder:
    from dataclasses import asdict

    from fitwell.words.bilm.characters import spelled
    from fitwell.words.bilm.model import configuration_of, load_elmo

    assert settings.text_encoder is not None
    assert settings.text_length != "auto"
    model = load_elmo(settings.text_encoder)
    cut = [model.tokenization.tokens(text) for text in texts]
    kept = [words[: settings.text_length] for words in cut]
    return SpelledEncoder(
        column=column,
        length=max(1, *(len(spelled(words)) for words in kept)),
        words=settings.text_length,
        configuration=configuration_of(model),
        tokenization=asdict(model.tokenization),
        folder=settings.text_encoder,
        cut=sum(len(words) > settings.text_length for words in cut),
    )


TextEncoder: TypeAlias = "TermsEncoder | WordsEncoder | BytePairsEncoder | PiecesEncoder | SpelledEncoder"

FORMS: dict[str, Callable[[list[str], Column, DataSettings], TextEncoder]] = {
    "terms": _fit_terms,
    "words": _fit_words,
    "byte_pairs": _fit_byte_pairs,
    "pieces": _fit_pieces,
}


def _vectorizer(**limits: Any) -> TfidfVectorizer:
    """Return what counts and weighs terms; lengths are divided by afterwards, once a row's entries are in order."""
    from fitwell.words.tf_idf import TfidfVectorizer

    return TfidfVectorizer(token_pattern=WORDS, ngram_range=PAIRS, sublinear_tf=True, norm=None, **limits)


def _of_runs(**limits: Any) -> TfidfVectorizer:
    """Return what counts and weighs runs of letters within words."""
    from fitwell.words.tf_idf import TfidfVectorizer

    return TfidfVectorizer(analyzer="char_wb", ngram_range=RUNS, sublinear_tf=True, norm=None, **limits)


def _learned(vectorizer: TfidfVectorizer, texts: list[str]) -> tuple[TfidfVectorizer, Int[np.ndarray, " texts"]]:
    """Return a vectorizer that knows the terms of texts, and how many of these each text has."""
    return vectorizer, np.diff(vectorizer.fit_transform(texts).indptr)


def _weighed(matrix: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the row, the number and the weight of each term of some texts, whose weights have length 1 in each."""
    matrix.sort_indices()  # rounding must not depend on which other texts are there
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    norms = np.sqrt(np.bincount(row, matrix.data**2, minlength=matrix.shape[0]))
    return row, matrix.indices, matrix.data / norms[row]


def _words_of(texts: Sequence[str]) -> tuple[list[str], Int32[np.ndarray, " tokens"], Int[np.ndarray, " texts"]]:
    """Return the words that occur, all texts end to end as numbers of them, and how many words each text has."""
    from fitwell.words.interning import decoded, interned
    from fitwell.words.texts import piece_of
    from fitwell.words.tokens import Tokenization

    found = interned(piece_of(texts), Tokenization(pattern=WORDS, lowercase=True))
    return decoded(found.letters, found.offsets), found.ids, np.diff(found.ends, prepend=0)


def _in_pieces(
    cells: pl.Series, column: Column, tokenizer: Tokenizer, *, length: int
) -> Int32[np.ndarray, "rows pieces"]:
    """Return one more than the numbers of the pieces that each text is cut into, and 0 after them."""
    from fitwell.pretrained.tokenizer import cut

    arrays = np.zeros((len(cells), *_affordable(column, (length,), rows=len(cells), bytes_each=4)), np.int32)
    for start, texts in _chunks(present_text(cells, column)):
        present = [place for place, text in enumerate(texts) if text]  # a missing text has no pieces, not even marks
        found = cut(tokenizer, [texts[place] for place in present], longest=length)
        for place, numbers in zip(present, found.numbers, strict=True):
            arrays[start + place, : len(numbers)] = numbers
            arrays[start + place, : len(numbers)] += 1
    return arrays


def _length(lengths: Int[np.ndarray, " texts"], settings: DataSettings) -> tuple[int, int]:
    """Return how long encoded texts are, and how many of these are longer."""
    assert settings.text_length != "auto"
    usual = int(np.quantile(lengths, WHOLE_SHARE, method="higher"))
    length = max(1, min(usual, settings.text_length))
    return length, int((lengths > length).sum())


def _chunks(texts: pl.Series) -> Iterator[tuple[int, list[str]]]:
    """Yield where some texts begin, and them; one that is larger than what is taken at a time comes alone."""
    ends = texts.str.len_bytes().fill_null(0).cast(pl.Int64).cum_sum().to_numpy()
    start = 0
    while start < len(texts):
        read = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, read + CHUNK_BYTES, side="right"))
        stop = min(start + CHUNK, max(start + 1, fitting))
        yield start, texts[start:stop].fill_null("").to_list()
        start = stop


def _affordable(column: Column, shape: tuple[int, ...], *, rows: int, bytes_each: int) -> tuple[int, ...]:
    """Return the shape where so many rows of it fit into memory.

    Raises:
        DataError: they do not.
    """
    needed = rows * bytes_each * int(np.prod(shape))
    if needed > MOST_BYTES:
        raise DataError(
            f'the {rows:,} texts of column "{column.name}" must fit into {MOST_BYTES / 2**30:g} GB, but take '
            f"{needed / 2**30:.1f} GB at {shape[0]:,} words each; set data.streaming to always, or data.text_length, "
            f"such as {shape[0] // 2}"
        )
    return shape


def _without_words(column: Column, texts: int) -> str:
    return (
        f'column "{column.name}" must hold words that occur again, but no word is in two of its {texts:,} training '
        "texts; drop it with --drop, or let its kind be identifier"
    )


def _built(**fields: Any) -> TextEncoder:
    """Return the encoder that has these fields."""
    if "tokenization" in fields:
        return SpelledEncoder(**fields)
    if "pairs" in fields:
        return BytePairsEncoder(**fields)
    if "tokenizer" in fields:
        return PiecesEncoder(**fields)
    return TermsEncoder(**fields) if "idf" in fields else WordsEncoder(**fields)


KIND = Kind(
    recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=TextsFitting, encoder=_built, is_array=True
)
