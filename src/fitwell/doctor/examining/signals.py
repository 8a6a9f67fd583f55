"""What a training shows while it runs: gradients by layer, units that are dead or saturated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.subject import FEWEST_STEPS, Subject
from fitwell.doctor.examining.thresholds import SATURATED_SLOPE, VANISHED
from fitwell.doctor.examining.tracing import RECTIFIERS, Call, trace

WATCHED_STEPS = 12
ASKED = 64  # rows that show how far back gradients reach


@dataclass(frozen=True, kw_only=True)
class LayerActivity:
    """A hidden activation over some rows."""

    name: str
    dead: float  # share of units that are zero on every row
    saturated: float  # share of values where the slope is below a tenth of the steepest


@dataclass(frozen=True, kw_only=True)
class Signals:
    """The signals of one training."""

    start: tuple[LayerActivity, ...]
    end: tuple[LayerActivity, ...]
    travelled: float  # how far weights went from where they began, in units of their usual first length; the largest
    zero_weights: bool  # some weight starts as zeros throughout
    gradients: dict[str, list[float]]  # by weight, at some steps: norm over √(number of values)
    memory: float = 1.0  # the gradient that gets back to the first steps of a sequence, over that of its last ones

    @property
    def shrinkage(self) -> float:
        """The first layer's gradient over the last's, per value, median over steps; 1 for fewer than two layers."""
        rows = [values for values in self.gradients.values() if values]
        if len(rows) < 2:
            return 1.0
        first, last = torch.tensor(rows[0]).nan_to_num(0).median(), torch.tensor(rows[-1]).nan_to_num(0).median()
        return float(first / last) if last > 0 else 0.0

    @property
    def fading(self) -> bool:
        """Whether hardly anything of the gradient gets to the first layer, or back to the first steps of a sequence."""
        return self.shrinkage < VANISHED or self.memory < VANISHED

    @property
    def largest_gradient(self) -> float:
        """The largest gradient at the steps that were watched."""
        return max((value for values in self.gradients.values() for value in values), default=0.0)

    @property
    def first_gradient(self) -> float:
        """The largest gradient before the first step."""
        return max((values[0] for values in self.gradients.values() if values), default=0.0)


class SignalsOf:
    """Takes the signals of a training while it runs; before and after its steps."""

    def __init__(self, module: nn.Module, subject: Subject, steps: int) -> None:
        self.module = module
        self.watched = {round(steps * part / WATCHED_STEPS) for part in range(WATCHED_STEPS)}
        self.weights = {name: value for name, value in module.named_parameters() if value.ndim > 1}
        self.gradients: dict[str, list[float]] = {name: [] for name in self.weights}
        self.zero_weights = any(not bool(value.detach().any()) for value in self.weights.values())
        self.first = {name: value.detach().clone() for name, value in self.weights.items()}
        self.start = activity_of(module, subject.inputs[:500])

    def before(self, step: int) -> None:
        """Note the gradients before a step."""
        if step not in self.watched:
            return
        for name, value in self.weights.items():
            norm = 0.0 if value.grad is None else float(value.grad.norm()) / value.numel() ** 0.5
            self.gradients[name].append(norm)

    def taken(self, inputs: Tensor) -> Signals:
        """Return what was noted, with the activity on some inputs (rows, …) at the end."""
        return Signals(
            start=self.start,
            end=activity_of(self.module, inputs[:500]),
            travelled=max((self._travelled(name) for name in self.weights), default=0.0),
            zero_weights=self.zero_weights,
            gradients=self.gradients,
            memory=memory_of(self.module, inputs[:ASKED]),
        )

    def _travelled(self, name: str) -> float:
        first, last = self.first[name], self.weights[name].detach()
        usual = math.sqrt(first.numel() / max(1, first[0].numel()))  # of weights of spread 1 / √fan-in
        return float((last - first).norm().nan_to_num(torch.inf)) / max(usual, float(first.norm()))


def memory_of(module: nn.Module, inputs: Tensor) -> float:
    """Return how much of the gradient gets back to the first quarter of the steps, over what the last quarter gets.

    It is taken of the outputs for some inputs (rows, …), where the first recurrent layer reads them; 1 without one, and
    where it reads in both directions.
    """
    by_step = gradient_by_step(module, inputs)
    if by_step is None or len(by_step) < FEWEST_STEPS or not bool(by_step.isfinite().all()):
        return 1.0
    quarter = len(by_step) // 4
    first, last = by_step[:quarter].mean(), by_step[-quarter:].mean()
    return float(first / last) if last > 0 else 1.0


def gradient_by_step(module: nn.Module, inputs: Tensor) -> Tensor | None:
    """Return the mean size of the outputs' gradient at each step (steps,) that the first recurrent layer reads.

    None without one, where it reads in both directions, and where the outputs do not depend on it.
    """
    layer = next((part for part in module.modules() if isinstance(part, nn.RNNBase)), None)
    if layer is None or layer.bidirectional:
        return None
    read: list[Tensor] = []

    def as_leaf(_layer: nn.Module, given: tuple[Tensor, ...]) -> tuple[object, ...] | None:
        if read or not isinstance(given[0], Tensor) or given[0].ndim != 3:
            return None
        read.append(given[0].detach().requires_grad_())
        return (read[0], *given[1:])

    was_training = module.training
    module.eval()
    hook = layer.register_forward_pre_hook(as_leaf)
    try:
        with torch.enable_grad():
            output = module(inputs)
            if not read or not output.requires_grad:
                return None
            (gradient,) = torch.autograd.grad(output.float().sum(), read, allow_unused=True)
    finally:
        hook.remove()
        module.train(was_training)
    if gradient is None:
        return None
    by_step: Tensor = gradient.abs().movedim(1 if layer.batch_first else 0, 0).flatten(1).mean(1)
    return by_step


def activity_of(module: nn.Module, inputs: Tensor) -> tuple[LayerActivity, ...]:
    """Return how the hidden activations do over some inputs (rows, …), in their order."""
    seen: dict[int, LayerActivity] = {}

    def look(call: Call, output: Tensor) -> None:
        if call.kind == "activation":
            values = output.detach().float()
            units = values.movedim(1, -1).reshape(-1, values.shape[1]) if values.ndim > 1 else values.reshape(-1, 1)
            dead = float((units.abs().amax(0) == 0).float().mean()) if call.name in RECTIFIERS else 0.0
            seen[call.number] = LayerActivity(name=call.name, dead=dead, saturated=_saturated(call.name, units))

    was_training = module.training
    module.eval()
    hidden = {call.number for call in trace(module, inputs, look).hidden_activations}
    module.train(was_training)
    return tuple(activity for number, activity in sorted(seen.items()) if number in hidden)


def _saturated(name: str, units: Tensor) -> float:
    """Return the share of values on the flat parts of a sigmoid or tanh."""
    if name == "tanh":
        return float(((1 - units.square()) < SATURATED_SLOPE).float().mean())
    if name == "sigmoid":
        return float((4 * units * (1 - units) < SATURATED_SLOPE).float().mean())
    return 0.0
