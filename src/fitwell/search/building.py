"""Documents become the arrays of an index; the same ones whether they came at once or were added one by one.

What can be computed from the documents is computed anew whenever they change, so that an index that was changed is the
index of what it holds. Kept are the vectors of words, which are learned or read once, and those of sentences, which
are costly, by passage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fitwell.errors import RequestError, nearest
from fitwell.search.documents import Document
from fitwell.search.mean_vectors import weighted
from fitwell.search.passages import Span, passages_of, require_longest
from fitwell.search.postings import postings_of
from fitwell.search.sentence_vectors import encoded, opened_encoder
from fitwell.search.stemming import STEMMERS, Stemmer
from fitwell.search.store import Array
from fitwell.search.terms import TOKENS, Counted, as_terms, count_words
from fitwell.vectors import Vectors
from fitwell.vectors.search.codes import coded
from fitwell.vectors.search.exact import worth_coding
from fitwell.vectors.search.graphs import WITHOUT, Graph, graph_of, is_installed, renumbered

Way = Literal["bm25", "tfidf", "words", "sentences"]
WAYS: tuple[Way, ...] = get_args(Way)
WITH_VECTORS: tuple[Way, ...] = ("words", "sentences")

EXACT_UNTIL = 1_000_000  # vectors that are all compared in a search, unless set
LEARNED_WORDS = 5_000_000  # words that training goes through, in as many epochs as that takes
MOST_EPOCHS = 50


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an index is made."""

    ways: tuple[Way, ...]
    stemmer: Stemmer = "none"
    passages: int | None = None  # words of a passage at most; None leaves documents whole
    k1: float = 1.5
    b: float = 0.75
    encoder: str | None = None  # the folder of the one that reads documents and queries for "sentences"
    exact_until: int = EXACT_UNTIL  # vectors; where there are more, a graph finds near ones

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        if not self.ways:
            raise RequestError(f"an index needs a way of ranking, of {', '.join(WAYS)}")
        for way in self.ways:
            if way not in WAYS:
                raise RequestError(f'ways of ranking are {", ".join(WAYS)}, but "{way}" is none{nearest(way, WAYS)}')
        if self.stemmer not in STEMMERS:
            known = ", ".join(STEMMERS)
            raise RequestError(f'stemmers are {known}, but "{self.stemmer}" is none{nearest(self.stemmer, STEMMERS)}')
        if ("sentences" in self.ways) != (self.encoder is not None):
            raise RequestError(
                'the way "sentences" needs the folder of an encoder, and nothing else does; name it by --encoder, or '
                "leave both out"
            )
        require_longest(self.passages)
        if self.exact_until < 0:
            raise RequestError(f"exact_until must be a number of vectors, 0 or more, but is {self.exact_until}")

    def as_json(self) -> dict[str, Any]:
        """Give the form in which the index keeps them."""
        return {**asdict(self), "ways": list(self.ways)}


class Earlier(NamedTuple):
    """What an index was before its documents changed, as far as graphs go by it."""

    graphs: Mapping[Way, Graph]
    owners: NDArray[np.int32]  # (passages then,): the document of each
    numbers: NDArray[np.int64]  # (documents then,): what each is now, -1 where it is gone or has another text


NOTHING_EARLIER = Earlier({}, np.zeros(0, np.int32), np.zeros(0, np.int64))


class Built(NamedTuple):
    """The arrays of an index, and what there is to say about them."""

    arrays: dict[str, Array]
    notes: tuple[str, ...]


