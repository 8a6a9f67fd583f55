"""What was found wrong with the data or a training of ours: notes of the audit and passive checks, by one path.

A finding is confirmed, suspected or refuted. What counting the rows shows is confirmed by the count; that a column
gives the target away is a suspicion, since an honest column can predict well too. What signals of the training say is
a suspicion too (`doctor/checks`), but for plain facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl

from fitwell.data.audit import Note
from fitwell.doctor.checks import checked, ranked
from fitwell.doctor.checks.scales import spreads_of
from fitwell.doctor.finding import Finding, remedy
from fitwell.doctor.history import observations
from fitwell.doctor.observation import Answered, Beside, Ending, Observation, Spreads
from fitwell.evaluation import Answers, Evaluation
from fitwell.metrics import Figure
from fitwell.preparation import Prepared
from fitwell.recipe import Recipe, own_recipe

SUSPECTED = frozenset({"target_leakage"})  # what counting cannot settle
CONSTANT = "majority"  # the simple model that answers the same for every row
SAMPLED_ROWS = 4096  # of the training rows tell how inputs and targets spread


def findings_of(notes: Iterable[Note], members: Iterable[Observation]) -> list[Finding]:
    """Return everything that was found about the data and a training, the gravest first."""
    return ranked([*map(finding_of, notes), *checked(list(members))])


def observed(
    prepared: Prepared,
    recipe: Recipe,
    history: pl.DataFrame,
    *,
    ending: str,
    evaluation: Evaluation | None = None,
    answers: Answers | None = None,
) -> list[Observation]:
    """Return what is known of each member's training: its history, its recipe, and how good it is.

    `ending` is that of `learning.Learned`; `answers` are those to the measured rows.
    """
    measured = prepared.split.held_out[prepared.split.measured]
    constant = constant_loss(prepared, recipe)
    inputs, targets = _input_spreads(prepared), _target_spreads(prepared, recipe)
    beside = () if evaluation is None else beside_of(evaluation)
    classes = () if answers is None else classes_of(prepared, prepared.labelled.truth[measured], answers)
    told = []
    for member, seen in enumerate(observations(history)):
        settings = own_recipe(recipe, member).training
        rate, rows = settings.learning_rate, prepared.rows["train"]
        told.append(
            replace(
                seen,
                constant_loss=constant,
                ending=_ending(seen, recipe, ending),
                keeps_best=settings.early_stopping.restore_best is not False,
                learning_rate=rate if isinstance(rate, float) else None,
                optimizer=settings.optimizer,
                clip_norm=settings.clip_norm,
                batch_rows=settings.batch_size if isinstance(settings.batch_size, int) else rows,
                rows=rows,
                inputs=inputs,
                targets=targets,
                beside=beside,
                classes=classes,
                accuracy_decides=evaluation is not None and evaluation.primary.metric == "accuracy",
                settings=True,
            )
        )
    return told


def finding_of(note: Note) -> Finding:
    """Return a note about the data as a finding, with its way out as a remedy whose effect is not known."""
    return Finding(
        symptom=note.symptom,
        status="suspected" if note.symptom in SUSPECTED else "confirmed",
        severity=note.severity,
        where=note.column,
        since="data",
        evidence=dict(note.evidence),
        explanation=note.text,
        remedies=(remedy(note.way_out),),
    )


def constant_loss(prepared: Prepared, recipe: Recipe) -> float | None:
    """Return the validation loss of the best answer that is the same for every row, by the loss trained by.

    It is the entropy of classes and labels, and the variance of values. None where the loss is another, or weighted by
    class: the loss of the even guess, with which our networks begin, then stands for it.
    """
    labelled, training = prepared.labelled, recipe.training
    if training.class_weights != "none" or training.label_smoothing != 0:
        return None
    rows = prepared.split.validation
    truth = labelled.truth[rows]
    weights = np.ones(len(rows)) if labelled.weights is None else labelled.weights[rows].astype(np.float64)
    weights = weights / weights.sum()
    if training.loss == "squared_error":
        values = _scaled_targets(prepared, recipe, truth)
        return float((weights[:, None] * (values - weights @ values) ** 2).sum(0).mean())
    if training.loss != "cross_entropy":
        return None
    if truth.ndim > 1:
        positive = weights @ truth
        return float(np.mean([_entropy(np.array([share, 1 - share])) for share in positive]))
    return _entropy(np.bincount(truth.astype(np.int64), weights=weights))


def beside_of(evaluation: Evaluation) -> tuple[Beside, ...]:
    """Return how the network compares with each simple model, by the figure that decides."""
    metric = evaluation.primary.metric
    found = []
    for name, simple in evaluation.baselines.items():
        own, other = evaluation.primary_figure, getattr(simple.figures, metric)
        if isinstance(other, Figure) and own.value is not None and other.value is not None:
            found.append(
                Beside(
                    name=name,
                    constant=name == CONSTANT,
                    metric=metric,
                    value=other.value,
                    network=own.value,
                    verdict=simple.comparison.verdict,
                )
            )
    return tuple(found)


def classes_of(prepared: Prepared, truth: np.ndarray, answers: Answers) -> tuple[Answered, ...]:
    """Return how often each class of a single target is true and is answered; none of other targets."""
    labelled = prepared.labelled
    if labelled.task.form == "values" or len(labelled.coding.classes) != 1 or truth.ndim > 1:
        return ()
    chosen = (
        (answers.predictions[:, 1] >= answers.threshold).astype(np.int64)
        if labelled.task.name == "binary"
        else answers.predictions.argmax(1)
    )
    names = labelled.coding.classes[0]
    true, answered = (np.bincount(codes.astype(np.int64), minlength=len(names)) for codes in (truth, chosen))
    return tuple(
        Answered(name=name, rows=int(rows), answered=int(times))
        for name, rows, times in zip(names, true, answered, strict=True)
    )


def _ending(seen: Observation, recipe: Recipe, ending: str) -> Ending:
    if ending == "interrupted":
        return "running"  # it may be resumed
    if ending != "done":
        return "early"
    planned = recipe.training.epochs
    reached = len(seen.looks) > 0 and planned != "auto" and seen.looks.moments[-1] >= planned
    return "planned" if reached else "patience"


def _input_spreads(prepared: Prepared) -> Spreads | None:
    numbers = prepared.features.get("numbers")
    if numbers is None or not numbers.shape[1]:
        return None
    spreads, largest = spreads_of(numbers[_some_rows(prepared)])
    return Spreads(names=prepared.encoders.layout.names["numbers"], spreads=spreads, largest=largest)


def _target_spreads(prepared: Prepared, recipe: Recipe) -> Spreads | None:
    labelled = prepared.labelled
    if labelled.task.form != "values":
        return None
    spreads, largest = spreads_of(_scaled_targets(prepared, recipe, labelled.truth[_some_rows(prepared)]))
    return Spreads(names=labelled.coding.names, spreads=spreads, largest=largest)


def _scaled_targets(prepared: Prepared, recipe: Recipe, truth: np.ndarray) -> np.ndarray:
    """Return targets as the loss sees them, (rows, targets)."""
    labelled, training = prepared.labelled, recipe.training
    scaled = labelled.task.targets(truth, labelled.coding).astype(np.float64)
    return np.asarray(scaled * np.array(training.target_factor) + np.array(training.target_shift))


def _some_rows(prepared: Prepared) -> np.ndarray:
    train = prepared.split.train
    return train[:: -(-len(train) // SAMPLED_ROWS)]


def _entropy(shares: np.ndarray) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())
