"""An index is made, and its documents are added, changed and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import RequestError, nearest
from fitwell.search.building import EXACT_UNTIL, Built, Earlier, Settings, Way, built, learned_words
from fitwell.search.documents import Document, Source, read_documents
from fitwell.search.mean_vectors import known_words
from fitwell.search.stemming import Stemmer, stemmer_for
from fitwell.search.store import require_free, write_index, write_next
from fitwell.search.terms import count_words
from fitwell.search.value import Index, open_index
from fitwell.vectors import Vectors, load

TELLING = 1000  # documents, the first ones, that tell the language


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What became of an index."""

    index: Index
    added: int = 0
    replaced: int = 0  # documents whose id there was already
    deleted: int = 0
    notes: tuple[str, ...] = ()


def index(
    documents: Source,
    path: str | Path,
    *,
    ways: Sequence[Way] = ("bm25",),
    id: str | None = None,
    text: Sequence[str] = (),
    answer: str | None = None,
    vectors: str | Path | Vectors | None = None,
    encoder: str | Path | None = None,
    stemmer: Stemmer | None = None,
    passages: int | None = None,
    k1: float = 1.5,
    b: float = 0.75,
    exact_until: int = EXACT_UNTIL,
    threads: int | None = None,
) -> Changed:
    """Make an index of documents in a folder that is not there yet.

    Documents are as for `read_documents`; of a FAQ, whose answers are in the column `answer`, the questions are found.
    `ways` are those that it can rank by: "bm25", "tfidf", "words" (the mean of
    words' vectors: those of the file `vectors`, else ones learned on the documents), "sentences" (the vectors of the
    pretrained encoder in the local Hugging Face folder `encoder`, which stays where it is). `stemmer` is "english" or
    "none"; without it, the documents' commonest words tell whether they are English. `passages` cuts documents into
    passages of at most so many words. Vectors are all compared in a search; where they are more than `exact_until`, a
    graph finds near ones (package usearch). `threads` changes the time only, and which near ones a graph may miss.

    Raises:
        DataError: the documents cannot be read. RequestError: a setting is wrong, or there is something at the path.
        SurroundingsError: the disk is full, or the folder may not be written.
    """
    require_free(path)
    folder = None if encoder is None else str(Path(encoder).expanduser().absolute())
    given: Stemmer = "none" if stemmer is None else stemmer
    settings = Settings(
        ways=tuple(ways),
        stemmer=given,
        passages=passages,
        k1=k1,
        b=b,
        encoder=folder,
        exact_until=exact_until,
    )
    if vectors is not None and "words" not in settings.ways:
        raise RequestError('vectors of words serve the way "words" only; add it to the ways, or leave vectors out')
    gathered = read_documents(documents, id=id, text=text, answer=answer)
    if stemmer is None:
        settings = replace(settings, stemmer=_stemmer(gathered.documents))
    words = _words(gathered.documents, vectors) if "words" in settings.ways else None
    made = built(gathered.documents, settings, words=words, kept={}, answers=gathered.answers, threads=threads)
    generation = write_index(path, arrays=made.arrays, about={"settings": settings.as_json()})
    return Changed(index=Index(generation), added=len(gathered.documents), notes=(*gathered.notes, *made.notes))


def add(
    path: str | Path,
    documents: Source,
    *,
    id: str | None = None,
    text: Sequence[str] = (),
    answer: str | None = None,
    threads: int | None = None,
) -> Changed:
    """Add documents to an index; one whose id is there already takes the old one's place.

    The index is then what it would be had it been made of all of them, except that words' vectors are not learned
    anew.

    Raises:
        DataError: the index or the documents cannot be read. SurroundingsError: another process changes it meanwhile.
    """
    before = open_index(path)
    gathered = read_documents(documents, id=id, text=text, answer=answer)
    kept = {document.id: document for document in before.documents()}
    coming = {document.id: document for document in gathered.documents}
    replaced = sum(name in kept for name in coming)
    answers = dict(gathered.answers)  # a question that comes without one has none
    answers |= {name: answer for name, answer in _answers_of(before).items() if name not in coming}
    made = _built_again(before, list((kept | coming).values()), answers, threads)
    after = _written(before, made)
    notes = (*gathered.notes, *made.notes)
    return Changed(index=after, added=len(coming) - replaced, replaced=replaced, notes=notes)


def delete(path: str | Path, ids: Iterable[str], *, threads: int | None = None) -> Changed:
    """Delete documents from an index by their ids.

    Raises:
        RequestError: an id is not there (nothing is deleted then), or no document would be left.
        DataError: the index cannot be read. SurroundingsError: another process changes it meanwhile.
    """
    before = open_index(path)
    gone = set(ids)
    known = set(before.ids)
    for name in sorted(gone - known):
        raise RequestError(
            f'the index has no document "{name}", so nothing was deleted{nearest(name, known) or "; check its id"}'
        )
    left = [document for document in before.documents() if document.id not in gone]
    if not left:
        raise RequestError(f"an index must hold documents, but all {len(gone)} would be deleted; remove {path} instead")
    made = _built_again(before, left, _answers_of(before), threads)
    return Changed(index=_written(before, made), deleted=len(gone), notes=made.notes)


def _answers_of(index: Index) -> dict[str, str]:
    """Return the answers of a FAQ by the ids of its questions."""
    return {name: answer for name, answer in zip(index.ids, index.answers, strict=False) if answer}


def _built_again(
    before: Index, documents: Sequence[Document], answers: Mapping[str, str], threads: int | None
) -> Built:
    """Return the arrays for other documents, with what is costly kept."""
    words, kept = None, dict[str, NDArray[np.float32]]()
    if "words" in before.settings.ways:
        words = Vectors(tuple(before.contents.word_table.words), before.contents.word_table.vectors)
    if "sentences" in before.settings.ways:
        vectors = before.contents.vectors("sentences")[0]
        _ = before.contents.encoder  # another one's vectors would not fit those that are kept
        kept = {before.contents.passage(number): vector for number, vector in enumerate(vectors)}
    return built(
        documents,
        before.settings,
        words=words,
        kept=kept,
        earlier=_earlier(before, documents),
        answers=answers,
        threads=threads,
    )


def _earlier(before: Index, documents: Sequence[Document]) -> Earlier:
    """Return the graphs of an index, and what number each of its documents has among others; a changed one has none."""
    graphs = {way: along.graph for way in before.settings.ways if (along := before.contents.walked(way)) is not None}
    places = {document: number for number, document in enumerate(documents)} if graphs else {}
    numbers = [places.get(document, -1) for document in before.documents()] if graphs else []
    return Earlier(graphs, before.generation["passage_documents"], np.array(numbers, np.int64))


def _written(before: Index, made: Built) -> Index:
    return Index(write_next(before.generation, arrays=made.arrays, about=before.generation.about))


def _stemmer(documents: Sequence[Document]) -> Stemmer:
    counted = count_words((document.text for document in documents[:TELLING]), threads=1)
    return stemmer_for(counted.words, np.asarray(counted.counts.sum(axis=0)).ravel().tolist())


def _words(documents: Sequence[Document], vectors: str | Path | Vectors | None) -> Vectors:
    texts = [document.text for document in documents]
    given = learned_words(texts) if vectors is None else vectors
    return known_words(given if isinstance(given, Vectors) else load(given), count_words(texts).words)
