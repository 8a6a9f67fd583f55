"""How much speaks for each change's lack before any comparison, 0 to 1: the least suspected are taken back first.

Raw inputs saturate or silence units of sound weights. So the first weights are suspected by what units do on
standardized inputs, and the inputs by what they do on raw ones alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.changes import STAND_IN
from fitwell.doctor.examining.measuring import Measured
from fitwell.doctor.examining.signals import LayerActivity, activity_of
from fitwell.doctor.examining.subject import Subject, drawn_by_layers, new_module, standardized_rows
from fitwell.doctor.examining.thresholds import (
    CRUSHING_DECAY,
    CRUSHING_DROPOUT,
    DECOUPLED,
    EXPLODED,
    FAR,
    HEAVY_DECAY,
    HEAVY_DROPOUT,
    LARGE_MOMENTUM,
    MANY_DEAD,
    MANY_SATURATED,
    OFFSET_SPREADS,
    SPREAD_FACTOR,
    VANISHED,
)
from fitwell.doctor.examining.tracing import DISTRIBUTIONS

LOOKED_AT = 500  # rows
WELL_SCALED = 0.5  # the suspicion below which scales are no reason for large gradients


def suspicions(subject: Subject, anatomy: Anatomy, base: Measured) -> dict[str, float]:
    """Return the suspicion of each change that signals say something about."""
    found = {
        "inputs": _ill_scaled(subject.inputs, per_feature=True),
        "targets": _ill_scaled(subject.known, per_feature=False),
        "output": 1.0 if anatomy.mismatch else 0.0,
        "loss": _of_loss(anatomy),
        "thaw": 1.0,
        "gradient": 1.0,
        "rows_first": 1.0,
        "axis": 1.0,
        "statistics": 1.0,
        "ranks": 0.85,
        "shuffle": 0.9,
        "bent": 0.8,
        "initialization": _ill_drawn(subject),
        "activations": 0.0,
        "lighter": _held_back(anatomy),
        "weights": 0.75,  # it is among the changes only where it was seen to bring much
        "batch": 0.75 if subject.batch_size * 4 > subject.training_rows or subject.batch_size <= 2 else 0.4,
        STAND_IN: 0.85 if anatomy.blunt else 0.2,
        "adam": 0.35,
        "longer": 0.3,
    }
    if any(call.name in DISTRIBUTIONS for call in anatomy.trace.hidden_activations):
        found["activations"] = 0.6  # units that share a sum of one between layers, as hardly anybody means it
    signals = base.trainings[0].signals
    if signals is not None:
        if signals.shrinkage < VANISHED or any(each.saturated > MANY_SATURATED for each in signals.end):
            found["activations"] = 0.6
        if signals.memory < VANISHED:
            found["gated"] = found["fronted"] = 0.85
        if _is_numb(signals.start):
            blamed = _numbed_by(subject, found["inputs"])
            found[blamed] = max(found[blamed], 0.85)
        if signals.first_gradient > EXPLODED and max(found["inputs"], found["targets"]) < WELL_SCALED:
            found["initialization"] = 0.85
        died = max(_dead(signals.end), default=0.0) - max(_dead(signals.start), default=0.0)
        if died > MANY_DEAD or signals.travelled > FAR:
            found["adam"] = found["rate"] = 0.8
    if base.momentum > LARGE_MOMENTUM:
        found["adam"] = found["rate"] = 0.8
    if base.diverged:
        found["adam"] = max(found["adam"], 0.55)
    return found


def _held_back(anatomy: Anatomy) -> float:
    """Return how far dropout and weight decay are beyond what is in use."""
    decay = anatomy.weight_decay / (DECOUPLED if anatomy.decoupled else 1)
    if decay >= CRUSHING_DECAY or anatomy.dropout >= CRUSHING_DROPOUT:
        return 0.9
    return 0.6 if anatomy.drawing or decay >= HEAVY_DECAY or anatomy.dropout >= HEAVY_DROPOUT else 0.2


def _dead(layers: tuple[LayerActivity, ...]) -> list[float]:
    return [each.dead for each in layers]


def _is_numb(layers: tuple[LayerActivity, ...]) -> bool:
    """Tell whether most units of a layer pass no gradient on."""
    return any(each.dead > MANY_DEAD or each.saturated > MANY_SATURATED for each in layers)


def _numbed_by(subject: Subject, ill_scaled: float) -> str:
    """Return which of inputs and first weights silences units from the start.

    Either may be enough to wake them: then it is the weights, unless the inputs are far from the usual themselves.
    """
    own = new_module(subject, subject.seed)
    if _is_numb(activity_of(own, standardized_rows(subject, LOOKED_AT))):
        return "initialization"
    usual = activity_of(drawn_by_layers(own), subject.inputs[:LOOKED_AT])
    return "initialization" if ill_scaled < WELL_SCALED and not _is_numb(usual) else "inputs"


def _of_loss(anatomy: Anatomy) -> float:
    if anatomy.mismatch or anatomy.broadcasts or anatomy.loss.negated:
        return 1.0
    if anatomy.task.kind != "numbers" and anatomy.loss.expects == "values":
        return 0.6
    if anatomy.loss.expects != "anything":
        return 0.3
    return 0.7 if anatomy.loss_may_be_meant else 0.8


def _ill_scaled(values: Tensor, *, per_feature: bool) -> float:
    """Return how far values are from unit spread around zero: 0 within the usual, 1 two orders beyond."""
    if not values.is_floating_point():
        return 0.0
    flat = values.float().reshape(len(values), -1)
    varied = flat.std(0) > 0
    # A column of one value is as good as a bias, unless that is far from 1.
    still = float(flat[0, ~varied].abs().max()) if per_feature and bool((~varied).any()) else 0.0
    if still > SPREAD_FACTOR:
        return min(1.0, 0.75 + 0.25 * min(1.0, still / SPREAD_FACTOR / 10))
    flat = flat[:, varied]
    if not flat.numel():
        return 0.0
    spread, offset = flat.std(0), flat.mean(0).abs()
    if not per_feature:
        spread, offset = spread.mean(), offset.mean()
    off = max(float(spread.max()), 1 / max(float(spread.max()), 1e-12)) / SPREAD_FACTOR
    shifted = float((offset / torch.maximum(spread, torch.tensor(1.0 if per_feature else 0.0))).max()) / OFFSET_SPREADS
    # What is rarely other than usual, as a point at the border of pictures, has its size when it is.
    size = torch.maximum(spread, (flat - flat.mean(0)).abs().amax(0) / OFFSET_SPREADS)
    ratio = float(spread.max() / size.min()) / SPREAD_FACTOR**2 if per_feature and spread.numel() < 200 else 0.0
    worst = max(off, shifted, ratio)
    return 0.0 if worst <= 0.3 else min(1.0, 0.75 + 0.25 * min(1.0, worst / 10)) if worst >= 1 else 0.2 + 0.3 * worst


def _ill_drawn(subject: Subject) -> float:
    """Return how far first weights are from what keeps the spread of signals, 1 / √fan-in, and from their layers' own.

    A recurrent layer draws those of its few inputs by the number of its units, and a vector is taken as it is.
    """
    worst = 1.0
    module = new_module(subject, subject.seed)
    vectors = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
    for own, usual in zip(module.parameters(), drawn_by_layers(module).parameters(), strict=True):
        value = own.detach()
        if not value.is_floating_point() or value.numel() < 8:
            continue
        spread = float(value.std())
        if value.ndim > 1 and id(own) not in vectors and not _are_alike(value, usual.detach()):
            expected = value[0].numel() ** -0.5
            worst = max(worst, spread / expected / 1.5, expected / max(spread, 1e-9) / 2)
            worst = max(worst, _pulled_along(value) / 2)
        elif value.ndim == 1 and abs(float(value.mean())) > 2 * max(1.0, spread):
            worst = max(worst, 10.0)
    return 0.1 if worst < 2.5 else 0.85 if worst >= 5 else 0.5


def _are_alike(own: Tensor, usual: Tensor) -> bool:
    """Tell whether weights are spread around zero as those that their layer draws by itself."""
    drawn = not torch.equal(own, usual)  # else no layer draws them
    spread = float(usual.std())
    return drawn and 0.5 < float(own.std()) / max(spread, 1e-12) < 2 and abs(float(own.mean())) < spread


def _pulled_along(weight: Tensor) -> float:
    """Return how far a weight (…, fan-in…) hands on what all its inputs have in common; 1 where it takes their mean.

    Where all weights are of one sign, as numbers drawn from 0 to 1 are, that drowns what tells the inputs apart, in
    every unit alike.
    """
    return float(weight.mean().abs()) * weight[0].numel()
