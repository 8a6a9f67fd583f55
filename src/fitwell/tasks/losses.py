"""A loss says, row by row, how far a network's outputs are from the targets.

Targets come in three forms, and a loss has a function for each form it fits:
- `classes`: one class code per row, K outputs are the logits of the K classes;
- `labels`: K answers of 0 or 1 per row, each output is the logit of one answer (binary tasks have K = 1);
- `values`: K numbers per row, the outputs estimate them.
Losses return one value per row, the mean over K where there are several targets, so that row weights, masks and
members stay with the caller. They are written with log-probabilities throughout: logits of ±10,000 are no problem.
The numbers in them are Python's, or tensors of one entry where members of a population differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from fitwell.errors import RecipeError

Form = Literal["classes", "labels", "values"]
RowLoss = Callable[[Tensor, Tensor], Tensor]  # (outputs (rows, K), targets) -> (rows,)
Number = float | Tensor
Units = Number | tuple[float, ...]  # one number, or one for each target


@runtime_checkable
class LossSettings(Protocol):
    """The settings that losses go by, as a recipe or a member of a population has them."""

    @property
    def label_smoothing(self) -> Number | Literal["auto"]: ...
    @property
    def focal_gamma(self) -> Number: ...
    @property
    def huber_delta(self) -> Number: ...
    @property
    def quantile(self) -> Number: ...
    @property
    def target_factor(self) -> Units: ...
    @property
    def target_shift(self) -> Units: ...


@runtime_checkable
class WeightedLoss(Protocol):
    """A loss on classes or labels, whose classes may count differently."""

    def __call__(
        self, outputs: Tensor, targets: Tensor, *, settings: LossSettings, class_weights: Tensor | None = None
    ) -> Tensor:
        """Return one value per row."""
        ...


@runtime_checkable
class ValueLoss(Protocol):
    """A loss on values."""

    def __call__(self, outputs: Tensor, targets: Tensor, *, settings: LossSettings) -> Tensor:
        """Return one value per row."""
        ...


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What one loss is for each form of target; None where it does not fit."""

    classes: WeightedLoss | None = None
    labels: WeightedLoss | None = None
    values: ValueLoss | None = None
    definition: str


def cross_entropy_of_classes(
    outputs: Float[Tensor, "rows K"],
    targets: Int[Tensor, " rows"],
    *,
    settings: LossSettings,
    class_weights: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, " rows"]:
    """Return −Σ_k w_k y_k log p_k with p the softmax of the outputs.

    y is 1 for the row's class; label smoothing ε moves the share ε of it evenly to all K classes (Szegedy et al. 2016).

    >>> from fitwell.recipe import TrainingSettings
    >>> cross_entropy_of_classes(torch.zeros(1, 2), torch.tensor([0]), settings=TrainingSettings(label_smoothing=0.0))
    tensor([0.6931])
    """
    costs = -torch.log_softmax(outputs, dim=1)
    if class_weights is not None:
        costs = costs * class_weights
    of_class = costs.gather(1, targets[:, None]).squeeze(1)
    smoothing = _smoothing(settings, outputs)
    if smoothing is None:
        return of_class
    return (1 - smoothing) * of_class + smoothing * costs.mean(dim=1)


def cross_entropy_of_labels(
    outputs: Float[Tensor, "rows K"],
    targets: Float[Tensor, "rows K"],
    *,
    settings: LossSettings,
    class_weights: Float[Tensor, "answers ..."] | None = None,
) -> Float[Tensor, " rows"]:
    """Return the mean over labels of −w_1 y log p − w_0 (1 − y) log(1 − p) with p the sigmoid of the output.

    Each label is two classes: label smoothing ε turns y into y (1 − ε) + ε / 2, and class weights are one number each
    for answers 0 and 1, or K of each.

    >>> from fitwell.recipe import TrainingSettings
    >>> settings = TrainingSettings(label_smoothing=0.0)
    >>> cross_entropy_of_labels(torch.zeros(1, 1), torch.ones(1, 1), settings=settings)
    tensor([0.6931])
    """
    smoothing = _smoothing(settings, outputs)
    positive = targets if smoothing is None else targets * (1 - smoothing) + smoothing / 2
    if class_weights is None:  # torch's fused kernel takes a third of the time
        return functional.binary_cross_entropy_with_logits(outputs, positive, reduction="none").mean(dim=1)
    negative, positive = (1 - positive) * class_weights[0], positive * class_weights[1]
    log_odds_costs = positive * functional.logsigmoid(outputs) + negative * functional.logsigmoid(-outputs)
    return -log_odds_costs.mean(dim=1)


