"""A decision is fitted on the validation rows: calibration, then the threshold on what it gives; or intervals."""

from __future__ import annotations

from fitwell.decision.calibration import fit_calibration
from fitwell.decision.conformal import fit_interval
from fitwell.decision.scored import Scored
from fitwell.decision.value import Decision, costs_of
from fitwell.metrics import Threshold, choose_threshold
from fitwell.metrics.costs import break_even
from fitwell.recipe import DecisionSettings


def decide(rows: Scored, settings: DecisionSettings) -> Decision:
    """Return what the settings make of predictions for rows that the network was not trained on."""
    if rows.task.form == "values":
        return Decision(interval=fit_interval(rows, settings.coverage))
    assert settings.calibration != "auto"
    calibrating = Decision(calibration=fit_calibration(rows, settings.calibration))
    if rows.task.name != "binary":
        return calibrating
    return Decision(calibration=calibrating.calibration, threshold=_threshold(calibrating.applied(rows), settings))


def _threshold(rows: Scored, settings: DecisionSettings) -> Threshold:
    rule = settings.threshold
    assert rule != "auto"
    if not isinstance(rule, str):
        return Threshold(value=rule, rule="number", why="as asked")
    if rule == "half":
        return Threshold(value=0.5, rule=rule, why="the likelier class is predicted")
    costs = costs_of(settings)
    if rule == "cost" and costs is not None and settings.calibration != "none":
        # Probabilities are honest as far as the rows can tell, and what the rows say of costs is noisier than this.
        told = f"a false positive costs {costs.false_positive:g} and a false negative {costs.false_negative:g}"
        return Threshold(value=break_even(costs), rule=rule, why=f"both answers cost the same there: {told}")
    return choose_threshold(
        rows.truth,
        rows.predictions[:, 1],
        rule=rule,
        positive=1,
        weights=rows.weights,
        at_least=settings.at_least,
        costs=costs,
    )
