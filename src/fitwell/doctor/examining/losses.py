"""Which loss a training minimizes: told by type, else by values and gradients on made-up outputs.

People pass `nn.MSELoss()`, `F.mse_loss`, or a closure around either. The first two are looked up; a closure is asked
what it gives, and the known loss whose gradient points the same way on every question is what it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.thresholds import PROBES, SAME_DIRECTION

Loss = Callable[[Tensor, Tensor], Tensor]
Expects = Literal["values", "logits", "log-probabilities", "probabilities", "margins", "anything"]
# What code raises that does not take what it is asked with, which answers the question.
REFUSED = (RuntimeError, ValueError, IndexError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class LossKind:
    """A known loss, and what it takes outputs for."""

    name: str
    expects: Expects
    negated: bool = False  # minimizing it maximizes the loss of that name
    how: str = "by its type"


OF_SHARES = "the divergence of shares"
OF_LOGARITHMS, OF_RATES = "the likelihood of counts by their rate's logarithm", "the likelihood of counts by their rate"
# What outputs stand for where a loss of classes or shares is given numbers: rates from 0 to 1, or shares of a whole.
STANDS_FOR: dict[str, Callable[[Tensor], Tensor]] = {
    OF_SHARES: torch.exp,
    "binary cross-entropy with logits": torch.sigmoid,
    "cross-entropy": lambda outputs: outputs.softmax(1),
}
EXPECTS: dict[str, Expects] = {
    "squared error": "values",
    "absolute error": "values",
    "Huber": "values",
    "cross-entropy": "logits",
    "negative log-likelihood": "log-probabilities",
    "binary cross-entropy": "probabilities",
    "binary cross-entropy with logits": "logits",
    "hinge": "margins",
    OF_SHARES: "log-probabilities",
    OF_LOGARITHMS: "anything",
    OF_RATES: "anything",
    "a loss of its own": "anything",
}
TYPES: dict[type[nn.Module], str] = {
    nn.MSELoss: "squared error",
    nn.L1Loss: "absolute error",
    nn.SmoothL1Loss: "Huber",
    nn.HuberLoss: "Huber",
    nn.CrossEntropyLoss: "cross-entropy",
    nn.NLLLoss: "negative log-likelihood",
    nn.BCELoss: "binary cross-entropy",
    nn.BCEWithLogitsLoss: "binary cross-entropy with logits",
    nn.SoftMarginLoss: "hinge",
    nn.HingeEmbeddingLoss: "hinge",
    nn.KLDivLoss: OF_SHARES,
}
FUNCTIONS: dict[object, str] = {
    functional.mse_loss: "squared error",
    functional.l1_loss: "absolute error",
    functional.smooth_l1_loss: "Huber",
    functional.huber_loss: "Huber",
    functional.cross_entropy: "cross-entropy",
    functional.nll_loss: "negative log-likelihood",
    functional.binary_cross_entropy: "binary cross-entropy",
    functional.binary_cross_entropy_with_logits: "binary cross-entropy with logits",
    functional.poisson_nll_loss: OF_LOGARITHMS,
    functional.kl_div: OF_SHARES,
}


def _like(targets: Tensor, outputs: Tensor) -> Tensor:
    return targets.to(outputs.dtype).reshape(outputs.shape)


def _signs(targets: Tensor, outputs: Tensor) -> Tensor:
    """Return targets as -1 and 1, whether they were such or 0 and 1."""
    given = _like(targets, outputs)
    return 2 * given - 1 if bool((given >= 0).all()) else given


def classes_axis(shape: tuple[int, ...], targets: Tensor) -> int | None:
    """Return which axis of outputs (rows, …) has a place for each class, where targets are class numbers of the rest.

    That of torch's own losses where either may be meant.
    """
    rest = tuple(targets.shape[1:])
    if targets.is_floating_point() or len(shape) != targets.ndim + 1:
        return None
    fitting = [axis for axis in (1, len(shape) - 1) if shape[1:axis] + shape[axis + 1 :] == rest]
    return next((axis for axis in fitting if int(targets.max()) < shape[axis]), None)


def classes_first(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return outputs with the classes behind the rows, where torch's losses expect them."""
    axis = classes_axis(tuple(outputs.shape), targets)
    return outputs if axis is None else outputs.movedim(axis, 1)


