"""Recurrent networks: a state that is carried from step to step, and what happens to it.

Plain: h_t = tanh(W x_t + U h_(t-1) + b). Its gradient passes through U and tanh's slope once per step, and so vanishes.

LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) carries a memory cell c beside h, which
gates open and shut: input i, forget f and output o are sigmoids σ of W x_t + U h_(t-1) + b, the candidate g is a tanh
of its own, and

    c_t = f c_(t-1) + i g,   h_t = o tanh(c_t).

GRU (Cho et al. 2014) has a reset gate r and an update gate z, both sigmoids, and no cell:

    g = tanh(W x_t + b + r (U h_(t-1) + b')),   h_t = (1 - z) g + z h_(t-1).

Recurrent weights start orthogonal (Saxe et al. 2014), so that a state neither grows nor shrinks at first; the forget
gate starts open, with bias 1 (Jozefowicz et al. 2015), so that a cell remembers until it learns to forget.

torch's fused kernels do the work. They have no batching rule, so members run one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from fitwell.networks.layer import ArrayNetwork, ArrayStart, Layer

DIRECTIONS = 4  # of states, that the reach of gradients is the mean over

States = Float[Tensor, "rows steps units"]
# (inputs, first states, the direction's four weights) -> the states after each step.
Run = Callable[[Tensor, Tensor, list[Tensor]], Tensor]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of recurrence: how many maps of inputs and state a step has, and the kernel that runs all steps."""

    gates: int
    run: Run
    forget: int | None  # which of the gates forgets


