"""What was found wrong with the data or a training of ours.

A finding is confirmed, suspected or refuted. What counting the rows shows is confirmed by the count; that a column
gives the target away is a suspicion, since an honest column can predict well too. A loss that is no number any more is
a fact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fitwell.data.audit import Note
from fitwell.doctor.finding import Finding, Remedy, remedy
from fitwell.recipe import Recipe, own_recipe
from fitwell.training.loop import Mark

SUSPECTED = frozenset({"target_leakage"})  # what counting cannot settle
SMALLER_RATE = 10  # a diverged training is tried again at the rate divided by this


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


def training_finding(recipe: Recipe, marks: Sequence[Mark]) -> Finding | None:
    """Return what is wrong when validation losses became infinite or no number, None when all stayed finite.

    It is critical when it befell every member, a warning when others went on. `recipe` is the one trained with, its
    learning rate a number; `marks` are the members' at the end of the training.
    """
    first_epochs = {member: _first_non_finite(mark) for member, mark in enumerate(marks)}
    diverged = {member: epoch for member, epoch in first_epochs.items() if epoch is not None}
    if not diverged:
        return None
    member, epoch = min(diverged.items(), key=lambda pair: pair[1])
    loss, rate = marks[member].losses[epoch], own_recipe(recipe, member).training.learning_rate
    members = f"{len(diverged)} of {len(marks)} members" if len(marks) > 1 else "the network"
    first = "first " if len(diverged) > 1 else ""
    return Finding(
        symptom="non_finite_values",
        status="confirmed",
        severity="critical" if len(diverged) == len(marks) else "warning",
        since=f"epoch {epoch}",
        evidence={
            "epoch": epoch,
            "loss": str(loss),  # JSON has no word for nan and infinity
            "learning_rate": rate,
            "best_epoch": marks[member].best_epoch,
            "diverged": len(diverged),
            "members": len(marks),
        },
        explanation=(
            f"the validation loss of {members} became {loss}, {first}in epoch {epoch}, at a learning rate of {rate}; "
            f"what is kept are the weights of epoch {marks[member].best_epoch}"
        ),
        remedies=(_smaller_rate(rate) if epoch else _smaller_inputs(),),
    )


def _first_non_finite(mark: Mark) -> int | None:
    """Return the first epoch whose loss is no finite number; 0 is the look before the first step."""
    return next((epoch for epoch, loss in enumerate(mark.losses) if not math.isfinite(loss)), None)


def _smaller_rate(rate: float | str) -> Remedy:
    assert not isinstance(rate, str)
    lower = float(f"{rate / SMALLER_RATE:.12g}")  # 0.3 / 10 is 0.03, not 0.0299...
    return remedy("try a tenth of the rate", setting="training.learning_rate", old=rate, new=lower)


def _smaller_inputs() -> Remedy:
    """Return what may help when the loss was infinite before any step, which no rate explains."""
    return remedy("look for huge values among the features and the target, and scale them (data.numbers: auto)")
