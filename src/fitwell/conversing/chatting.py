"""Questions are answered turn by turn, with sources; what is not sure is asked back, not guessed.

    question, turns before -> understood -> found -> sure enough? -> answer, or possibilities to choose from

An index of a FAQ answers with what stands beside the nearest questions (`routing.py`). One of documents answers with
what a reader finds, or without a reader with the sentence that has most of the question's words. After asking back, the
number of a possibility chooses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fitwell.answering.asking import READ, Part, of_parts
from fitwell.answering.baselines import sentences_of
from fitwell.conversing.following import content_words, goes_on, understood
from fitwell.conversing.routing import NEAREST, Routing, codes_of, voted
from fitwell.errors import RequestError
from fitwell.search.contents import Hit
from fitwell.search.excerpts import excerpt
from fitwell.search.stemming import STEMMERS
from fitwell.search.value import Index

if TYPE_CHECKING:
    from fitwell.answering.reader import Reader

Kind = Literal["answer", "asks_back"]
OFFERED = 3  # possibilities
SHOWN = 120  # characters of a possibility
UNSURE = "I am not sure what you mean. Is it one of these?"
NOTHING = "I have found nothing about that; try other words."


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an answer is from."""

    document: str  # its id
    text: str  # the question of a FAQ, or the sentence of a document
    start: int | None = None  # of the answer in the document, in characters
    end: int | None = None


