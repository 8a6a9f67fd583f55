"""An index as a value that nothing changes: asked, it says which documents are nearest to what was meant."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fitwell.errors import DataError, RequestError, nearest
from fitwell.search.building import Settings
from fitwell.search.documents import Document
from fitwell.search.fusing import Weights, by_reciprocal_ranks, by_weights
from fitwell.search.listing import Listing, best_documents
from fitwell.search.lists import Postings, Ranked, WeightedTerms
from fitwell.search.mean_vectors import WordTable, mean_vectors
from fitwell.search.postings import found, highest_of
from fitwell.search.sentence_vectors import opened_encoder, require_same
from fitwell.search.stemming import STEMMERS
from fitwell.search.store import AGAIN, CODES, Generation, newest
from fitwell.search.terms import TOKENS, Asked, ask, words_of
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.search.coding import Codes
from fitwell.vectors.search.exact import nearest as nearest_rows
from fitwell.words.interning import Interned, decoded

if TYPE_CHECKING:
    from fitwell.pretrained.encoder import Encoder

FUSION, LEARNED = "fusion", "learned"
DEPTH = 200  # documents of each way that a fusion looks at, at the least


class Hit(NamedTuple):
    """A document that was found: its best passage, and where that stands, counted in characters."""

    id: str
    score: float  # comparable within one query and one way of ranking only
    text: str
    start: int
    end: int


class Queries(NamedTuple):
    """What is asked, as texts and as their words."""

    texts: Sequence[str]
    words: Interned


@dataclass(frozen=True, eq=False)
class Index:
    """Documents that can be found by meaning and by words.

    Its arrays are mapped from files that never change: any number of processes may have it open, and one that adds
    documents meanwhile does not disturb them; open it again to see these.
    """

    generation: Generation = field(repr=False)

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.generation["id_ends"])

    def __repr__(self) -> str:
        """Tell what there is."""
        stems = "" if self.settings.stemmer == "none" else f", {self.settings.stemmer} stems"
        return f"Index({len(self):,} documents, {', '.join(self.settings.ways)}{stems})"

    @property
    def path(self) -> Path:
        """The folder of the index."""
        return self.generation.folder.parent

    @cached_property
    def settings(self) -> Settings:
        """How it was made.

        Raises:
            DataError: index.json says something that no index has.
        """
        try:
            told = dict(self.generation.about["settings"])
            return Settings(**{**told, "ways": tuple(told["ways"])})
        except (KeyError, TypeError, RequestError) as error:
            place = self.generation.folder / "index.json"
            raise DataError(f"the index is damaged: {place} is not what Fitwell writes ({error}); {AGAIN}") from None

    @property
    def rankings(self) -> tuple[str, ...]:
        """The ways of ranking that can be asked for, the one that is taken without asking first."""
        ways = self.settings.ways
        fused = (FUSION,) if self.learned is None else (LEARNED, FUSION)
        return (*fused, *ways) if len(ways) > 1 else ways

    @cached_property
    def learned(self) -> Weights | None:
        """What `learn` found each way to be worth, as `by_weights` takes it; None if nothing was learned.

        Raises:
            DataError: index.json says something that no index has.
        """
        told = self.generation.about.get("learned")
        if told is None:
            return None
        try:
            weights = np.array(told["weights"], np.float64)
            if weights.shape == (2 * len(self.settings.ways),) and np.isfinite(weights).all():
                return weights
        except (KeyError, TypeError, ValueError):
            pass
        raise DataError(f"the index is damaged: what {self.generation.folder} has learned is not weights; {AGAIN}")

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all documents, in order."""
        return decoded(self.generation["id_letters"], np.concatenate([[0], self.generation["id_ends"]]))

    def documents(self) -> list[Document]:
        """Return all documents, in order."""
        texts = decoded(self.generation["text_letters"], np.concatenate([[0], self.generation["text_ends"]]))
        return [Document(*pair) for pair in zip(self.ids, texts, strict=True)]

    @cached_property
    def answers(self) -> list[str]:
        """The answers of a FAQ, in the order of its questions; empty where the documents are none."""
        if "answer_ends" not in self.generation:
            return []
        ends = np.concatenate([[0], self.generation["answer_ends"]])
        return decoded(self.generation["answer_letters"], ends)

    def query(self, text: str, count: int = 10, *, by: str | None = None) -> list[Hit]:
        """Return the documents that answer a query best, the best first, at most `count`.

        `by` is one of `rankings`, the first of them without asking. Documents that share nothing with the query are
        not returned.

        Raises:
            RequestError: the way of ranking is none of this index, or the count is below 1.
            DataError: the index is damaged.
        """
        listing = self.ranked([text], count, by=by)
        pairs = zip(listing.passages[0].tolist(), listing.scores[0].tolist(), strict=True)
        return [self._hit(passage, score) for passage, score in pairs if passage >= 0]

    def ranked(self, texts: Sequence[str], count: int = 10, *, by: str | None = None) -> Listing:
        """Return the same for many queries, as arrays (queries, count): numbers of documents and passages, and scores.

        Where a query has found no more, the numbers are -1.
        """
        if count < 1:
            raise RequestError(f"the count must be 1 or more, but is {count}")
        by = by or self.rankings[0]
        if by not in self.rankings:
            known = ", ".join(self.rankings)
            raise RequestError(f'this index ranks by {known}, but "{by}" is none of them{nearest(by, self.rankings)}')
        count = min(count, len(self))
        if by in SEARCHES:
            return self._by_way(Queries(texts, words_of(texts)), count, by)
        listings = self.listings(texts, count)
        weights = self.learned
        return (
            by_reciprocal_ranks(listings, count)
            if by == FUSION or weights is None
            else by_weights(listings, weights, count)
        )

    def listings(self, texts: Sequence[str], count: int) -> list[Listing]:
        """Return what a fusion goes by: the rankings of all ways, at least `DEPTH` documents of each."""
        queries = Queries(texts, words_of(texts))
        return [self._by_way(queries, min(max(count, DEPTH), len(self)), way) for way in self.settings.ways]

    def _by_way(self, queries: Queries, count: int, way: str) -> Listing:
        return best_documents(partial(SEARCHES[way], self, queries), self.generation["passage_documents"], count)

    def nothing_found(self, text: str) -> str:
        """Say why a query finds nothing."""
        words = list(dict.fromkeys(TOKENS.tokens(text)))
        if not words:
            return "the query has no word in it"
        shown = (
            f'"{words[0]}"'
            if len(words) == 1
            else f"{len(words)} words ({', '.join(words[:3])}{', …' * (len(words) > 3)})"
        )
        known = self._terms if self._terms else self.word_numbers
        offered = nearest(max(words, key=len), known) or "; is it in the language of the documents?"
        return f"none of the query's {shown} is in the {len(self):,} documents{offered}"

    def asked(self, words: Interned) -> Asked:
        """Return queries as terms of the index."""
        return ask(words, self._terms, STEMMERS[self.settings.stemmer])

    def postings(self, way: str) -> Postings:
        """Return the lists of a way of ranking by terms."""
        if way not in self._postings:
            self._postings[way] = _sound(self.generation, f"{way}_impacts")
        return self._postings[way]

    def vectors(self, way: str) -> tuple[NDArray[np.float32], Codes | None]:
        """Return the vectors of all passages, and the codes that make searching them faster."""
        matrix = self.generation[f"{way}_vectors"]
        if f"{way}_packed" not in self.generation:
            return matrix, None
        packed, scales, tangents, norms, levels = (self.generation[f"{way}_{name}"] for name in list(CODES)[:-1])
        longest, widest = self.generation[f"{way}_bounds"].tolist()
        return matrix, Codes(packed, scales, tangents, norms, levels, longest, widest)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder that has read the documents, opened and tried on the shortest passage.

        Raises:
            RequestError: it is not where it was. DataError: there is another one.
        """
        assert self.settings.encoder is not None
        encoder = opened_encoder(self.settings.encoder)
        vectors = self.generation["sentences_vectors"]
        lengths = self.generation["passage_ends"] - self.generation["passage_starts"]
        passages = np.flatnonzero(vectors.any(axis=1))
        if len(passages):
            shortest = int(passages[lengths[passages].argmin()])
            require_same(encoder, self.passage(shortest), vectors[shortest], self.settings.encoder)
        return encoder

    @cached_property
    def word_table(self) -> WordTable:
        """The words that have vectors."""
        ends = np.concatenate([[0], self.generation["word_ends"]])
        return WordTable(
            words=decoded(self.generation["word_letters"], ends),
            vectors=self.generation["word_vectors"],
            weights=self.generation["word_weights"],
            common=self.generation["words_common"],
        )

    @cached_property
    def word_numbers(self) -> dict[str, int]:
        """The row of each word that has a vector."""
        return {word: number for number, word in enumerate(self.word_table.words)}

    @cached_property
    def _terms(self) -> dict[str, int]:
        if "term_ends" not in self.generation:
            return {}
        ends = np.concatenate([[0], self.generation["term_ends"]])
        return {term: number for number, term in enumerate(decoded(self.generation["term_letters"], ends))}

    @cached_property
    def _postings(self) -> dict[str, Postings]:
        return {}

    def passage(self, number: int) -> str:
        """Return the text of a passage."""
        return self._text(*(int(self.generation[f"passage_{end}"][number]) for end in ("starts", "ends")))

    def _hit(self, passage: int, score: float) -> Hit:
        owner = int(self.generation["passage_documents"][passage])
        begin = int(self.generation["text_ends"][owner - 1]) if owner else 0
        before, text = self._text(begin, int(self.generation["passage_starts"][passage])), self.passage(passage)
        return Hit(self.ids[owner], score, text, len(before), len(before) + len(text))

    def _text(self, first: int, last: int) -> str:
        return str(self.generation["text_letters"][first:last].tobytes(), "utf-8", "surrogatepass")


def open_index(path: str | Path) -> Index:
    """Return the index in a folder, as it stands now.

    Raises:
        DataError: there is no index, or it is damaged, or of a newer version.
    """
    index = Index(newest(path))
    _ = index.settings
    return index


def query_sum(query: str) -> int:
    """Return a number by which a query is recognized."""
    return zlib.crc32(query.encode("utf-8", "surrogatepass"))


def _sound(generation: Generation, impacts: str) -> Postings:
    """Return lists whose numbers lead nowhere else: compiled loops trust them."""
    starts, passages, values = generation["list_starts"], generation["list_passages"], generation[impacts]
    size = len(generation["passage_documents"])
    fits = len(starts) == len(generation["term_ends"]) + 1 and starts[0] == 0 and starts[-1] == len(passages)
    if not (fits and np.all(np.diff(starts) > 0) and len(values) == len(passages)):
        raise DataError(f"the index is damaged: the lists in {generation.folder} do not belong together; {AGAIN}")
    if len(passages) and not 0 <= int(passages.min()) <= int(passages.max()) < size:
        raise DataError(f"the index is damaged: lists in {generation.folder} name passages beyond {size}; {AGAIN}")
    return Postings(starts, passages, values, highest_of(starts, values), size)


def _by_bm25(index: Index, queries: Queries, count: int) -> Ranked:
    asked = index.asked(queries.words)
    return found(
        index.postings("bm25"), WeightedTerms(asked.terms, asked.counts.astype(np.float32), asked.ends), count=count
    )


def _by_tfidf(index: Index, queries: Queries, count: int) -> Ranked:
    asked = index.asked(queries.words)
    weights = (1 + np.log(asked.counts)) * index.generation["tfidf_idf"][asked.terms]
    lengths = np.sqrt(np.add.reduceat(np.append(weights**2, 0), asked.ends[:-1])) if len(weights) else np.ones(0)
    weights /= np.repeat(lengths, np.diff(asked.ends)) if len(weights) else 1
    return found(
        index.postings("tfidf"), WeightedTerms(asked.terms, weights.astype(np.float32), asked.ends), count=count
    )


def _by_words(index: Index, queries: Queries, count: int) -> Ranked:
    asked = ask(queries.words, index.word_numbers, STEMMERS["none"])
    shape = (len(asked.ends) - 1, len(index.word_numbers))
    means = mean_vectors(index.word_table, sp.csr_matrix((asked.counts, asked.terms, asked.ends), shape=shape))
    return _by_vectors(index, "words", means, count)


def _by_sentences(index: Index, queries: Queries, count: int) -> Ranked:
    vectors = index.encoder.encode(queries.texts).astype(np.float64)
    vectors[[not text.strip() for text in queries.texts]] = 0
    return _by_vectors(index, "sentences", vectors, count)


def _by_vectors(index: Index, way: str, means: NDArray[np.float64], count: int) -> Ranked:
    matrix, codes = index.vectors(way)
    count = min(count, len(matrix))
    ranked = Ranked(np.full((len(means), count), -1, np.int64), np.zeros((len(means), count)))
    known = np.flatnonzero(means.any(axis=1))  # what has no direction has no neighbors
    if len(known):
        near = nearest_rows(matrix, unit_rows(means[known]), count=count, codes=codes)
        ranked.documents[known] = np.where(near.similarities == 0, -1, near.rows)
        ranked.scores[known] = near.similarities
    return ranked


SEARCHES: dict[str, Callable[[Index, Queries, int], Ranked]] = {
    "bm25": _by_bm25,
    "tfidf": _by_tfidf,
    "words": _by_words,
    "sentences": _by_sentences,
}
