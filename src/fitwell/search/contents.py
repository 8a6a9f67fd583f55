"""What an index holds, opened from its files when it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import DataError, RequestError
from fitwell.search.building import Settings
from fitwell.search.documents import Document
from fitwell.search.lists import Postings
from fitwell.search.mean_vectors import WordTable
from fitwell.search.postings import highest_of
from fitwell.search.sentence_vectors import opened_encoder, require_same
from fitwell.search.stemming import STEMMERS
from fitwell.search.store import AGAIN, CODES, GRAPH, Generation
from fitwell.search.terms import Asked, ask
from fitwell.vectors.search.coding import Codes
from fitwell.vectors.search.graphs import Graph, Opened, is_installed, opened
from fitwell.words.interning import Interned, decoded

if TYPE_CHECKING:
    from fitwell.pretrained.encoder import Encoder


class Hit(NamedTuple):
    """A document that was found: its best passage, and where that stands, counted in characters."""

    id: str
    score: float  # comparable within one query and one way of ranking only
    text: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Contents:
    """What an index holds, each part opened when it is first needed."""

    generation: Generation = field(repr=False)
    is_exact: bool = False  # whether vectors are all compared, though there is a graph

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

    @cached_property
    def terms(self) -> dict[str, int]:
        """The number of each term; none where no way ranks by terms."""
        if "term_ends" not in self.generation:
            return {}
        ends = np.concatenate([[0], self.generation["term_ends"]])
        return {term: number for number, term in enumerate(decoded(self.generation["term_letters"], ends))}

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

    def graph(self, way: str) -> Graph | None:
        """Return the graph over the vectors of all passages, if there is one."""
        if f"{way}_graph_rows" not in self.generation:
            return None
        return Graph(*(self.generation[f"{way}_graph_{name}"] for name in GRAPH))

    def walked(self, way: str) -> Opened | None:
        """Return the graph that a search walks along, or None where it compares with all vectors.

        Raises:
            DataError: the graph does not belong to the passages.
        """
        if way not in self._walked:
            graph = None if self.is_exact else self.graph(way)
            self._walked[way] = self._opened(graph, f"{way}_vectors") if graph and is_installed() else None
        return self._walked[way]

    def _opened(self, graph: Graph, vectors: str) -> Opened:
        count, width = self.generation[vectors].shape
        named = np.concatenate([graph.rows[graph.rows >= 0], graph.beside])
        place = self.generation.folder
        if len(named) and not (0 <= named.min() <= named.max() < count and len(np.unique(named)) == len(named)):
            raise DataError(f"the index is damaged: the graph in {place} names passages that there are not; {AGAIN}")
        try:
            return opened(graph, width=width)
        except DataError as error:
            raise DataError(f"the index is damaged: the graph in {place} cannot be used ({error}); {AGAIN}") from None

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

    def asked(self, words: Interned) -> Asked:
        """Return queries as terms of the index."""
        return ask(words, self.terms, STEMMERS[self.settings.stemmer])

    def passage(self, number: int) -> str:
        """Return the text of a passage."""
        return self._text(*(int(self.generation[f"passage_{end}"][number]) for end in ("starts", "ends")))

    def hit(self, passage: int, score: float) -> Hit:
        """Return the document that a passage is of, as what was found."""
        owner = int(self.generation["passage_documents"][passage])
        begin = int(self.generation["text_ends"][owner - 1]) if owner else 0
        before, text = self._text(begin, int(self.generation["passage_starts"][passage])), self.passage(passage)
        return Hit(self.ids[owner], score, text, len(before), len(before) + len(text))

    def _text(self, first: int, last: int) -> str:
        return str(self.generation["text_letters"][first:last].tobytes(), "utf-8", "surrogatepass")

    @cached_property
    def _walked(self) -> dict[str, Opened | None]:
        return {}

    @cached_property
    def _postings(self) -> dict[str, Postings]:
        return {}


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
