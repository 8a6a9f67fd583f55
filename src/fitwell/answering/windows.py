"""A question and a stretch of its text side by side, as an encoder reads them; long texts become overlapping windows.

A window is [CLS] question [SEP] pieces of the text [SEP], in the marks of the encoder's own family. What a window
starts with but the last of its text overlaps with the one before, so that an answer that is cut by one is whole in the
other (Devlin et al. 2019, who call it a sliding window).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Int

from fitwell.answering.squad import Stretch
from fitwell.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

QUESTION_PIECES = 64  # of a question at most; few have more than 30
CHUNK = 512  # texts that are cut together
LEAST_ROOM = 16  # pieces of a text in a window, beside a question and its marks


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """How windows are cut."""

    longest: int  # pieces of a window, marks included
    overlap: int  # pieces of the text that neighboring windows share


class Pieces(NamedTuple):
    """The pieces of a text: their numbers from 0 on, and the characters where each begins and ends."""

    numbers: Int[np.ndarray, " pieces"]
    starts: Int[np.ndarray, " pieces"]
    ends: Int[np.ndarray, " pieces"]


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What an encoder's tokenizer puts around two texts, as numbers of pieces."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    segment: int  # of the second text


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of several questions, those of one question beside each other, in the order of its text."""

    pieces: Int[np.ndarray, "windows length"]  # numbers from 1 on, 0 after each window's end
    leads: Int[np.ndarray, " windows"]  # places before the first piece of the text
    counts: Int[np.ndarray, " windows"]  # pieces of the text
    shifts: Int[np.ndarray, " windows"]  # the number of the first of them within the text
    questions: Int[np.ndarray, " windows"]  # which of the pairs each is of
    texts: Int[np.ndarray, " windows"]  # which of the texts

    def __len__(self) -> int:
        return len(self.leads)


def marks_of(tokenizer: Tokenizer) -> Marks:
    """Return the marks that a tokenizer puts around a pair of texts.

    Raises:
        DataError: its family has no mark before a text, at which "no answer" could stand.
    """
    encoding = tokenizer.encode("a", "b")
    owners = encoding.sequence_ids
    parts: list[list[int]] = [[], [], []]
    for number, owner in zip(encoding.ids, owners, strict=True):
        seen = {each for each in owners[: sum(map(len, parts))]}
        if owner is None:
            parts[0 if 0 not in seen else 1 if 1 not in seen else 2].append(number)
        else:
            parts[0 if owner == 0 else 1].append(-1)
    cleaned = [tuple(number for number in part if number >= 0) for part in parts]
    if not cleaned[0]:
        raise DataError(
            "the encoder's tokenizer must put a mark before a pair of texts, such as [CLS], but puts none; take an "
            "encoder of BERT's kind"
        )
    segment = next(kind for kind, owner in zip(encoding.type_ids, owners, strict=True) if owner == 1)
    return Marks(before=cleaned[0], between=cleaned[1], after=cleaned[2], segment=segment)


def pieces_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Pieces]:
    """Return the pieces of texts, without marks."""
    found = []
    for start in range(0, len(texts), CHUNK):
        for encoding in tokenizer.encode_batch(list(texts[start : start + CHUNK]), add_special_tokens=False):
            places = np.array(encoding.offsets, np.int32).reshape(-1, 2)
            found.append(Pieces(np.array(encoding.ids, np.int32), places[:, 0], places[:, 1]))
    return found


def windows_of(
    pairs: Iterable[tuple[int, int]],
    questions: Sequence[Pieces],
    texts: Sequence[Pieces],
    *,
    marks: Marks,
    cutting: Cutting,
) -> Windows:
    """Return the windows of pairs (number of a question, number of a text); those of pair i have `questions` i.

    A text without a piece has one window without one, in which nothing can be answered.
    """
    rows, leads, counts, shifts, owners, of_texts = [], [], [], [], [], []
    for pair, (question, text) in enumerate(pairs):
        asked = questions[question].numbers[:QUESTION_PIECES]
        lead = [*marks.before, *asked.tolist(), *marks.between]
        numbers = texts[text].numbers
        room = max(LEAST_ROOM, cutting.longest - len(lead) - len(marks.after))
        for first in starts_of(len(numbers), room=room, overlap=cutting.overlap):
            part = numbers[first : first + room]
            rows.append(np.array([*lead, *part.tolist(), *marks.after], np.int32) + 1)
            leads.append(len(lead))
            counts.append(len(part))
            shifts.append(first)
            owners.append(pair)
            of_texts.append(text)
    pieces = np.zeros((len(rows), max(map(len, rows), default=1)), np.int32)
    for place, row in enumerate(rows):
        pieces[place, : len(row)] = row
    numbers_of = [np.array(each, np.int32) for each in (leads, counts, shifts, owners, of_texts)]
    return Windows(
        pieces=pieces,
        leads=numbers_of[0],
        counts=numbers_of[1],
        shifts=numbers_of[2],
        questions=numbers_of[3],
        texts=numbers_of[4],
    )


def starts_of(pieces: int, *, room: int, overlap: int) -> list[int]:
    """Return where the windows over so many pieces begin.

    >>> starts_of(10, room=6, overlap=2), starts_of(6, room=6, overlap=2), starts_of(0, room=6, overlap=2)
    ([0, 4], [0], [0])
    """
    step = max(1, room - min(overlap, room // 2))
    starts = [0]
    while starts[-1] + room < pieces:
        starts.append(starts[-1] + step)
    return starts


def places_of(windows: Windows, texts: Sequence[Pieces], answers: Sequence[Stretch | None]) -> np.ndarray:
    """Return the first and the last place of each window's answer, (windows, 2); (0, 0) where it is not in there whole.

    `answers` are those of the pairs.
    """
    found = np.zeros((len(windows), 2), np.int64)
    for window in range(len(windows)):
        answer = answers[windows.questions[window]]
        if answer is None:
            continue
        text = texts[windows.texts[window]]
        first = int(np.searchsorted(text.ends, answer.start, side="right"))
        last = int(np.searchsorted(text.starts, answer.end, side="left")) - 1
        first, last = first - windows.shifts[window], last - windows.shifts[window]
        if 0 <= first <= last < windows.counts[window]:
            found[window] = windows.leads[window] + first, windows.leads[window] + last
    return found