@dataclass(frozen=True, kw_only=True)
class Possibility:
    """What a question may have been about."""

    text: str
    document: str  # its id
    start: int  # of its passage in the document


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and what was said to it."""

    question: str
    understood: str  # the question with what it left out
    kind: Kind
    answer: str  # what is said
    confidence: float  # from 0 to 1, compared with the threshold
    sources: tuple[Source, ...] = ()
    possibilities: tuple[Possibility, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chat:
    """What answers: an index, a reader perhaps, and from where on an answer is sure enough."""

    index: Index
    routing: Routing
    reader: Reader | None = None
    by: str | None = None  # the way of ranking documents; None: the index's own
    threshold: float | None = None  # that was asked for, instead of the one that was chosen

    @property
    def surest(self) -> float:
        """The confidence from which on an answer is given; a reader's is its own judgment, unless one was asked for."""
        return self.routing.threshold if self.threshold is None else self.threshold

    def turn(self, question: str, before: Sequence[Turn] = ()) -> Turn:
        """Return what is said to a question after these turns.

        Raises:
            RequestError: the question is blank.
        """
        if not question.strip():
            raise RequestError("a question must have words, but this one is blank; ask something")
        chosen = _chosen(question, before)
        if chosen is not None:
            return self._of_choice(question, before[-1], chosen)
        whole = understood(question, before)
        if whole.added and not goes_on(question):
            alone = self._said(question, question)
            if alone.kind == "answer":
                return alone
        return self._said(question, whole.text)

    def _said(self, question: str, text: str) -> Turn:
        """Return what is said to a question that is understood as a text."""
        if self.index.answers:
            return self._of_faq(question, text)
        hits = self.index.query(text, NEAREST, by=self.by)
        if not hits:
            return _nothing(question, text)
        if self.reader is not None:
            return self._read(question, text, hits, self.reader)
        return self._of_sentences(question, text, hits)

    def _of_faq(self, question: str, text: str) -> Turn:
        found_by = [self.index.query(text, NEAREST, by=voting.by) for voting in self.routing.votings]
        found = voted(self.routing, found_by, self._codes)
        if not found:
            return _nothing(question, text)
        first: dict[int, Hit] = {}
        for hit in (hit for hits in found_by for hit in hits):
            first.setdefault(self._codes[hit.id], hit)
        best = next(iter(found))
        sure = found[best] if self.routing.is_learned else self._covered(text, first[best].text)
        if sure < self.surest:
            return _asks_back(question, text, sure, [first[code] for code in list(found)[:OFFERED]])
        hit = first[best]
        return Turn(
            question=question,
            understood=text,
            kind="answer",
            answer=self._answer_of(hit.id),
            confidence=sure,
            sources=(Source(document=hit.id, text=hit.text),),
        )

    def _read(self, question: str, text: str, hits: Sequence[Hit], reader: Reader) -> Turn:
        parts = [Part(hit.id, hit.text, hit.start) for hit in hits[:READ]]
        found = of_parts(text, parts, reader, 0, why="")
        sure = 0.0 if found.best is None else found.best.probability
        knows = found.answered if self.threshold is None else sure >= self.threshold
        if not knows or found.best is None:
            return _asks_back(question, text, sure, hits)
        best = found.best
        source = Source(document=best.document, text=best.sentence, start=best.start, end=best.end)
        return Turn(
            question=question, understood=text, kind="answer", answer=best.text, confidence=sure, sources=(source,)
        )

    def _of_sentences(self, question: str, text: str, hits: Sequence[Hit]) -> Turn:
        places = [(hit, span) for hit in hits[:READ] for span in sentences_of(hit.text)]
        covered = [self._covered(text, hit.text[start:end]) for hit, (start, end) in places]
        best = int(np.argmax(covered))
        hit, (start, end) = places[best]
        if covered[best] < self.surest:
            return _asks_back(question, text, covered[best], hits)
        sentence = hit.text[start:end]
        source = Source(document=hit.id, text=sentence, start=hit.start + start, end=hit.start + end)
        return Turn(
            question=question,
            understood=text,
            kind="answer",
            answer=sentence,
            confidence=covered[best],
            sources=(source,),
        )

    def _of_choice(self, question: str, before: Turn, chosen: Possibility) -> Turn:
        """Answer with the possibility that was chosen by its number."""
        words = f"{before.understood} {chosen.text}"
        source, said = self._told(words, before.understood, chosen)
        return Turn(question=question, understood=words, kind="answer", answer=said, confidence=1.0, sources=(source,))

    def _told(self, words: str, question: str, chosen: Possibility) -> tuple[Source, str]:
        """Return where the answer of a possibility is from, and the answer."""
        if self.index.answers:
            return Source(document=chosen.document, text=chosen.text), self._answer_of(chosen.document)
        found = [hit for hit in self.index.query(words, READ) if (hit.id, hit.start) == (chosen.document, chosen.start)]
        text = found[0].text if found else chosen.text
        start, end = max(sentences_of(text), key=lambda span: self._covered(question, text[span[0] : span[1]]))
        said = text[start:end]
        return Source(document=chosen.document, text=said, start=chosen.start + start, end=chosen.start + end), said

    def _covered(self, question: str, text: str) -> float:
        """Return the share of a question's words of content that a text has, by their stems; 0 where it has none."""
        stem = STEMMERS[self.index.settings.stemmer]
        asked = {stem(word) for word in content_words(question)}
        there = {stem(word) for word in content_words(text)}
        return len(asked & there) / len(asked) if asked else 0.0

    @cached_property
    def _codes(self) -> dict[str, int]:
        """The number of each document's answer, of a FAQ."""
        return dict(zip(self.index.ids, codes_of(self.index.answers).tolist(), strict=True))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.index.ids)}

    def _answer_of(self, document: str) -> str:
        return self.index.answers[self._numbers[document]]


def _chosen(question: str, before: Sequence[Turn]) -> Possibility | None:
    """Return the possibility that a number chooses, after asking back."""
    number = question.strip().rstrip(".)")
    if not before or not number.isascii() or not number.isdigit():
        return None
    offered = before[-1].possibilities
    return offered[int(number) - 1] if 1 <= int(number) <= len(offered) else None


def _nothing(question: str, text: str) -> Turn:
    return Turn(question=question, understood=text, kind="asks_back", answer=NOTHING, confidence=0.0)


def _asks_back(question: str, text: str, sure: float, hits: Sequence[Hit]) -> Turn:
    offered = tuple(
        Possibility(text=excerpt(hit.text, text, width=SHOWN), document=hit.id, start=hit.start)
        for hit in hits[:OFFERED]
    )
    return Turn(
        question=question, understood=text, kind="asks_back", answer=UNSURE, confidence=sure, possibilities=offered
    )
