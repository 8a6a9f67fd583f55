"""An optimizer turns a gradient into a move of the weights.

A population's weights are one matrix (members, weights), and so are its gradient and everything an optimizer
remembers (its slots). A move changes weights and slots in place; every member may have its own rate and coefficients,
because each is a number or a tensor that broadcasts against the matrix. Decoupled weight decay is a separate function
of the same rate. With the default settings a move reads and writes as few full matrices as its formula allows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adam import adam as functional_adam

from fitwell.training.pieces import Piece

FUSED = ("cpu", "cuda")  # devices for which torch has a fused kernel of adam
Number = float | Tensor
Rate = Number  # a tensor broadcasts against (members, weights); one without axes is the rate of all members
Step = int | Tensor | tuple[Tensor, Tensor]  # its number, from 1, or what `corrections` makes of it; tensors in float64


@runtime_checkable
class Coefficients(Protocol):
    """The settings that optimizers go by; a tensor is (members, 1), in float64."""

    @property
    def momentum(self) -> float | Tensor: ...
    @property
    def nesterov(self) -> bool: ...
    @property
    def beta1(self) -> float | Tensor: ...
    @property
    def beta2(self) -> float | Tensor | Literal["auto"]: ...
    @property
    def rms_decay(self) -> float | Tensor: ...
    @property
    def epsilon(self) -> float | Tensor: ...


@runtime_checkable
class Move(Protocol):
    """Changes weights and slots in place by one step down the gradient."""

    def __call__(
        self,
        weights: Float[Tensor, "members weights"],
        gradient: Float[Tensor, "members weights"],
        slots: Mapping[str, Float[Tensor, "members weights"]],
        *,
        rate: Rate,
        step: Step,
        settings: Coefficients,
        pieces: Sequence[Piece],
    ) -> None:
        """Move by one step."""
        ...


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """A rule of motion, what it remembers, and what suits it."""

    move: Move
    slots: tuple[str, ...]  # names of the matrices it remembers, all zero before the first step
    usual_rate: float
    usual_decay: float  # decoupled weight decay
    definition: str


def sgd(
    weights: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    slots: Mapping[str, Float[Tensor, "members weights"]],
    *,
    rate: Rate,
    step: Step,
    settings: Coefficients,
    pieces: Sequence[Piece],
) -> None:
    """Move by −η b with b ← μ b + g; with Nesterov's look ahead by −η (g + μ b) (Sutskever et al. 2013).

    >>> from fitwell.recipe import TrainingSettings
    >>> weights = torch.tensor([[1.0]])
    >>> slots = {"momentum": torch.zeros(1, 1)}
    >>> sgd(weights, torch.tensor([[2.0]]), slots, rate=0.1, step=1, settings=TrainingSettings(), pieces=())
    >>> weights
    tensor([[0.8000]])
    """
    direction = gradient
    momentum = like(settings.momentum, weights)
    if isinstance(momentum, Tensor) or momentum:
        direction = slots["momentum"].mul_(momentum).add_(gradient)
        if settings.nesterov:
            direction = (
                torch.add(gradient, direction, alpha=momentum)
                if isinstance(momentum, float)
                else gradient.addcmul(direction, momentum)
            )
    _subtract(weights, direction, rate)


def rmsprop(
    weights: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    slots: Mapping[str, Float[Tensor, "members weights"]],
    *,
    rate: Rate,
    step: Step,
    settings: Coefficients,
    pieces: Sequence[Piece],
) -> None:
    """Move by −η g / (√v + ε) with v ← ρ v + (1 − ρ) g² (Tieleman & Hinton 2012)."""
    square = _running_square(slots["square"], gradient, settings.rms_decay)
    _subtract_quotient(weights, gradient, square.sqrt().add_(like(settings.epsilon, weights)), rate)


def adagrad(
    weights: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    slots: Mapping[str, Float[Tensor, "members weights"]],
    *,
    rate: Rate,
    step: Step,
    settings: Coefficients,
    pieces: Sequence[Piece],
) -> None:
    """Move by −η g / (√s + ε) with s ← s + g² (Duchi et al. 2011)."""
    total = slots["total"].addcmul_(gradient, gradient)
    _subtract_quotient(weights, gradient, total.sqrt().add_(like(settings.epsilon, weights)), rate)


def adam(
    weights: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    slots: Mapping[str, Float[Tensor, "members weights"]],
    *,
    rate: Rate,
    step: Step,
    settings: Coefficients,
    pieces: Sequence[Piece],
) -> None:
    """Move by −η m̂ / (√v̂ + ε) with m ← β1 m + (1 − β1) g, v ← β2 v + (1 − β2) g² (Kingma & Ba 2015).

    Here m̂ = m / (1 − β1^t) and v̂ = v / (1 − β2^t). One rate for all members goes through torch's fused kernel, a single
    pass over memory; with rates that differ, the kernel moves zeros at the rate 1, and each member takes its share of
    that. With other coefficients that differ, the corrections are moved into rate and ε, which saves two passes.

    >>> from fitwell.recipe import TrainingSettings
    >>> weights = torch.tensor([[1.0]])
    >>> slots = {"mean": torch.zeros(1, 1), "square": torch.zeros(1, 1)}
    >>> settings = TrainingSettings(beta2=0.999)
    >>> adam(weights, torch.tensor([[2.0]]), slots, rate=0.1, step=1, settings=settings, pieces=())
    >>> weights
    tensor([[0.9000]])
    """
    beta1, beta2, epsilon = settings.beta1, settings.beta2, settings.epsilon
    assert beta2 != "auto"
    fused = weights.is_contiguous() and weights.device.type in FUSED
    plain = isinstance(beta1, float) and isinstance(beta2, float) and isinstance(epsilon, float)
    if fused and plain and not isinstance(step, tuple):
        _fused_adam(weights, gradient, slots, rate=rate, step=step, settings=settings)
        return
    mean = slots["mean"].lerp_(gradient, like(1 - beta1, weights))
    square = _running_square(slots["square"], gradient, beta2)
    root, quotient = step if isinstance(step, tuple) else corrections(step, settings)
    _subtract_quotient(weights, mean, square.sqrt().add_(like(epsilon * root, weights)), like(rate * quotient, weights))


def corrections(step: int | Tensor, settings: Coefficients) -> tuple[Number, Number]:
    """Return √(1 − β2^t) and √(1 − β2^t) / (1 − β1^t), which undo that adam's running means start at zero.

    Where members have their own β, both are tensors (members, 1).

    >>> from fitwell.recipe import TrainingSettings
    >>> root, quotient = corrections(1, TrainingSettings(beta1=0.5, beta2=0.75))
    >>> root, quotient
    (0.5, 1.0)
    """
    assert settings.beta2 != "auto"
    remaining = 1 - settings.beta2**step
    root = remaining.sqrt() if isinstance(remaining, Tensor) else math.sqrt(remaining)
    return root, root / (1 - settings.beta1**step)


def muon(
    weights: Float[Tensor, "members weights"],
    gradient: Float[Tensor, "members weights"],
    slots: Mapping[str, Float[Tensor, "members weights"]],
    *,
    rate: Rate,
    step: Step,
    settings: Coefficients,
    pieces: Sequence[Piece],
) -> None:
    """Move hidden matrices by the nearest orthogonal matrix of their momentum, everything else as Adam does.

    The momentum is m ← μ m + (1 − μ) g, taken with Nesterov's look ahead (Jordan et al. 2024). An orthogonal (out, in)
    matrix has entries of size 1/√max(out, in); moved by η · 0.2 · √max(out, in) it changes weights about as much as
    Adam does, so that one rate serves both (Liu et al. 2025).
    """
    hidden = hidden_matrices(pieces)
    for start, stop in _between(hidden, weights.shape[1]):
        part = {name: slot[:, start:stop] for name, slot in slots.items()}
        adam(
            weights[:, start:stop],
            gradient[:, start:stop],
            part,
            rate=_columns(rate, start, stop),
            step=step,
            settings=settings,
            pieces=(),
        )
    for piece in hidden:
        columns = slice(piece.start, piece.stop)
        momentum = slots["mean"][:, columns].lerp_(gradient[:, columns], like(1 - settings.momentum, weights))
        ahead = gradient[:, columns].lerp(momentum, like(settings.momentum, weights))
        direction = orthogonalized(ahead.reshape(-1, *piece.shape)).flatten(1)
        _subtract(
            weights[:, columns], direction, _columns(rate, piece.start, piece.stop) * 0.2 * max(piece.shape) ** 0.5
        )


def hidden_matrices(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the weight matrices between layers: all but the last, which makes the outputs.

    Matrices made of few or unlike columns (the output layer, embeddings) have no use for orthogonal steps.
    """
    return tuple(piece for piece in pieces if piece.role == "weight" and len(piece.shape) == 2)[:-1]


