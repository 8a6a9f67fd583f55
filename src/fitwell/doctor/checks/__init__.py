"""Passive checks: what signals make us suspect. They read what was observed and cost the training nothing.

A check is a function from an `Observation` to a finding or None, and one line in the table. It speaks of what lasted,
never of a spike, and is silent where too little was seen. What it says is a suspicion, but for plain facts: values
that are no numbers, a class that is never answered.

gradients.py   vanishing, exploding, clipped, no finite numbers
units.py       dead and saturated units, layers that are flat or wild at the start
rates.py       steps too long or too short, losses that jump
frozen.py      weights that the optimizer does not know
progress.py    nothing learned, stopped too early, learned by heart, worse than something simple
scales.py      inputs and targets far from unit spread
answers.py     a class that is never answered, a figure that flatters
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from fitwell.doctor.checks.answers import ignored_class, misleading_metric
from fitwell.doctor.checks.frozen import frozen_parameters
from fitwell.doctor.checks.gradients import (
    clipped_gradients,
    exploding_gradients,
    non_finite_values,
    vanishing_gradients,
)
from fitwell.doctor.checks.progress import not_learning, overfitting, stopped_too_early, underfitting
from fitwell.doctor.checks.rates import learning_rate_too_high, learning_rate_too_low, unstable_loss
from fitwell.doctor.checks.scales import unscaled_inputs, unscaled_targets
from fitwell.doctor.checks.units import dead_units, poor_initialization, saturated_units
from fitwell.doctor.finding import SEVERITIES, Finding, Severity
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import MAJORITY

Check = Callable[[Observation], Finding | None]

# In the order in which causes explain each other: what stands earlier may have brought about what stands later.
CHECKS: dict[str, Check] = {
    "non_finite_values": non_finite_values,
    "frozen_parameters": frozen_parameters,
    "unscaled_inputs": unscaled_inputs,
    "unscaled_targets": unscaled_targets,
    "poor_initialization": poor_initialization,
    "clipped_gradients": clipped_gradients,
    "learning_rate_too_high": learning_rate_too_high,
    "learning_rate_too_low": learning_rate_too_low,
    "vanishing_gradients": vanishing_gradients,
    "exploding_gradients": exploding_gradients,
    "dead_units": dead_units,
    "saturated_units": saturated_units,
    "unstable_loss": unstable_loss,
    "stopped_too_early": stopped_too_early,
    "overfitting": overfitting,
    "not_learning": not_learning,
    "underfitting": underfitting,
    "ignored_class": ignored_class,
    "misleading_metric": misleading_metric,
}


def checked(members: Sequence[Observation]) -> list[Finding]:
    """Return what the checks say of a training's members, the gravest first.

    Of several members a fact is told of when it befell any, and a suspicion when it befell at least half, as it was in
    the gravest case; it is critical only when it befell all.
    """
    told = []
    for check in CHECKS.values():
        found = [finding for finding in map(check, members) if finding is not None]
        facts = any(finding.status == "confirmed" for finding in found)
        if facts or (found and len(found) >= MAJORITY * len(members)):
            told.append(_writable(_of_members(found, len(members))))
    return ranked(told)


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings the gravest first, refuted ones last; equal ones stay in their order, causes before effects."""
    return sorted(findings, key=lambda each: (each.status == "refuted", SEVERITIES.index(each.severity)))


def _writable(finding: Finding) -> Finding:
    """Return a finding whose evidence JSON has words for, which it has not for infinity."""
    evidence = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in finding.evidence.items()
    }
    return replace(finding, evidence=evidence)


def _of_members(found: Sequence[Finding], members: int) -> Finding:
    gravest = ranked(found)[0]
    if len(found) == members:
        return gravest
    severity: Severity = "warning" if gravest.severity == "critical" else gravest.severity
    return replace(
        gravest,
        severity=severity,
        explanation=f"in {len(found)} of {members} members, {gravest.explanation}",
        evidence={**gravest.evidence, "befallen": len(found), "members": members},
    )