# With no dropout between layers, whether a kernel runs for training matters on a GPU alone: there, cuDNN keeps what the
# way back needs only if it is told to.
def _plain(inputs: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
    return torch.rnn_tanh(inputs, first, weights, True, 1, 0.0, inputs.is_cuda, False, True)[0]


def _lstm(inputs: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
    return torch.lstm(inputs, (first, first), weights, True, 1, 0.0, inputs.is_cuda, False, True)[0]


def _gru(inputs: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
    return torch.gru(inputs, first, weights, True, 1, 0.0, inputs.is_cuda, False, True)[0]


# The order of the gates is torch's: LSTM input, forget, candidate, output; GRU reset, update, candidate.
CELLS: dict[str, Cell] = {
    "rnn": Cell(gates=1, run=_plain, forget=None),
    "lstm": Cell(gates=4, run=_lstm, forget=1),
    "gru": Cell(gates=3, run=_gru, forget=None),
}


class Direction(nn.Module):
    """One pass over the steps, forwards or backwards."""

    def __init__(self, cell: Cell, width_in: int, units: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.cell = cell
        self.input_weight = nn.Parameter(torch.empty(cell.gates * units, width_in))
        self.recurrent_weight = nn.Parameter(torch.empty(cell.gates * units, units))
        self.input_bias = nn.Parameter(torch.zeros(cell.gates * units))
        self.recurrent_bias = nn.Parameter(torch.zeros(cell.gates * units))
        with torch.no_grad():
            for of_input, of_state in zip(
                torch.split(self.input_weight, units), torch.split(self.recurrent_weight, units), strict=True
            ):
                nn.init.xavier_uniform_(of_input, generator=generator)
                nn.init.orthogonal_(of_state, generator=generator)
            if cell.forget is not None:
                self.input_bias[cell.forget * units : (cell.forget + 1) * units] = 1.0

    def forward(self, inputs: Float[Tensor, "rows steps width_in"]) -> States:
        first = inputs.new_zeros(1, len(inputs), self.recurrent_weight.shape[1])
        weights: list[Tensor] = [self.input_weight, self.recurrent_weight, self.input_bias, self.recurrent_bias]
        return self.cell.run(inputs, first, weights)


class RecurrentLayer(Layer):
    """A recurrence over the steps; with two directions, the states of both side by side.

    Backwards, each series begins at its own last step: what fills up shorter ones comes after it, in either direction.
    """

    def __init__(
        self, name: str, width_in: int, units: int, *, bidirectional: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        cell = CELLS[name]
        self.forwards = Direction(cell, width_in, units, generator=generator)
        self.backwards: Direction | None = None
        if bidirectional:
            self.backwards = Direction(cell, width_in, units, generator=generator)
        self.activation = nn.Identity()  # the states themselves
        self.bounds = (-1.0, 1.0)
        self.width = units * (1 + bidirectional)

    def forward(self, inputs: Float[Tensor, "rows steps width_in"], backwards: Int[Tensor, "rows steps"]) -> States:
        """Return the states after each step; `backwards` is the order of each row's steps from last to first."""
        states = self.forwards(inputs)
        if self.backwards is not None:
            turned = _gathered(self.backwards(_gathered(inputs, backwards)), backwards)
            states = torch.cat([states, turned], -1)
        outputs: Tensor = self.activation(states)
        return outputs


class RecurrentSeries(ArrayNetwork):
    """Series become row vectors: the states at the end of each pass beside the means of all states.

    Shape: (rows, steps, channels), the last channel 1 on a series' own steps, else 0 -> (rows, 2 units).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        own = start.settings.series
        assert own.widths != "auto"
        steps, channels = start.array.shape
        self.noise_layers = 0
        self.bidirectional = own.bidirectional
        self.layers = recurrent_layers(
            own.family, channels - 1, own.widths, bidirectional=self.bidirectional, generator=start.generator
        )
        self.width = states_width(own.widths, bidirectional=self.bidirectional)
        weights = sum(parameter.numel() for parameter in self.parameters() if parameter.ndim == 2)
        self.multiplications = float(steps * weights)

    def forward(
        self, series: Float[Tensor, "rows steps channels"], noise: Tensor | None
    ) -> Float[Tensor, "rows features"]:
        return read(self.layers, *self.inputs_of(series), bidirectional=self.bidirectional)

    def inputs_of(self, series: Float[Tensor, "rows steps channels"]) -> tuple[Tensor, Tensor]:
        """Return what the first layer reads, and 1 for each step that is the series' own, else 0."""
        return series[..., :-1], series[..., -1]


def read(
    layers: nn.ModuleList,
    inputs: Float[Tensor, "rows steps width"],
    present: Float[Tensor, "rows steps"],
    *,
    bidirectional: bool,
) -> Float[Tensor, "rows features"]:
    """Return the states of the last layer at the end of each pass, and the means of all its states.

    `present` is 1 on a row's own steps, its first ones, and 0 on what fills it up.
    """
    hidden, backwards = inputs, backward_order(present > 0)
    for layer in layers:
        hidden = layer(hidden, backwards)
    # All that is handed on is a weighted sum over steps, so that one product reads the states.
    length = present.sum(-1, keepdim=True)
    steps = torch.arange(present.shape[-1], device=present.device)
    last, mean = (steps == length - 1).to(hidden.dtype), present / length.clamp_min(1.0)
    if not bidirectional:
        return (torch.stack([last, mean], -2) @ hidden).flatten(-2)
    first = (steps == 0).to(hidden.dtype) * (length > 0)  # where the pass backwards ends
    found = torch.stack([last, first, mean], -2) @ hidden
    units = hidden.shape[-1] // 2
    return torch.cat([found[..., 0, :units], found[..., 1, units:], found[..., 2, :]], -1)


def gradient_reach(
    layers: nn.ModuleList,
    inputs: Float[Tensor, "rows steps width"],
    present: Float[Tensor, "rows steps"],
    *,
    generator: torch.Generator,
) -> Float[Tensor, " steps"]:
    """Return how much a last state hangs on the inputs so many steps before: entry 0 is the last step itself.

    That is √(mean ‖vᵀ ∂h_T / ∂x_(T−k)‖²) over rows of more than k steps and random directions v of length 1, and so
    1 / √units times the length of the whole matrix of derivatives. It is what back-propagation through time multiplies
    a gradient with; in a plain network it falls, or grows, by about the same factor with every step (Hochreiter 1991;
    Bengio, Simard & Frasconi 1994). Not a number where no row has so many steps.
    """
    inputs = inputs.detach().requires_grad_()
    hidden, backwards = inputs, backward_order(present > 0)
    with torch.enable_grad():
        for layer in layers:
            hidden = layer(hidden, backwards)
    last_layer = layers[-1]
    assert isinstance(last_layer, RecurrentLayer)
    units = last_layer.forwards.recurrent_weight.shape[1]
    is_last = torch.arange(present.shape[-1], device=present.device) == present.sum(-1, keepdim=True) - 1
    squares = torch.zeros_like(present)
    for _ in range(DIRECTIONS):
        signs = torch.randint(0, 2, (len(inputs), units), generator=generator).to(hidden) * 2 - 1
        pulled = torch.zeros_like(hidden)
        pulled[..., :units] = is_last[..., None] * (signs / units**0.5)[:, None]
        (gradient,) = torch.autograd.grad(hidden, inputs, pulled, retain_graph=True)
        squares += gradient.square().sum(-1) / DIRECTIONS
    back = squares.gather(-1, backwards)  # from the last step to the first, then what fills up
    return ((back * present).sum(0) / present.sum(0)).sqrt()


def states_width(units: Sequence[int], *, bidirectional: bool) -> int:
    """Return how many numbers `read` gives for layers of so many units."""
    return 2 * units[-1] * (1 + bidirectional)


def recurrent_layers(
    family: str, width: int, units: Sequence[int], *, bidirectional: bool, generator: torch.Generator
) -> nn.ModuleList:
    """Return layers of so many units, one after another, over inputs of a width."""
    layers = []
    for each in units:
        layers.append(RecurrentLayer(family, width, each, bidirectional=bidirectional, generator=generator))
        width = layers[-1].width
    return nn.ModuleList(layers)


def backward_order(present: Bool[Tensor, "rows steps"]) -> Int[Tensor, "rows steps"]:
    """Return for each step the one in its place when the row's present steps, its first ones, are turned around.

    >>> backward_order(torch.tensor([[True, True, True, False]]))
    tensor([[2, 1, 0, 3]])
    """
    steps = torch.arange(present.shape[-1], device=present.device)
    return torch.where(present, present.sum(-1, keepdim=True) - 1 - steps, steps)


def _gathered(values: Float[Tensor, "rows steps width"], order: Int[Tensor, "rows steps"]) -> Tensor:
    return values.gather(-2, order[..., None].expand(*order.shape, values.shape[-1]))