def orthogonalized(matrices: Float[Tensor, "members rows columns"]) -> Float[Tensor, "members rows columns"]:
    """Return about U Vᵀ of each matrix U S Vᵀ: singular values come close to 1 (between 0.7 and 1.2).

    Five Newton-Schulz steps X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X with coefficients that lift small singular values fast
    (Jordan et al. 2024). A zero matrix stays zero.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices  # the smaller side gives the smaller X Xᵀ
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(
        move=sgd, slots=("momentum",), usual_rate=0.02, usual_decay=0.0, definition="b ← μ b + g; w ← w − η b"
    ),
    "rmsprop": Optimizer(
        move=rmsprop,
        slots=("square",),
        usual_rate=0.001,
        usual_decay=0.0,
        definition="w ← w − η g / (√v + ε), v a running mean of g²",
    ),
    "adagrad": Optimizer(
        move=adagrad,
        slots=("total",),
        usual_rate=0.01,
        usual_decay=0.0,
        definition="w ← w − η g / (√s + ε), s the sum of all g²",
    ),
    "adam": Optimizer(
        move=adam,
        slots=("mean", "square"),
        usual_rate=0.002,
        usual_decay=0.0,
        definition="w ← w − η m̂ / (√v̂ + ε), m and v running means of g and g²",
    ),
    "adamw": Optimizer(
        move=adam,
        slots=("mean", "square"),
        usual_rate=0.002,
        usual_decay=0.1,
        definition="adam, and weights shrink by η times the decay in each step",
    ),
    "muon": Optimizer(
        move=muon,
        slots=("mean", "square"),
        usual_rate=0.002,
        usual_decay=0.1,
        definition="hidden matrices move by 0.2 √max(out, in) U Vᵀ of their momentum U S Vᵀ, the rest as adam",
    ),
}


def decay(
    weights: Float[Tensor, "members weights"],
    *,
    rate: Rate,
    weight_decay: float | Tensor,
    mask: Float[Tensor, " weights"] | None,
) -> None:
    """Shrink the weights under the mask, or all, by η times the decay, in place (Loshchilov & Hutter 2019).

    >>> weights = torch.tensor([[1.0, 1.0]])
    >>> decay(weights, rate=0.1, weight_decay=0.5, mask=torch.tensor([1.0, 0.0]))
    >>> weights
    tensor([[0.9500, 1.0000]])
    """
    share = rate * weight_decay
    if mask is None:
        weights.mul_(1 - share)
    elif isinstance(share, Tensor):
        weights.addcmul_(weights * mask, share, value=-1)
    else:
        weights.addcmul_(weights, mask, value=-share)


def _fused_adam(
    weights: Tensor,
    gradient: Tensor,
    slots: Mapping[str, Tensor],
    *,
    rate: Rate,
    step: int | Tensor,
    settings: Coefficients,
) -> None:
    of_each = isinstance(rate, Tensor) and rate.ndim > 0
    moved = torch.zeros_like(weights) if of_each else weights
    # The kernel counts the step itself, and takes tensors of numbers in float32.
    before = step - 1 if isinstance(step, Tensor) else torch.tensor(step - 1, device=weights.device)
    shared = rate.float() if isinstance(rate, Tensor) else float(rate)
    functional_adam(
        [moved],
        [gradient],
        [slots["mean"]],
        [slots["square"]],
        [],
        [before.float()],
        fused=True,
        amsgrad=False,
        beta1=float(settings.beta1),
        beta2=float(settings.beta2),
        lr=1.0 if of_each else shared,
        weight_decay=0.0,
        eps=float(settings.epsilon),
        maximize=False,
    )
    if isinstance(rate, Tensor) and of_each:
        weights.addcmul_(moved, rate)


def _running_square(square: Tensor, gradient: Tensor, keep: Number) -> Tensor:
    if isinstance(keep, Tensor):
        return square.mul_(like(keep, square)).addcmul_(gradient * like(1 - keep, square), gradient)
    return square.mul_(keep).addcmul_(gradient, gradient, value=1 - keep)


def like(number: Number, weights: Tensor) -> Number:
    """Return a number that goes with weights: a tensor in their dtype, a Python number as it is."""
    return number.to(weights.dtype) if isinstance(number, Tensor) else number


def _subtract(weights: Tensor, direction: Tensor, rate: Rate) -> None:
    if isinstance(rate, Tensor):
        weights.addcmul_(direction, rate, value=-1)
    else:
        weights.sub_(direction, alpha=rate)


def _subtract_quotient(weights: Tensor, above: Tensor, below: Tensor, rate: Rate) -> None:
    if isinstance(rate, Tensor):
        weights.addcmul_(below.reciprocal_().mul_(above), rate, value=-1)
    else:
        weights.addcdiv_(above, below, value=-rate)


def _columns(rate: Rate, start: int, stop: int) -> Rate:
    return rate[..., start:stop] if isinstance(rate, Tensor) and rate.ndim and rate.shape[-1] > 1 else rate


def _between(pieces: Sequence[Piece], width: int) -> list[tuple[int, int]]:
    edges = [0, *(edge for piece in pieces for edge in (piece.start, piece.stop)), width]
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if start < stop]
