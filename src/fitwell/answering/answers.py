"""What a reader answered to questions of a file: as texts, as a table, measured, and as examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fitwell.answering.baselines import BASELINES, sentence_at
from fitwell.answering.reader import Judgment, Reader
from fitwell.answering.scoring import (
    Scores,
    calibration_error,
    compared,
    drawn_weights,
    figures_of,
    mean_figure,
    scores_of,
)
from fitwell.answering.spans import Reading, Span
from fitwell.answering.squad import Question, Squad, read_squad, require_labelled
from fitwell.errors import RequestError
from fitwell.evaluation import Beside, Evaluation
from fitwell.metrics import Figure, Figures, Primary

AT_ONCE = 256  # questions that are read together, which bounds the memory of their logits
WHY = "f1: how many words an answer shares with the right one counts, whether or not its ends are exact"


@dataclass(frozen=True)
class AnswerTask:
    """The task, by the name that a recipe has for it."""

    name: str = "answer"


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What was read for a question of a file."""

    number: int  # of the question, from 0
    question: Question
    text: str  # of its passage
    reading: Reading
    answers_always: bool  # because every question has an answer
    judgment: Judgment

    @property
    def span(self) -> Span | None:
        """The stretch that is the answer; None where there is none, as far as the reader knows."""
        if not self.reading.spans:
            return None
        lead = self.judgment.lead
        if not self.answers_always and lead is not None and self.reading.lead < lead:
            return None
        return self.reading.spans[0]

    @property
    def answer(self) -> str:
        """The words of the answer, empty where there is none."""
        return "" if self.span is None else self.text[self.span.start : self.span.end]

    @property
    def probability(self) -> float:
        """How likely the best stretch is exactly right, 0 where there is none."""
        if not self.reading.spans:
            return 0.0
        return self.reading.probability(self.reading.spans[0].score, temperature=self.judgment.temperature)


def found_of(reader: Reader, squad: Squad, numbers: Sequence[int]) -> list[Found]:
    """Return what a reader finds for some questions of a file, each in its own text."""
    always = squad.is_labelled and squad.unanswerable == 0
    found = []
    for start in range(0, len(numbers), AT_ONCE):
        some = [squad.questions[number] for number in numbers[start : start + AT_ONCE]]
        texts = sorted({question.passage for question in some})
        place = {text: number for number, text in enumerate(texts)}
        readings = reader.read(
            [question.text for question in some],
            [squad.passages[text].text for text in texts],
            [(number, place[question.passage]) for number, question in enumerate(some)],
        )
        found += [
            Found(
                number=number,
                question=question,
                text=squad.passages[question.passage].text,
                reading=reading,
                answers_always=always,
                judgment=reader.judgment,
            )
            for number, question, reading in zip(numbers[start : start + AT_ONCE], some, readings, strict=True)
        ]
    return found


def found_in_file(reader: Reader, data: object) -> list[Found]:
    """Return what a reader finds for all questions of a file in SQuAD's form, or of the same as a mapping."""
    squad = _squad_of(data)
    return found_of(reader, squad, range(len(squad.questions)))


def evaluated_file(reader: Reader, data: object) -> Evaluation:
    """Return how right a reader's answers to the questions of a file are.

    Raises:
        DataError: it is not of SQuAD's form, or no question has answers.
    """
    squad = _squad_of(data)
    require_labelled(squad)
    numbers = range(len(squad.questions))
    return evaluated(found_of(reader, squad, numbers), split="given", squad=squad, numbers=numbers)


def _squad_of(data: object) -> Squad:
    if isinstance(data, str | Path | Mapping):
        return read_squad(data)
    raise RequestError(
        f"a reader is asked the questions of a file in SQuAD's form, or of a mapping, but came {type(data).__name__}; "
        "single ones go to: fitwell answer"
    )


def evaluated(found: Sequence[Found], *, split: str, squad: Squad, numbers: Sequence[int]) -> Evaluation:
    """Return how right answers are, with intervals over texts, and simple answers beside them."""
    questions = [squad.questions[number] for number in numbers]
    truths = [[answer.text for answer in question.answers] for question in questions]
    weights = drawn_weights(np.array([question.passage for question in questions]))
    scores = scores_of([each.answer for each in found], truths)
    answerable = np.array([bool(truth) for truth in truths])
    entries = figures_of(scores, weights)
    if not answerable.all():
        entries |= _apart(scores, answerable, weights)
    entries["calibration_error"] = _calibration(found, scores, answerable)
    beside = {}
    for name, answer in BASELINES.items():
        if name == "no_answer" and answerable.all():
            continue
        simple = scores_of(answer(squad, questions), truths)
        beside[name] = Beside(
            figures=_figures(figures_of(simple, weights), rows=len(questions)),
            comparison=compared(scores, simple, weights),
        )
    return Evaluation(
        task=AnswerTask(),
        split=split,
        rows=len(questions),
        figures=_figures(entries, rows=len(questions)),
        primary=Primary("f1", WHY),
        positive=None,
        baselines=beside,
    )


