"""From a reader's scores to probabilities and answers, by the validation questions; and what its figures suspect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fitwell.answering.answers import Found
from fitwell.answering.lesson import windows_for
from fitwell.answering.reader import Judgment, Reader
from fitwell.answering.scoring import calibration_error, scores_of
from fitwell.answering.spans import fitted_lead, fitted_temperature
from fitwell.doctor.finding import Finding, remedy
from fitwell.evaluation import Evaluation
from fitwell.events import Event
from fitwell.questions.beginning import Begun


def judgment_of(begun: Begun, reader: Reader) -> tuple[Judgment, dict[str, Any], list[Found]]:
    """Return how scores become probabilities and answers, what is kept of that, and what the questions were answered.

    All of it by the validation questions, those asked of a wrong text included.
    """
    asked, squad = begun.validation, begun.squad
    windows = windows_for(begun.cut, asked, begun.making)
    readings = reader.readings(windows, begun.cut.texts, questions=len(asked.questions))
    answers = [
        squad.passages[reading.spans[0].text].text[reading.spans[0].start : reading.spans[0].end]
        if reading.spans
        else ""
        for reading in readings
    ]
    truths = [
        [] if answer is None else [each.text for each in squad.questions[number].answers]
        for number, answer in zip(asked.questions.tolist(), asked.answers, strict=True)
    ]
    scores = scores_of(answers, truths)
    answerable = asked.answerable
    right = scores.exact * answerable
    temperature = fitted_temperature(readings, right)
    has_both = len(set(answerable.tolist())) == 2
    leads = np.array([reading.lead for reading in readings])
    lead = fitted_lead(leads, scores.shared * answerable, answerable) if has_both else None
    judgment = Judgment(temperature=temperature, lead=lead)
    promised = {
        name: np.array(
            [each.probability(each.spans[0].score, temperature=at) if each.spans else 0.0 for each in readings]
        )
        for name, at in (("before", 1.0), ("after", temperature))
    }
    errors = {name: calibration_error(each, right) for name, each in promised.items()}
    decision = {
        "threshold": None
        if lead is None
        else {
            "value": lead,
            "why": "an answer must score so much more than no answer, where the mean F1 of the validation questions "
            "is highest; below it the reader says that it does not know",
        },
        "calibration": {
            "method": "temperature",
            "temperature": temperature,
            "why": f"scores are divided by {temperature:.3g}, at which the probability of an answer says best how "
            "often it is exactly right on the validation questions",
            **{name: {"calibration_error": {"value": error}} for name, error in errors.items()},
        },
        "interval": None,
    }
    own = len(begun.division.validation)
    found = [
        Found(
            number=number,
            question=squad.questions[number],
            reading=reading,
            text=squad.passages[squad.questions[number].passage].text,
            answers_always=squad.unanswerable == 0,
            judgment=judgment,
        )
        for number, reading in zip(asked.questions.tolist()[:own], readings[:own], strict=True)
    ]
    return judgment, decision, found


def findings_of(begun: Begun, evaluation: Evaluation) -> list[Finding]:
    """Return what is suspected: too few questions, or a reader no better than a whole sentence."""
    findings = [
        Finding(
            symptom="too_few_rows",
            status="suspected",
            severity="warning",
            since="data",
            evidence={"questions": len(begun.division.train)},
            explanation=note,
        )
        for note in begun.notes
        if "teach a reader little" in note
    ]
    beside = evaluation.baselines["tfidf_sentence"].comparison
    if beside.verdict != "better":
        trained = begun.setup.recipe.training.epochs
        findings.append(
            Finding(
                symptom="not_learning",
                status="suspected",
                severity="critical",
                since="start",
                evidence={"f1_less_tfidf_sentence": beside.difference.value},
                explanation="the reader's answers are not clearly better than the whole sentence that shares most "
                "words with the question",
                remedies=(
                    remedy("train longer", setting="training.epochs", old=trained, new=2 * int(trained)),
                    remedy("begin with an encoder that was trained on more text"),
                ),
            )
        )
    return findings


def told(findings: Sequence[Finding]) -> list[Event]:
    """Return what is said of findings that something helps against."""
    return [
        Event(
            finding.severity,
            f"{finding.explanation}; {finding.remedies[0].change['text']}",
            {"symptom": finding.symptom},
        )
        for finding in findings
        if finding.remedies
    ]
