"""Questions with their answers, as SQuAD's files hold them: read with suspicion, every offset checked.

Sources: Rajpurkar et al. 2016, SQuAD; 2018, Know what you don't know (unanswerable questions, `is_impossible`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fitwell.errors import DataError
from fitwell.sources import decompressed, existing_path, fingerprint_of_files, first_bytes

SHOWN = 60  # characters of a text that an error shows
FORM = 'SQuAD\'s form is {"data": [{"title": ..., "paragraphs": [{"context": ..., "qas": [...]}]}]}'


class Stretch(NamedTuple):
    """An answer: its words, and the character of the context where they begin."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """The character after the last."""
        return self.start + len(self.text)


class Question(NamedTuple):
    """A question about one of the passages, with all answers that count as right; none: it has no answer there."""

    id: str
    text: str
    passage: int
    answers: tuple[Stretch, ...]

    @property
    def usual(self) -> Stretch | None:
        """The answer that most people gave, of several the first; None where there is none."""
        if not self.answers:
            return None
        often = Counter(answer.text for answer in self.answers)
        return max(self.answers, key=lambda answer: often[answer.text])


class Passage(NamedTuple):
    """A paragraph, and the article that it is from."""

    text: str
    article: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Squad:
    """Questions about passages of articles."""

    source: str
    path: str | None  # None: from memory
    fingerprint: str
    passages: tuple[Passage, ...]  # each text once
    questions: tuple[Question, ...]
    titles: tuple[str, ...]  # of the articles
    is_labelled: bool  # whether answers are given

    @property
    def unanswerable(self) -> int:
        """How many questions have no answer in their passage."""
        return sum(not question.answers for question in self.questions)


def read_squad(source: str | Path | Mapping[str, Any]) -> Squad:
    """Return the questions of a file, or of the same as a mapping; a file may be compressed.

    A file in which no question has answers can be asked, but not learned from.

    Raises:
        DataError: it is not of SQuAD's form, or an answer does not stand where it is said to.
    """
    if isinstance(source, Mapping):
        name, path, values = "the questions", None, source
        digest = hashlib.sha256(json.dumps(source, sort_keys=True, default=str).encode()).hexdigest()
        fingerprint = f"sha256:{digest}"
    else:
        file = existing_path(source)
        name, path = file.name, str(file)
        values = _json_of(file)
        fingerprint = fingerprint_of_files([file])
    passages: dict[str, int] = {}
    owners: list[int] = []
    titles: list[str] = []
    questions: list[Question] = []
    labelled = False
    for number, article in enumerate(_listed(values, "data", name)):
        place = f"entry {number + 1} of {name}"
        titles.append(str(article.get("title", number + 1)) if isinstance(article, Mapping) else "")
        for paragraph in _listed(article, "paragraphs", place):
            text = _text_of(paragraph, "context", place)
            passage = passages.setdefault(text, len(passages))
            if passage == len(owners):
                owners.append(number)
            for asked in _listed(paragraph, "qas", place, may_be_empty=True):
                labelled = labelled or "answers" in asked
                questions.append(_question(asked, text, passage, place, len(questions)))
    if not questions:
        raise DataError(f"{name} must hold questions, but has none in {len(passages)} passages; {FORM}")
    seen = Counter(question.id for question in questions)
    twice = next((each for each, count in seen.items() if count > 1), None)
    if twice is not None:
        raise DataError(f'every question of {name} must have an id of its own, but {seen[twice]} have "{twice}"')
    return Squad(
        source=name,
        path=path,
        fingerprint=fingerprint,
        passages=tuple(Passage(text, owner) for text, owner in zip(passages, owners, strict=True)),
        questions=tuple(questions),
        titles=tuple(titles),
        is_labelled=labelled,
    )


def looks_like_squad(source: object) -> bool:
    """Tell whether a path ends as a file of questions would, or a mapping has SQuAD's outermost field."""
    if isinstance(source, Mapping):
        return isinstance(source.get("data"), list)
    return isinstance(source, str | Path) and ".json" in [suffix.lower() for suffix in Path(source).suffixes]


def require_labelled(squad: Squad) -> None:
    """Refuse questions without answers.

    Raises:
        DataError: no question has the field "answers".
    """
    if not squad.is_labelled:
        raise DataError(
            f"the questions of {squad.source} must have answers to be learned from or measured by, but none of "
            f'{len(squad.questions):,} has the field "answers"; answer them with: fitwell predict RUN {squad.source}'
        )


def _json_of(file: Path) -> Any:
    if file.is_dir():
        raise DataError(f"{file} must be a file of questions in SQuAD's form, but is a folder; name the file in it")
    first_bytes(file)
    try:
        return json.loads(b"".join(decompressed(file)))
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:100]
        raise DataError(f"{file} must be JSON in SQuAD's form, but cannot be read ({reason}); {FORM}") from None


def _listed(holder: Any, field: str, place: str, *, may_be_empty: bool = False) -> Sequence[Any]:
    found = holder.get(field) if isinstance(holder, Mapping) else None
    if not isinstance(found, list) or (not found and not may_be_empty):
        what = "is no mapping" if not isinstance(holder, Mapping) else f"has {json.dumps(found, default=str):.{SHOWN}}"
        raise DataError(f'{place} must have a list "{field}", but {what}; {FORM}')
    return found


def _text_of(holder: Any, field: str, place: str) -> str:
    found = holder.get(field) if isinstance(holder, Mapping) else None
    if not isinstance(found, str) or not found.strip():
        shown = json.dumps(found, default=str)
        raise DataError(f'{place} must have text in "{field}", but has {shown:.{SHOWN}}; mend it or leave it out')
    return found


def _question(asked: Any, context: str, passage: int, place: str, number: int) -> Question:
    text = _text_of(asked, "question", place)
    name = str(asked.get("id", number + 1))
    given = asked.get("answers", [])
    if not isinstance(given, list):
        raise DataError(f'question "{name}" in {place} must have a list of answers, but has {given!r:.{SHOWN}}')
    if asked.get("is_impossible") is True:
        return Question(name, text, passage, ())
    return Question(name, text, passage, tuple(_answer(each, context, name, place) for each in given))


def _answer(given: Any, context: str, name: str, place: str) -> Stretch:
    text = _text_of(given, "text", f'an answer to question "{name}" in {place}')
    start = given.get("answer_start")
    if type(start) is not int or not 0 <= start <= len(context) - len(text):
        raise DataError(
            f'the answer "{text:.{SHOWN}}" to question "{name}" in {place} must begin at a character of its context '
            f'(0 to {max(0, len(context) - len(text))}), but "answer_start" is {start}; mend it or leave it out'
        )
    there = context[start : start + len(text)]
    if there != text:
        raise DataError(
            f'the answer to question "{name}" in {place} must stand where "answer_start" says, but at character '
            f'{start} there is "{there:.{SHOWN}}", not "{text:.{SHOWN}}"; count characters, not bytes, from 0'
        )
    return Stretch(text, start)