def built(
    documents: Sequence[Document],
    settings: Settings,
    *,
    words: Vectors | None,
    kept: Mapping[str, NDArray[np.float32]],
    earlier: Earlier = NOTHING_EARLIER,
    answers: Mapping[str, str] | None = None,
    threads: int | None = None,
) -> Built:
    """Return the arrays of an index of these documents; of a FAQ, with the answers by the ids of its questions.

    `words` are the words' vectors if there is a way that needs them, `kept` the encoder's vectors of some passages,
    `earlier` has the graphs that are made anew only where they must.
    """
    texts, arrays = _cut(documents, settings.passages)
    arrays |= _answers(documents, answers or {})
    counted = count_words(texts, threads=threads)
    notes: tuple[str, ...] = ()
    if {"bm25", "tfidf"} & set(settings.ways):
        arrays |= _lists(as_terms(counted, STEMMERS[settings.stemmer]), settings)
    if words is not None:
        arrays |= _means(words, counted)
    if settings.encoder is not None:
        made = encoded(texts, opened_encoder(settings.encoder), kept)
        arrays |= vector_arrays("sentences", made.vectors)
        notes = _shortened(made.shortened, settings.passages)
    if len(texts) > settings.exact_until and (ways := [way for way in WITH_VECTORS if way in settings.ways]):
        notes += (_approximate(len(texts)),)
        if is_installed():
            passages = _numbers_now(earlier, arrays["passage_documents"])
            for way in ways:
                before = renumbered(earlier.graphs[way], passages) if way in earlier.graphs else None
                arrays |= graph_arrays(way, graph_of(arrays[f"{way}_vectors"], before=before, threads=threads))
    return Built(arrays, notes)


def _approximate(count: int) -> str:
    if is_installed():
        return f"{count:,} vectors are searched along a graph, which may miss a near one; --exact compares with all"
    return f"{count:,} vectors are all compared in every search: {WITHOUT}, and make the index again"


