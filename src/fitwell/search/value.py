"""An index as a value that nothing changes: asked, it says which documents are nearest to what was meant."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import DataError, RequestError, nearest
from fitwell.search.building import Settings
from fitwell.search.contents import Contents, Hit
from fitwell.search.documents import Document
from fitwell.search.fusing import Weights, by_reciprocal_ranks, by_weights
from fitwell.search.listing import Listing, best_documents
from fitwell.search.ranking import SEARCHES, Queries
from fitwell.search.store import AGAIN, Generation, newest
from fitwell.search.terms import TOKENS, words_of
from fitwell.vectors.search.graphs import WITHOUT, is_installed

FUSION, LEARNED = "fusion", "learned"
DEPTH = 200  # documents of each way that a fusion looks at, at the least


@dataclass(frozen=True, eq=False)
class Index:
    """Documents that can be found by meaning and by words.

    Its arrays are mapped from files that never change: any number of processes may have it open, and one that adds
    documents meanwhile does not disturb them; open it again to see these.
    """

    generation: Generation = field(repr=False)
    is_exact: bool = False  # whether vectors are all compared, however many they are

    def __len__(self) -> int:
        """Count the documents."""
        return len(self.generation["id_ends"])

    def __repr__(self) -> str:
        """Tell what there is."""
        stems = "" if self.settings.stemmer == "none" else f", {self.settings.stemmer} stems"
        return f"Index({len(self):,} document{'' if len(self) == 1 else 's'}, {', '.join(self.settings.ways)}{stems})"

    @cached_property
    def contents(self) -> Contents:
        """What it holds."""
        return Contents(self.generation, self.is_exact)

    @property
    def path(self) -> Path:
        """The folder of the index."""
        return self.generation.folder.parent

    @property
    def settings(self) -> Settings:
        """How it was made."""
        return self.contents.settings

    @property
    def rankings(self) -> tuple[str, ...]:
        """The ways of ranking that can be asked for, the one that is taken without asking first."""
        ways = self.settings.ways
        fused = (FUSION,) if self.learned is None else (LEARNED, FUSION)
        return (*fused, *ways) if len(ways) > 1 else ways

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say about how it searches."""
        missing = any(self.contents.graph(way) for way in self.settings.ways) and not is_installed()
        return (f"vectors are all compared, which takes longer: {WITHOUT}",) if missing and not self.is_exact else ()

    def require_ranking(self, by: str) -> None:
        """Refuse a way of ranking that cannot be asked for.

        Raises:
            RequestError: it is none of `rankings`.
        """
        if by not in self.rankings:
            known = ", ".join(self.rankings)
            raise RequestError(f'this index ranks by {known}, but "{by}" is none of them{nearest(by, self.rankings)}')

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

    @property
    def ids(self) -> list[str]:
        """The ids of all documents, in order."""
        return self.contents.ids

    def documents(self) -> list[Document]:
        """Return all documents, in order."""
        return self.contents.documents()

    @property
    def answers(self) -> list[str]:
        """The answers of a FAQ, in the order of its questions; empty where the documents are none."""
        return self.contents.answers

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
        return [self.contents.hit(passage, score) for passage, score in pairs if passage >= 0]

    def ranked(self, texts: Sequence[str], count: int = 10, *, by: str | None = None) -> Listing:
        """Return the same for many queries, as arrays (queries, count): numbers of documents and passages, and scores.

        Where a query has found no more, the numbers are -1.
        """
        if count < 1:
            raise RequestError(f"the count must be 1 or more, but is {count}")
        by = by or self.rankings[0]
        self.require_ranking(by)
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

    def alike(self, numbers: NDArray[np.int64], count: int, *, by: str) -> Listing:
        """Return the same for documents of the index, by their numbers, which are found themselves too.

        Vectors that there are need no encoder. `by` is a way of ranking, no fusion.
        """
        first = np.searchsorted(self.generation["passage_documents"], numbers)
        texts = [self.contents.passage(number) for number in first.tolist()]
        return self._by_way(Queries(texts, words_of(texts), first), min(count, len(self)), by)

    def listings(self, texts: Sequence[str], count: int) -> list[Listing]:
        """Return what a fusion goes by: the rankings of all ways, at least `DEPTH` documents of each."""
        queries = Queries(texts, words_of(texts))
        return [self._by_way(queries, min(max(count, DEPTH), len(self)), way) for way in self.settings.ways]

    def _by_way(self, queries: Queries, count: int, way: str) -> Listing:
        search = partial(SEARCHES[way], self.contents, queries)
        return best_documents(search, self.generation["passage_documents"], count)

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
        known = self.contents.terms or self.contents.word_numbers
        offered = nearest(max(words, key=len), known) or "; is it in the language of the documents?"
        return f"none of the query's {shown} is in the {len(self):,} documents{offered}"


def open_index(path: str | Path, *, exact: bool = False) -> Index:
    """Return the index in a folder, as it stands now; `exact` compares all vectors, however many they are.

    Raises:
        DataError: there is no index, or it is damaged, or of a newer version.
    """
    index = Index(newest(path), exact)
    _ = index.settings
    return index


def query_sum(query: str) -> int:
    """Return a number by which a query is recognized."""
    return zlib.crc32(query.encode("utf-8", "surrogatepass"))