def _figures(entries: Mapping[str, Figure], *, rows: int) -> Figures:
    return Figures(task="answer", rows=rows, confidence=0.95, entries=dict(entries))


def _apart(scores: Scores, answerable: np.ndarray, weights: np.ndarray) -> dict[str, Figure]:
    """Return the figures of questions that have an answer, and of those that have none."""
    with_answer = Scores(scores.exact[answerable], scores.shared[answerable])
    apart = {f"has_answer_{name}": each for name, each in figures_of(with_answer, weights[:, answerable]).items()}
    return apart | {"no_answer_accuracy": mean_figure(scores.exact[~answerable], weights[:, ~answerable])}


def _calibration(found: Sequence[Found], scores: Scores, answerable: np.ndarray) -> Figure:
    """Return how far the probabilities of answers are from the share that is exactly right."""
    given = np.array([each.span is not None for each in found])
    if not given.any():
        return Figure(value=None, low=None, high=None, method="none", reason="no question was answered")
    promised = np.array([each.probability for each in found])[given]
    right = (scores.exact * answerable)[given]
    return Figure(
        value=calibration_error(promised, right),
        low=None,
        high=None,
        method="none",
        reason="of answers that were given, in ten bins of equal mass; probabilities count wrong texts in, where such "
        "questions were taught",
    )


def prediction_frame(found: Sequence[Found], *, part: str | None = None, first: int = 0) -> pl.DataFrame:
    """Return answers as a table, as `fitwell predict` does; of a run's own questions with `row`, `part` and truth."""
    columns: dict[str, list[Any]] = {
        "id": [each.question.id for each in found],
        "question": [each.question.text for each in found],
        "prediction": [each.answer or None for each in found],
        "probability": [each.probability for each in found],
        "start": [None if each.span is None else each.span.start for each in found],
        "end": [None if each.span is None else each.span.end for each in found],
        "sentence": [_sentence(each) for each in found],
    }
    texts = {name: pl.String for name in ("id", "question", "prediction", "sentence")}
    schema: dict[str, Any] = {**texts, "probability": pl.Float64, "start": pl.Int64, "end": pl.Int64}
    if part is not None:
        usual = [each.question.usual for each in found]
        scores = scores_of(
            [each.answer for each in found], [[one.text for one in each.question.answers] for each in found]
        )
        columns = {
            "row": [first + each.number for each in found],
            "part": [part] * len(found),
            "truth": [None if answer is None else answer.text for answer in usual],
            **columns,
            "f1": scores.shared.tolist(),
            "exact_match": scores.exact.tolist(),
        }
        schema |= {"row": pl.Int64, "part": pl.String, "truth": pl.String, "f1": pl.Float64, "exact_match": pl.Float64}
    return pl.DataFrame(columns, schema={name: schema[name] for name in columns})


def _sentence(found: Found) -> str | None:
    if found.span is None:
        return None
    start, end = sentence_at(found.text, found.span.start, found.span.end)
    return found.text[start:end]


def examples_of(found: Sequence[Found], *, count: int) -> dict[str, list[dict[str, Any]]]:
    """Return the surest answers that are right and the surest that are wrong, as plain values."""
    scores = scores_of([each.answer for each in found], [[one.text for one in each.question.answers] for each in found])
    order = np.argsort([-each.probability for each in found], kind="stable")
    right = [place for place in order if scores.exact[place] == 1][:count]
    wrong = [place for place in order if scores.shared[place] < 0.5][:count]
    return {
        name: [_example(found[place], float(scores.shared[place])) for place in places]
        for name, places in (("right", right), ("wrong", wrong))
    }


def _example(found: Found, shared: float) -> dict[str, Any]:
    usual = found.question.usual
    return {
        "id": found.question.id,
        "question": found.question.text,
        "answer": found.answer,
        "truth": "" if usual is None else usual.text,
        "probability": found.probability,
        "f1": shared,
        "sentence": _sentence(found) or "",
    }