def focal_of_classes(
    outputs: Float[Tensor, "rows K"],
    targets: Int[Tensor, " rows"],
    *,
    settings: LossSettings,
    class_weights: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, " rows"]:
    """Return −w (1 − p)^γ log p with p the probability of the row's class: easy rows count less (Lin et al. 2017).

    >>> from fitwell.recipe import TrainingSettings
    >>> focal_of_classes(torch.zeros(1, 2), torch.tensor([0]), settings=TrainingSettings(focal_gamma=2.0))
    tensor([0.1733])
    """
    log_p = torch.log_softmax(outputs, dim=1)
    is_class = torch.arange(outputs.shape[1], device=outputs.device) == targets[:, None]
    # (1 − p)^γ through log(1 − p), summed over the other classes: the power itself has no slope at p = 1 for γ < 1.
    log_rest = torch.logsumexp(log_p.masked_fill(is_class, -math.inf), dim=1)
    focus = torch.exp(_like(settings.focal_gamma, outputs) * log_rest)
    loss = -focus * log_p.gather(1, targets[:, None]).squeeze(1)
    return loss if class_weights is None else loss * class_weights[targets]


def focal_of_labels(
    outputs: Float[Tensor, "rows K"],
    targets: Float[Tensor, "rows K"],
    *,
    settings: LossSettings,
    class_weights: Float[Tensor, "answers ..."] | None = None,
) -> Float[Tensor, " rows"]:
    """Return the mean over labels of −w (1 − p)^γ log p with p the probability of the row's answer.

    >>> from fitwell.recipe import TrainingSettings
    >>> focal_of_labels(torch.zeros(1, 1), torch.ones(1, 1), settings=TrainingSettings(focal_gamma=2.0))
    tensor([0.1733])
    """
    toward_answer = outputs * (2 * targets - 1)
    focus = torch.exp(_like(settings.focal_gamma, outputs) * functional.logsigmoid(-toward_answer))
    loss = -focus * functional.logsigmoid(toward_answer)
    if class_weights is not None:
        loss = loss * ((1 - targets) * class_weights[0] + targets * class_weights[1])
    return loss.mean(dim=1)


def squared_error(
    outputs: Float[Tensor, "rows K"], targets: Float[Tensor, "rows K"], *, settings: LossSettings
) -> Float[Tensor, " rows"]:
    """Return the mean over targets of (output − target)².

    >>> from fitwell.recipe import TrainingSettings
    >>> squared_error(torch.tensor([[3.0]]), torch.tensor([[1.0]]), settings=TrainingSettings())
    tensor([4.])
    """
    return (outputs - targets).square().mean(dim=1)


def absolute_error(
    outputs: Float[Tensor, "rows K"], targets: Float[Tensor, "rows K"], *, settings: LossSettings
) -> Float[Tensor, " rows"]:
    """Return the mean over targets of |output − target|.

    >>> from fitwell.recipe import TrainingSettings
    >>> absolute_error(torch.tensor([[3.0]]), torch.tensor([[1.0]]), settings=TrainingSettings())
    tensor([2.])
    """
    return (outputs - targets).abs().mean(dim=1)


def huber(
    outputs: Float[Tensor, "rows K"], targets: Float[Tensor, "rows K"], *, settings: LossSettings
) -> Float[Tensor, " rows"]:
    """Return the mean over targets of d²/2 where |d| ≤ δ, else δ (|d| − δ/2), with d = output − target (Huber 1964).

    >>> from fitwell.recipe import TrainingSettings
    >>> huber(torch.tensor([[3.0]]), torch.tensor([[1.0]]), settings=TrainingSettings(huber_delta=1.0))
    tensor([1.5000])
    """
    delta = _like(settings.huber_delta, outputs)
    distance = (outputs - targets).abs()
    # The square part ends at δ; beyond it the slope stays δ.
    within = torch.minimum(distance, delta) if isinstance(delta, Tensor) else distance.clamp(max=delta)
    return (within * (distance - within / 2)).mean(dim=1)


