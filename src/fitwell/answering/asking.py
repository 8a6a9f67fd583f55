"""A question is put to documents: the passages that share most with it are read, and the best stretch is the answer.

    question -> passages, by search -> readings, all passages competing -> Answer

A passage is a document, or a stretch of a long one (`search/passages.py`). An answer says where it stands, and how
likely it is right; a question to which nothing read is an answer is not answered, and the reason is said.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fitwell.answering.baselines import sentence_at
from fitwell.answering.squad import Squad
from fitwell.errors import RequestError

if TYPE_CHECKING:
    from fitwell.answering.reader import Reader
    from fitwell.search.contents import Hit
    from fitwell.search.value import Index

READ = 5  # passages that are read for a question
PASSAGE_WORDS = 150  # of a passage of a document that is given as a text


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stretch of a document that may be the answer."""

    text: str
    document: str  # its id
    start: int  # of its first character in the document, from 0
    end: int  # of the one after its last
    sentence: str  # around it
    probability: float  # that it is exactly the answer


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was found for a question."""

    question: str
    answered: bool
    best: Place | None  # the answer; where there is none, what came nearest
    others: tuple[Place, ...] = ()  # that came next
    why: str = ""  # it is not answered

    @property
    def text(self) -> str | None:
        """The words of the answer, None where the question is not answered."""
        return self.best.text if self.answered and self.best is not None else None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "question": self.question,
            "answered": self.answered,
            "answer": self.text,
            "best": None if self.best is None else asdict(self.best),
            "others": [asdict(place) for place in self.others],
            "why": self.why or None,
        }

    def __str__(self) -> str:
        """Read as the answer, or as why there is none."""
        if not self.answered or self.best is None:
            return f"I do not know: {self.why}"
        return f"{self.best.text} ({self.best.document}, probability {self.best.probability:.2f})"


class Part(NamedTuple):
    """A passage of a document."""

    document: str
    text: str
    start: int  # of its first character in the document


def answered(
    question: str, documents: Mapping[str, str] | Index, reader: Reader, *, alternatives: int = 0, read: int = READ
) -> Answer:
    """Return what a reader finds for a question among documents, which are texts by their ids, or an index.

    At most `read` passages are read, those that search finds first; of others than the best answer, `alternatives` are
    told.

    Raises:
        RequestError: the question is blank, or every document is.
    """
    if not question.strip():
        raise RequestError("a question must have words, but this one is blank; ask something")
    if isinstance(documents, Mapping):
        if not any(text.strip() for text in documents.values()):
            raise RequestError(
                f"there must be a text to find an answer in, but {'it is' if len(documents) == 1 else 'all are'} empty"
            )
        hits, why = _found(question, documents, read)
    else:
        hits = documents.query(question, read)
        why = "" if hits else documents.nothing_found(question)
    return of_parts(question, [Part(hit.id, hit.text, hit.start) for hit in hits], reader, alternatives, why=why)


def of_parts(question: str, parts: Sequence[Part], reader: Reader, alternatives: int, *, why: str) -> Answer:
    """Return what a reader finds for a question in passages."""
    if not parts:
        return Answer(question=question, answered=False, best=None, why=why)
    texts = [part.text for part in parts]
    reading = reader.read([question], texts, [(0, number) for number in range(len(texts))])[0]
    places = []
    for number, span in enumerate(reading.spans[: 1 + alternatives]):
        part = parts[span.text]
        first, last = sentence_at(part.text, span.start, span.end)
        places.append(
            Place(
                text=part.text[span.start : span.end],
                document=part.document,
                start=part.start + span.start,
                end=part.start + span.end,
                sentence=part.text[first:last],
                probability=reader.probability(reading, number),
            )
        )
    if not places:
        return Answer(question=question, answered=False, best=None, why="the passages found have no words")
    knows = reader.knows(reading)
    told = "" if knows else "nothing that was read scores enough above no answer; nearest came the one shown"
    return Answer(question=question, answered=knows, best=places[0], others=tuple(places[1:]), why=told)


def _found(question: str, documents: Mapping[str, str], read: int) -> tuple[list[Hit], str]:
    """Return the passages of texts that share most with a question; few are all read."""
    from fitwell.search.contents import Hit
    from fitwell.search.indexing import index
    from fitwell.search.passages import passages_of

    parts = [
        Hit(name, 0.0, text[span.start : span.end], span.start, span.end)
        for name, text in documents.items()
        for span in passages_of(text, longest=PASSAGE_WORDS)
        if text[span.start : span.end].strip()
    ]
    if len(parts) <= read:
        return parts, ""
    with tempfile.TemporaryDirectory() as folder:
        numbered = {str(number): part.text for number, part in enumerate(parts)}
        made = index(numbered, Path(folder) / "index").index
        hits = [parts[int(hit.id)] for hit in made.query(question, read)]
        return hits, "" if hits else made.nothing_found(question)


def named_texts(squad: Squad) -> dict[str, str]:
    """Return the texts of a file of questions, by the titles of their articles and their numbers within them."""
    counts = dict.fromkeys(range(len(squad.titles)), 0)
    named = {}
    for passage in squad.passages:
        counts[passage.article] += 1
        named[f"{squad.titles[passage.article]} {counts[passage.article]}"] = passage.text
    return named
