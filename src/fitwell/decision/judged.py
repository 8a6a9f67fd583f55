"""What a decision brought, measured: the figures that stand beside it in `decision.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitwell.decision.calibration import row_log_losses
from fitwell.decision.scored import Scored
from fitwell.decision.value import Decision
from fitwell.metrics import Cut, Figure, Figures
from fitwell.metrics.binary import at_threshold, of_probabilities
from fitwell.metrics.measured import PROBABILITY_FIGURES, mean_loss
from fitwell.metrics.multiclass import of_class_probabilities
from fitwell.metrics.ranked import ranked
from fitwell.recipe import TaskName

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A decision, and how it does."""

    decision: Decision
    split: str  # which rows measured it: `test`, or `validation`, on which it was fitted
    chosen: Mapping[str, Figure]  # what holds at the threshold on the rows that it was chosen on
    before: Mapping[str, Figure]  # of probabilities, without calibration
    after: Mapping[str, Figure]
    covered: tuple[Figure, ...]  # share of rows in their interval, for each target

    def as_json(self) -> dict[str, Any]:
        """Return the plain values of `decision.json`; the decision alone is what a model reads back."""
        values = self.decision.as_json()
        if values["threshold"] is not None:
            values["threshold"]["validation"] = _plain(self.chosen)
        if values["calibration"] is not None:
            values["calibration"] |= {"before": _plain(self.before), "after": _plain(self.after)}
        if values["interval"] is not None:
            values["interval"]["measured"] = [figure.as_json() for figure in self.covered]
        return {"split": self.split, **values}


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.as_json() for name, figure in figures.items()}


def judged(
    decision: Decision,
    fitted_on: Scored,
    measured_on: Scored,
    *,
    cut: Cut,
    after: Figures,
    covered: tuple[Figure, ...],
    split: str,
) -> Judged:
    """Measure a decision: both samples hold predictions before it; the figures are of the second, with it."""
    calibration = decision.calibration
    honest = {
        name: figure for name, figure in after.items() if name in PROBABILITY_FIGURES and isinstance(figure, Figure)
    }
    before = honest
    if calibration is not None and calibration.method != "none":
        before = probability_figures(measured_on)
    return Judged(
        decision=decision,
        split=split,
        chosen={} if decision.threshold is None else threshold_figures(decision.applied(fitted_on), cut),
        before=before,
        after=honest,
        covered=covered,
    )


def threshold_figures(rows: Scored, cut: Cut) -> dict[str, Figure]:
    """Measure what follows from answers at the threshold."""
    kept = rows.weights > 0
    ranking = ranked((rows.truth == 1)[kept], rows.predictions[kept, 1], rows.weights[kept])
    return at_threshold(ranking, cut.threshold, costs=cut.costs, confidence=CONFIDENCE)


def probability_figures(rows: Scored) -> dict[str, Figure]:
    """Measure how honest probabilities are."""
    return MEASURES[rows.task.name](rows.part(np.flatnonzero(rows.weights > 0)))


def _of_binary(rows: Scored) -> dict[str, Figure]:
    return of_probabilities(ranked(rows.truth == 1, rows.predictions[:, 1], rows.weights), confidence=CONFIDENCE)


def _of_multiclass(rows: Scored) -> dict[str, Figure]:
    return of_class_probabilities(rows.truth, rows.predictions, rows.weights, confidence=CONFIDENCE)


def _of_multilabel(rows: Scored) -> dict[str, Figure]:
    losses = {
        "log_loss": row_log_losses(rows.task, rows.truth, rows.predictions),
        "brier": ((rows.predictions - rows.truth) ** 2).mean(axis=1),
    }
    return {
        name: mean_loss(loss, rows.weights, rows.weights**2, confidence=CONFIDENCE) for name, loss in losses.items()
    }


MEASURES: dict[TaskName, Callable[[Scored], dict[str, Figure]]] = {
    "binary": _of_binary,
    "multiclass": _of_multiclass,
    "multilabel": _of_multilabel,
}