def _classes(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return class numbers, whether the targets were such or marked one of as many columns."""
    if targets.is_floating_point() and targets.shape == outputs.shape:
        return targets.argmax(1)
    return targets.long().reshape(outputs.shape[0], *outputs.shape[2:])


# In the order asked: of losses that point the same way on some questions, the simplest first.
KNOWN: dict[str, Loss] = {
    "squared error": lambda o, t: functional.mse_loss(o, _like(t, o)),
    "absolute error": lambda o, t: functional.l1_loss(o, _like(t, o)),
    "Huber": lambda o, t: functional.smooth_l1_loss(o, _like(t, o)),
    "cross-entropy": lambda o, t: functional.cross_entropy(classes_first(o, t), _classes(classes_first(o, t), t)),
    "negative log-likelihood": lambda o, t: functional.nll_loss(classes_first(o, t), _classes(classes_first(o, t), t)),
    "binary cross-entropy": lambda o, t: functional.binary_cross_entropy(o, _like(t, o)),
    "binary cross-entropy with logits": lambda o, t: functional.binary_cross_entropy_with_logits(o, _like(t, o)),
    "hinge": lambda o, t: functional.relu(1 - o * _signs(t, o)).mean(),
}


def recognize(loss: Loss, outputs: Tensor, targets: Tensor) -> LossKind:
    """Return what a loss is; `outputs` (rows, …) and `targets` (rows, …) say which shapes and values it is given."""
    if isinstance(loss, nn.PoissonNLLLoss):
        name: str | None = OF_LOGARITHMS if loss.log_input else OF_RATES
    else:
        name = TYPES.get(type(loss)) if isinstance(loss, nn.Module) else FUNCTIONS.get(loss)
    if name is not None:
        return LossKind(name=name, expects=EXPECTS[name])
    return _probed(loss, outputs, targets)


def _probed(loss: Loss, outputs: Tensor, targets: Tensor) -> LossKind:
    # A seed that nobody's targets were drawn with: where outputs equal targets there is no gradient to compare.
    generator = torch.Generator().manual_seed(0x5EED)
    questions = [torch.randn(outputs.shape, generator=generator) for _ in range(PROBES)]
    shares = [question.sigmoid() for question in questions]
    for name, known in KNOWN.items():
        # A loss of probabilities is undefined elsewhere, and clips or fails there.
        asked = shares if EXPECTS[name] == "probabilities" else questions
        likeness = [_likeness(loss, known, each, targets) for each in asked]
        if min(likeness) > SAME_DIRECTION or max(likeness) < -SAME_DIRECTION:
            negated = likeness[0] < 0
            return LossKind(name=name, expects=EXPECTS[name], negated=negated, how="by its gradients")
    return LossKind(name="a loss of its own", expects="anything", how="by none of the known ones")


def _likeness(loss: Loss, known: Loss, outputs: Tensor, targets: Tensor) -> float:
    """Return the cosine between two losses' gradients, 0 where either has none.

    Where outputs stand in columns it is that of the column in which they are least alike: targets in thousands would
    hide what is asked of the others.
    """
    ours, theirs = gradient_of(known, outputs, targets), gradient_of(loss, outputs, targets)
    if ours is None or theirs is None:
        return 0.0
    whole = float(functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0))
    if ours.ndim < 2:
        return whole
    columns = functional.cosine_similarity(ours.flatten(1), theirs.flatten(1), dim=0)
    asked = (ours.flatten(1).norm(dim=0) > 0) | (theirs.flatten(1).norm(dim=0) > 0)
    if not bool(asked.any()):
        return whole
    least = float(columns[asked].min() if whole > 0 else columns[asked].max())
    return min(whole, least) if whole > 0 else max(whole, least)


def gradient_of(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor | None:
    """Return the gradient (rows, …) of a loss's mean by outputs (rows, …); None where it refuses them or has none.

    >>> gradient_of(nn.MSELoss(), torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    tensor([[4.]])
    """
    leaf = outputs.clone().requires_grad_()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broadcast shapes, which are looked into elsewhere
            value = loss(leaf, targets)
            (gradient,) = torch.autograd.grad(value.mean(), leaf)
    except REFUSED:
        return None
    return gradient if bool(gradient.isfinite().all()) else None
