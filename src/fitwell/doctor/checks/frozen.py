"""Weights that should learn, and that the optimizer does not know."""

from __future__ import annotations

from fitwell.doctor.finding import Finding, remedy
from fitwell.doctor.observation import Observation


def frozen_parameters(seen: Observation) -> Finding | None:
    """Speak of layers that ask for gradients but that no step moves; what is frozen on purpose asks for none."""
    if not seen.left_out:
        return None
    first, count = seen.left_out[0], len(seen.left_out)
    others = "" if count == 1 else f" and {count - 1} more"
    return Finding(
        symptom="frozen_parameters",
        status="confirmed",
        severity="warning",
        where=first,
        since="start",
        evidence={"layers": ", ".join(seen.left_out[:5]), "count": count},
        explanation=f'the optimizer does not have the weights of layer "{first}"{others}, which ask for gradients',
        remedies=(
            remedy("make the optimizer of all parameters, after the network is complete"),
            remedy("say requires_grad_(False) of those that are to stay as they are"),
        ),
    )
