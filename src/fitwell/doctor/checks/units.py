"""Units that put out zero for every row, that stand at a bound, or that were so from the start."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from fitwell.doctor.checks.judging import advised, has_not_moved, is_poor, lasted, later_half
from fitwell.doctor.finding import Finding
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import DEAD, FIRST_LOSS, FLAT_START, SATURATED, WILD_START, ZEROS


def dead_units(seen: Observation) -> Finding | None:
    """Speak when most units of a hidden layer are zero for all rows, or nearly all its outputs are zero, to the end."""
    counted = _hidden(seen, "dead")
    values, threshold = (counted, DEAD) if counted is not None else (_hidden(seen, "zeros"), ZEROS)
    worst = _worst(values, threshold)
    if worst is None or not is_poor(seen):
        return None
    place, share = worst
    layer = seen.layers[seen.places("hidden")[place]].name
    what = "units put out zero for every row" if counted is not None else "outputs are zero"
    return Finding(
        symptom="dead_units",
        status="suspected",
        severity="warning",
        where=layer,
        since="start" if values is not None and values[0, place] >= threshold else "training",
        evidence={"share": share},
        explanation=f'{100 * share:.1f} % of the {what} in layer "{layer}": what is zero passes no gradient back',
        remedies=(
            advised(seen, "use leaky_relu or silu", setting="network.activation", new="silu"),
            advised(seen, "lower the learning rate", setting="training.learning_rate", old=seen.learning_rate),
        ),
    )


def saturated_units(seen: Observation) -> Finding | None:
    """Speak when nine tenths of a hidden layer's outputs stand at a bound of the activation, to the end."""
    values = _hidden(seen, "saturation")
    worst = _worst(values, SATURATED)
    if worst is None or not is_poor(seen):
        return None
    place, share = worst
    layer = seen.layers[seen.places("hidden")[place]].name
    return Finding(
        symptom="saturated_units",
        status="suspected",
        severity="warning",
        where=layer,
        since="start" if values is not None and values[0, place] >= SATURATED else "training",
        evidence={"share": share},
        explanation=(
            f'{100 * share:.1f} % of the outputs of layer "{layer}" stand at a bound of its activation, where the '
            "slope is nearly zero: little gradient passes it"
        ),
        remedies=(
            advised(seen, "use relu or silu in the hidden layers", setting="network.activation", new="silu"),
            advised(seen, "start from smaller weights", setting="network.initialization", new="auto"),
            advised(seen, "scale the inputs", setting="data.numbers", new="auto"),
        ),
    )


def poor_initialization(seen: Observation) -> Finding | None:
    """Speak when hidden layers are flat, wild or at their bounds before the first step, or the first loss is huge."""
    spreads, means = _hidden(seen, "activation_spread"), _hidden(seen, "activation_mean")
    remedies = (advised(seen, "initialize by the activation", setting="network.initialization", new="auto"),)
    told: str | None = None
    place = None
    evidence: dict[str, float] = {}
    if spreads is not None and means is not None and is_poor(seen):
        relative = spreads[0] / np.maximum(np.abs(means[0]), 1e-30)
        # Outputs around zero have no size to compare with but that of the layers before.
        shrunk = spreads[0] / np.maximum(np.fmax.accumulate(spreads[0]), 1e-30)
        flatness = np.where(np.abs(means[0]) > spreads[0], relative, shrunk)
        saturation = _hidden(seen, "saturation")
        if (flatness < FLAT_START).any():
            place = int(np.nanargmin(flatness))
            evidence = {"relative_spread": float(flatness[place])}
            told = f"puts out nearly the same for every row before the first step (spread {flatness[place]:.2g})"
        elif (spreads[0] > WILD_START).any():
            place = int(np.nanargmax(spreads[0]))
            evidence = {"spread": float(spreads[0][place])}
            told = f"puts out values that spread by {spreads[0][place]:.3g} before the first step"
        elif saturation is not None and (saturation[0] >= SATURATED).any():
            place = int(np.nanargmax(saturation[0]))
            evidence = {"saturation": float(saturation[0][place])}
            told = f"has {100 * saturation[0][place]:.1f} % of its outputs at a bound before the first step"
    if told is not None and place is not None:
        layer = seen.layers[seen.places("hidden")[place]].name
        return _poor_start(f'layer "{layer}" {told}', layer, evidence, remedies, grave=has_not_moved(seen))
    judged = seen.judged[np.isfinite(seen.judged)]
    if seen.constant_loss is None or not len(judged) or seen.looks.moments[0] != 0:
        return None
    times = float(judged[0]) / seen.constant_loss if seen.constant_loss > 0 else 0.0
    if times < FIRST_LOSS or not is_poor(seen):
        return None
    told = f"the loss before the first step is {times:.3g} times that of knowing nothing"
    return _poor_start(told, None, {"times_constant": times}, remedies, grave=has_not_moved(seen))


def _poor_start(told: str, layer: str | None, evidence: dict[str, float], remedies: tuple, *, grave: bool) -> Finding:  # type: ignore[type-arg]
    return Finding(
        symptom="poor_initialization",
        status="suspected",
        severity="warning" if grave else "info",
        where=layer,
        since="start",
        evidence=evidence,
        explanation=told,
        remedies=remedies,
    )


def _hidden(seen: Observation, name: str) -> Float[np.ndarray, "steps hidden"] | None:
    values, places = seen.signal(name), seen.places("hidden")
    if values is None or not places:
        return None
    of_hidden = values[:, places]
    return None if np.isnan(of_hidden).all() else of_hidden


def _worst(values: Float[np.ndarray, "steps hidden"] | None, threshold: float) -> tuple[int, float] | None:
    """Return the layer whose values are highest in the later half and its median there, if that lasted."""
    if values is None:
        return None
    late = later_half(values)
    found = lasted(late >= threshold)
    if not found.any():
        return None
    medians = np.where(found, np.median(late, axis=0), -np.inf)
    place = int(np.argmax(medians))
    return place, float(medians[place])