def _numbers_now(earlier: Earlier, owners: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return what number each earlier passage has now, -1 where it is gone: a document that stayed is cut as before."""
    if not earlier.graphs:
        return np.zeros(0, np.int32)
    first = np.searchsorted(earlier.owners, earlier.owners)  # the first passage of each one's document
    now = earlier.numbers[earlier.owners]
    moved = np.searchsorted(owners, now) + np.arange(len(earlier.owners)) - first
    return np.where(now >= 0, moved, -1).astype(np.int32)


def _shortened(count: int, passages: int | None) -> tuple[str, ...]:
    if not count:
        return ()
    fewer = "fewer words for --passages" if passages else "--passages 150"
    what = "1 long text to its end, so that only its beginning counts"
    if count > 1:
        what = f"{count:,} long texts to their end, so that only their beginning counts"
    return (f"the encoder has not read {what}; try {fewer}",)


def learned_words(texts: Sequence[str], *, seed: int = 1) -> Vectors:
    """Return vectors of the words of texts, learned from the words around them.

    Raises:
        RequestError: no word occurs twice.
    """
    from fitwell.words.encoded import encode
    from fitwell.words.word2vec_training import word2vec

    corpus = encode(texts, tokenization=TOKENS)
    epochs = int(np.clip(LEARNED_WORDS // max(len(corpus.ids), 1), 5, MOST_EPOCHS))
    return word2vec(corpus, min_count=2, epochs=epochs, seed=seed)


def letters_of(texts: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return texts as UTF-8, one after another, and where each ends."""
    written = [text.encode("utf-8", "surrogatepass") for text in texts]
    ends = np.cumsum(np.fromiter(map(len, written), np.int64, len(written)))
    return np.frombuffer(b"".join(written), np.uint8), ends.astype(np.int64)


def _cut(documents: Sequence[Document], longest: int | None) -> tuple[list[str], dict[str, Array]]:
    """Return the passages' texts, and the arrays that say what documents and passages there are."""
    id_letters, id_ends = letters_of(document.id for document in documents)
    text_letters, text_ends = letters_of(document.text for document in documents)
    texts, owners, starts, ends = list[str](), list[int](), list[int](), list[int]()
    begins = np.concatenate([[0], text_ends[:-1]]).tolist()
    for number, (document, begin) in enumerate(zip(documents, begins, strict=True)):
        text = document.text
        spans = passages_of(text, longest=longest)
        for (start, end), (first, last) in zip(spans, _in_bytes(text, spans), strict=True):
            texts.append(text[start:end])
            owners.append(number)
            starts.append(begin + first)
            ends.append(begin + last)
    return texts, {
        "id_letters": id_letters,
        "id_ends": id_ends,
        "text_letters": text_letters,
        "text_ends": text_ends,
        "passage_documents": np.array(owners, np.int32),
        "passage_starts": np.array(starts, np.int64),
        "passage_ends": np.array(ends, np.int64),
    }


def _answers(documents: Sequence[Document], answers: Mapping[str, str]) -> dict[str, Array]:
    """Return the answers of a FAQ in the order of its questions, nothing for other documents."""
    if not answers:
        return {}
    letters, ends = letters_of(answers.get(document.id, "") for document in documents)
    return {"answer_letters": letters, "answer_ends": ends}


def _in_bytes(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return where passages stand counted in bytes of UTF-8."""
    if text.isascii():
        return list(spans)
    places = [0, *(place for span in spans for place in span)]
    sizes = [len(text[one:two].encode("utf-8", "surrogatepass")) for one, two in pairwise(places)]
    ends = np.cumsum(sizes).tolist()
    return [Span(*pair) for pair in zip(ends[::2], ends[1::2], strict=True)]


def _lists(counted: Counted, settings: Settings) -> dict[str, Array]:
    """Return the terms and their lists, with what each entry adds by the ways that are asked for."""
    term_letters, term_ends = letters_of(counted.words)
    arrays: dict[str, Array] = {"term_letters": term_letters, "term_ends": term_ends}
    for way, weigh in WEIGHINGS.items():
        if way in settings.ways:
            lists = postings_of(weigh(counted, settings, arrays))
            arrays |= {"list_starts": lists.starts, "list_passages": lists.documents, f"{way}_impacts": lists.impacts}
    return arrays


def _bm25(counted: Counted, settings: Settings, _arrays: dict[str, Array]) -> sp.csr_matrix:
    from fitwell.words.bm25 import BM25Vectorizer
    from fitwell.words.terms import TermCounts

    counts = TermCounts(terms=counted.words, matrix=counted.counts.copy(), lengths=counted.lengths)
    return BM25Vectorizer(idf="lucene", k1=settings.k1, b=settings.b).fit_counts(counts)


def _tfidf(counted: Counted, _settings: Settings, arrays: dict[str, Array]) -> sp.csr_matrix:
    from fitwell.words.terms import TermCounts
    from fitwell.words.tf_idf import TfidfVectorizer

    counts = TermCounts(terms=counted.words, matrix=counted.counts.astype(np.float64), lengths=counted.lengths)
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    weights = vectorizer.fit_counts(counts)
    arrays["tfidf_idf"] = vectorizer.idf_
    return weights


WEIGHINGS: Mapping[str, Callable[[Counted, Settings, dict[str, Array]], sp.csr_matrix]] = {
    "bm25": _bm25,
    "tfidf": _tfidf,
}


def _means(words: Vectors, counted: Counted) -> dict[str, Array]:
    table, vectors = weighted(words, counted)
    word_letters, word_ends = letters_of(table.words)
    arrays: dict[str, Array] = {
        "word_letters": word_letters,
        "word_ends": word_ends,
        "word_vectors": table.vectors,
        "word_weights": table.weights,
        "words_common": table.common,
    }
    return arrays | vector_arrays("words", vectors)


def vector_arrays(way: str, vectors: NDArray[np.float32]) -> dict[str, Array]:
    """Return the vectors of all passages, and their codes where these make searching faster."""
    arrays: dict[str, Array] = {f"{way}_vectors": vectors}
    if worth_coding(vectors):
        codes = coded(vectors)
        arrays |= {
            f"{way}_{name}": getattr(codes, name) for name in ("packed", "scales", "tangents", "norms", "levels")
        }
        arrays[f"{way}_bounds"] = np.array([codes.longest, codes.widest_angle])
    return arrays


def graph_arrays(way: str, graph: Graph) -> dict[str, Array]:
    """Return a graph over the vectors of all passages."""
    return {f"{way}_graph_{name}": array for name, array in graph._asdict().items()}
