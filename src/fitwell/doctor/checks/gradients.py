"""Gradients that die out or grow on their way back, that are cut in nearly every step, or that are no numbers."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from fitwell.doctor.checks.judging import advised, is_poor, lasted, later_half, median, since, tenth
from fitwell.doctor.finding import Finding
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import CLIPPED, EXPLODED, GROWN, LEAST_STEPS, SUSTAINED, VANISHED


def non_finite_values(seen: Observation) -> Finding | None:
    """Speak of the first loss or signal that is infinite or no number, and of the layer where it first appeared."""
    steps = seen.steps
    lost = [index for index, loss in enumerate(steps.losses) if not math.isfinite(loss)]
    first = lost[0] if lost else None
    layer = None if first is None else _first_layer_lost(seen, first)
    looks = _lost_looks(seen)
    if first is None and looks is None:
        return None
    epoch = min(([] if first is None else [float(steps.moments[first])]) + ([] if looks is None else [looks]))
    where = "" if layer is None else f', first in layer "{layer}"'
    rate = "" if seen.learning_rate is None else f", at a learning rate of {seen.learning_rate:g}"
    evidence = {seen.clock: epoch, "learning_rate": seen.learning_rate, "lost_steps": len(lost)}
    if epoch > 0 and seen.learning_rate is not None:
        lower = tenth(seen.learning_rate)
        way = advised(
            seen, "try a tenth of the rate", setting="training.learning_rate", old=seen.learning_rate, new=lower
        )
    else:
        way = advised(seen, "look for huge values among the inputs and targets, and scale them", setting="data.numbers")
    return Finding(
        symptom="non_finite_values",
        status="confirmed",
        severity="critical",
        where=layer,
        since=since(seen, epoch),
        evidence=evidence,
        explanation=f"a loss became infinite or no number in {seen.clock} {epoch:.4g}{where}{rate}",
        remedies=(way,),
    )


def _lost_looks(seen: Observation) -> float | None:
    """Return the first epoch whose validation loss, or else training loss, is no finite number though it was known."""
    known = np.isfinite(seen.looks.validation).any()
    losses = seen.looks.validation if known else seen.looks.training
    begun = np.flatnonzero(np.isfinite(losses))
    if not len(begun):
        return None
    lost = np.flatnonzero(~np.isfinite(losses[begun[0] :]))
    return float(seen.looks.moments[begun[0] + lost[0]]) if len(lost) else None


def _first_layer_lost(seen: Observation, step: int) -> str | None:
    """Return the first layer on the way forward whose activations are no numbers, else the last one by its gradient."""
    spreads = seen.steps.signals.get("activation_spread")
    gradients = seen.steps.signals.get("gradient_norm")
    forward = [] if spreads is None else [place for place in seen.places("hidden") if _is_lost(spreads[step, place])]
    if forward:
        return seen.layers[forward[0]].name
    backward = [] if gradients is None else [place for place, norm in enumerate(gradients[step]) if _is_lost(norm)]
    return seen.layers[backward[-1]].name if backward else None


def _is_lost(value: float) -> bool:
    return not math.isfinite(value)


def vanishing_gradients(seen: Observation) -> Finding | None:
    """Speak when a poor network's first layers get a thousandth of the last layer's gradient, in nearly all steps."""
    flow = _flow(seen)
    if flow is None or not is_poor(seen):
        return None
    places = seen.places("hidden")
    lost = lasted(flow < VANISHED)
    if not lost.any():
        return None
    worst = int(np.argmin(np.where(lost, np.median(flow, axis=0), np.inf)))
    share = float(np.median(flow[:, worst]))
    layer = seen.layers[places[worst]].name
    return Finding(
        symptom="vanishing_gradients",
        status="suspected",
        severity="warning",
        where=layer,
        since="start",
        evidence={"share_of_last": share, "layers": int(lost.sum()), "hidden_layers": len(places)},
        explanation=(
            f'layer "{layer}" gets {share:.2g} of the gradient of the last hidden layer, and {int(lost.sum())} of '
            f"{len(places)} hidden layers less than a thousandth: they hardly learn"
        ),
        remedies=(
            advised(seen, "use relu or silu in the hidden layers", setting="network.activation", new="silu"),
            advised(seen, "initialize by the activation", setting="network.initialization", new="auto"),
            advised(seen, "add shortcuts past the layers, or normalize", setting="network.residual", new=True),
        ),
    )


def exploding_gradients(seen: Observation) -> Finding | None:
    """Speak when gradients grow a thousandfold toward the first layers, or a hundredfold as a poor training goes on."""
    if not is_poor(seen):
        return None
    flow, total = _flow(seen), _total(seen)
    wild = None if flow is None else lasted(flow > EXPLODED)
    if flow is not None and wild is not None and wild.any():
        worst = int(np.argmax(np.where(wild, np.median(flow, axis=0), -np.inf)))
        times, layer = float(np.median(flow[:, worst])), seen.layers[seen.places("hidden")[worst]].name
        told = f'layer "{layer}" gets {times:.3g} times the gradient of the last hidden layer, in nearly all steps'
        return _exploding(seen, told, layer, {"times_last": times})
    if total is None or len(total) < 2 * LEAST_STEPS:
        return None
    early = median(total[1 : max(LEAST_STEPS, len(total) // 10) + 1])  # a head of zeros passes nothing back at first
    late = later_half(total)
    if not early > 0 or not (late > GROWN * early).mean() >= SUSTAINED:
        return None
    times = float(np.median(late)) / early
    return _exploding(seen, f"gradients are {times:.3g} times as large as at the beginning", None, {"growth": times})


def _exploding(seen: Observation, told: str, layer: str | None, evidence: dict[str, float]) -> Finding:
    return Finding(
        symptom="exploding_gradients",
        status="suspected",
        severity="warning",
        where=layer,
        since="start",
        evidence=evidence,
        explanation=told,
        remedies=(
            advised(seen, "clip gradients by their norm", setting="training.clip_norm", old=seen.clip_norm, new=1.0),
            advised(seen, "initialize by the activation", setting="network.initialization", new="auto"),
        ),
    )


def clipped_gradients(seen: Observation) -> Finding | None:
    """Speak when clipping shortens nine of ten steps: it then sets the length of all steps, as a rate does."""
    total = _total(seen)
    if total is None or seen.clip_norm is None or len(total) < LEAST_STEPS:
        return None
    share = float((total > seen.clip_norm).mean())
    if share < CLIPPED:
        return None
    usual = median(total)
    return Finding(
        symptom="clipped_gradients",
        status="confirmed",
        severity="warning" if is_poor(seen) else "info",
        since="start",
        evidence={"share": share, "clip_norm": seen.clip_norm, "median_norm": usual},
        explanation=(
            f"clipping at {seen.clip_norm:g} shortens {100 * share:.0f} % of the steps, whose gradients have a norm of "
            f"{usual:.2g}: it acts as a smaller learning rate, not as a guard against rare jumps"
        ),
        remedies=(
            advised(
                seen,
                "clip at some times the usual norm",
                setting="training.clip_norm",
                old=seen.clip_norm,
                new=float(f"{3 * usual:.1g}"),
            ),
        ),
    )


def _flow(seen: Observation) -> Float[np.ndarray, "steps hidden"] | None:
    """Return the hidden layers' gradient norms beside the last one's, in steps where that has any.

    The head is no measure: where it starts at zero, it passes little back until it has grown. Layers that never have
    any gradient are left out: they are frozen, unused or dead, and others tell whether it vanished on the way.
    """
    norms = seen.signal("gradient_norm")
    hidden = [] if norms is None else [place for place in seen.places("hidden") if (norms[:, place] > 0).any()]
    if norms is None or len(hidden) < 2:
        return None
    last = norms[:, hidden[-1]]
    known = np.isfinite(last) & (last > 0)
    if not known.any():
        return None
    flow = np.full((int(known.sum()), len(seen.layers)), np.nan)
    flow[:, hidden] = norms[known][:, hidden] / last[known, None]
    return flow[:, seen.places("hidden")]


def _total(seen: Observation) -> Float[np.ndarray, " steps"] | None:
    norms = seen.signal("gradient_norm")
    if norms is None:
        return None
    total: Float[np.ndarray, " steps"] = np.sqrt(np.nansum(norms.astype(np.float64) ** 2, axis=1))
    return total