def quantile(
    outputs: Float[Tensor, "rows K"], targets: Float[Tensor, "rows K"], *, settings: LossSettings
) -> Float[Tensor, " rows"]:
    """Return the mean over targets of max(q d, (q − 1) d), with d = target − output (Koenker & Bassett 1978).

    >>> from fitwell.recipe import TrainingSettings
    >>> quantile(torch.tensor([[3.0]]), torch.tensor([[1.0]]), settings=TrainingSettings(quantile=0.9))
    tensor([0.2000])
    """
    excess, q = targets - outputs, _like(settings.quantile, outputs)
    return torch.maximum(q * excess, (q - 1) * excess).mean(dim=1)


LOSSES: dict[str, Loss] = {
    "cross_entropy": Loss(
        classes=cross_entropy_of_classes,
        labels=cross_entropy_of_labels,
        definition="−Σ y log p, with p by softmax or sigmoid",
    ),
    "focal": Loss(classes=focal_of_classes, labels=focal_of_labels, definition="−(1 − p)^γ log p, p of the true class"),
    "squared_error": Loss(values=squared_error, definition="(output − target)²"),
    "absolute_error": Loss(values=absolute_error, definition="|output − target|"),
    "huber": Loss(values=huber, definition="d²/2 where |d| ≤ δ, else δ (|d| − δ/2), with d = output − target"),
    "quantile": Loss(values=quantile, definition="max(q d, (q − 1) d), with d = target − output"),
}


def _smoothing(settings: LossSettings, outputs: Tensor) -> Number | None:
    """Return the share of label smoothing, or None where there is none."""
    smoothing = settings.label_smoothing
    if isinstance(smoothing, Tensor):
        return smoothing.to(outputs.dtype)
    return float(smoothing) or None


def _like(number: Number, outputs: Tensor) -> Number:
    return number.to(outputs.dtype) if isinstance(number, Tensor) else number


def _in_units(loss: RowLoss, settings: LossSettings) -> RowLoss:
    """Return a loss of scaled outputs and targets that sees both as f y + s."""
    factor, shift = settings.target_factor, settings.target_shift
    if isinstance(factor, float) and isinstance(shift, float) and (factor, shift) == (1, 0):
        return loss
    return partial(_mapped, loss, factor, shift)


def _mapped(
    loss: RowLoss,
    factor: Number | tuple[float, ...],
    shift: Number | tuple[float, ...],
    outputs: Tensor,
    targets: Tensor,
) -> Tensor:
    f, s = (number if isinstance(number, float) else torch.as_tensor(number).to(outputs) for number in (factor, shift))
    return loss(outputs * f + s, targets * f + s)


def row_loss(name: str, form: Form, *, settings: LossSettings, class_weights: Tensor | None = None) -> RowLoss:
    """Return the named loss for one form of target as a function `(outputs, targets) -> (rows,)`.

    >>> from fitwell.recipe import TrainingSettings
    >>> row_loss("absolute_error", "values", settings=TrainingSettings())(torch.ones(1, 2), torch.zeros(1, 2))
    tensor([1.])

    Raises:
        RecipeError: the loss does not fit the form, or values are given class weights.
    """
    loss = LOSSES[name]
    if form == "values":
        if class_weights is not None:
            raise RecipeError("training.class_weights weigh classes, but the targets are values; leave them out")
        if loss.values is not None:
            return _in_units(partial(loss.values, settings=settings), settings)
    else:
        weighted = loss.classes if form == "classes" else loss.labels
        if weighted is not None:
            return partial(weighted, settings=settings, class_weights=class_weights)
    fitting = ", ".join(other for other in LOSSES if getattr(LOSSES[other], form) is not None)
    raise RecipeError(f"training.loss is {name}, which does not fit targets that are {form}; try {fitting}")
