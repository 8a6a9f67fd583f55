"""A model read in both directions is learned: windows over lanes of one stream, with states that are carried on.

All texts stand in one stream, with a mark between them. It is cut into lanes of equal length, which are read side by
side, a window at a time; gradients end where a window begins, states do not. The backward model reads the same stream
from its end. A window's words are spelled once each, however often they come.

A step is a function of what is in the state (weights, both moments of Adam's, carried states), its number, and the
seed, so that a training goes on to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from fitwell.errors import RequestError
from fitwell.words.bilm.network import LanguageModel
from fitwell.words.driving import Look
from fitwell.words.word_checkpoint import State

STEPS = 20  # words of a window
SHORTEST_LANE = 2 * STEPS
MOMENTS = (0.9, 0.999)
EPSILON = 1e-8
WARMED = 0.02  # of all steps, after which the rate is full; it then falls to zero in a straight line


@dataclass(frozen=True, kw_only=True)
class ElmoSettings:
    """How a model is learned."""

    dimension: int  # of a vector in one direction
    cells: int
    epochs: int
    min_count: int
    max_size: int | None
    lanes: int
    rate: float
    dropout: float
    clip_norm: float
    held_out: float
    seed: int

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        for name in ("dimension", "cells", "epochs", "lanes"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} must be at least 1, but is {getattr(self, name)}")
        for name, usual in (("rate", 0.002), ("clip_norm", 1)):
            if not getattr(self, name) > 0:
                raise RequestError(f"{name} must be above 0, but is {getattr(self, name)}; {usual} is usual")
        for name, usual in (("dropout", 0.1), ("held_out", 0.05)):
            if not 0 <= getattr(self, name) < 1:
                raise RequestError(f"{name} must be from 0 to below 1, but is {getattr(self, name)}; {usual} is usual")
        if self.seed < 0:
            raise RequestError(f"seed must be at least 0, but is {self.seed}")


@dataclass(frozen=True, eq=False)
class Learned:
    """A model, and what a step changes, all of it in memory that both share."""

    model: LanguageModel
    state: State
    weights: Float[Tensor, " weights"]
    gradient: Float[Tensor, " weights"]


def to_learn(model: LanguageModel, *, lanes: int) -> Learned:
    """Return a model whose weights lie end to end, with everything that a checkpoint has to hold."""
    parameters = list(model.parameters())
    weights = nn.utils.parameters_to_vector(parameters).detach().clone()
    gradient = torch.zeros_like(weights)
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = weights[start:end].view_as(parameter)
        parameter.grad = gradient[start:end].view_as(parameter)
        start = end
    arrays = {
        "weights": weights.numpy(),
        "first_moment": np.zeros(len(weights), np.float32),
        "second_moment": np.zeros(len(weights), np.float32),
        "carried": model.no_state(lanes).numpy(),
        "steps": np.zeros(1, np.float32),  # that there will be; exact up to 2**24
    }
    return Learned(model, State(arrays), weights, gradient)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """All texts as one sequence in lanes: of each place the row of its symbols, and the number of the word to tell."""

    words: Int[Tensor, "lanes places"]
    targets: Int[Tensor, "lanes places"]

    @property
    def steps(self) -> int:
        """How many windows there are."""
        return -(-(self.words.shape[1] - 1) // STEPS)

    def reversed(self) -> Stream:
        """Return the stream as it is read from its end."""
        return Stream(words=self.words.flip(0, 1), targets=self.targets.flip(0, 1))

    def window(self, step: int) -> tuple[Int[Tensor, "lanes steps"], Int[Tensor, "lanes steps"]]:
        """Return the words that are read in a step, and the words that follow them."""
        start = step * STEPS
        end = min(start + STEPS, self.words.shape[1] - 1)
        return self.words[:, start:end], self.targets[:, start + 1 : end + 1]


def stream_of(ids: NDArray[np.int32], ends: NDArray[np.int64], *, known: int, lanes: int) -> Stream:
    """Return texts as one stream, with the mark 0 before each and at the end; `known` words have a target.

    >>> stream = stream_of(np.int32([0, 1, 2]), np.int64([2, 3]), known=2, lanes=1)
    >>> stream.words.tolist(), stream.targets.tolist()
    ([[0, 1, 2, 0, 3, 0]], [[0, 2, 3, 0, 1, 0]])
    """
    starts = np.concatenate([[0], ends])
    rows = torch.from_numpy(np.insert(ids.astype(np.int64) + 1, starts, 0))
    lanes = max(1, min(lanes, len(rows) // SHORTEST_LANE))
    rows = rows[: len(rows) // lanes * lanes].view(lanes, -1)
    return Stream(words=rows, targets=targets_of(rows, known=known))


def targets_of(rows: Int[Tensor, ...], *, known: int) -> Int[Tensor, ...]:
    """Return what the softmax calls words: 0 the mark, 1 a rare word, and then the others, the most frequent first."""
    return torch.where(rows > known, 1, torch.where(rows == 0, 0, rows + 1))


def learn(
    learned: Learned, symbols: Int[Tensor, "rows symbols"], stream: Stream, settings: ElmoSettings
) -> Iterator[Look]:
    """Go on learning, and yield after each step how it stands; the loss is that of a word in nats.

    There are as many steps as the state says then.
    """
    both = (stream, stream.reversed())
    state, steps = learned.state, stream.steps
    first, started, read = state.blocks, time.perf_counter(), 0
    while state.blocks < (total := int(state.arrays["steps"][0])):
        number = state.blocks
        rate = settings.rate * _share(number, total)
        loss, count = _step(learned, symbols, both, number, rate, settings)
        state.blocks, read = number + 1, read + count
        seconds = time.perf_counter() - started
        yield Look(
            epoch=state.blocks / steps,
            epochs=total / steps,
            loss=loss,
            rate=rate,
            per_second=read / seconds,
            seconds_left=(total - state.blocks) * seconds / (state.blocks - first),
        )


def _share(number: int, total: int) -> float:
    """Return by what the rate is multiplied in a step."""
    warm = max(1, round(WARMED * total))
    return min((number + 1) / warm, (total - number) / max(1, total - warm), 1.0)


def _step(
    learned: Learned,
    symbols: Int[Tensor, "rows symbols"],
    both: tuple[Stream, Stream],
    number: int,
    rate: float,
    settings: ElmoSettings,
) -> tuple[float, int]:
    """Take a step, and return the mean loss of a word and how many words were read."""
    model, carried = learned.model, torch.from_numpy(learned.state.arrays["carried"])
    window = number % both[0].steps
    if window == 0:
        carried.zero_()
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + number)

    def drop(hidden: Tensor) -> Tensor:
        if not settings.dropout:
            return hidden
        kept = torch.empty_like(hidden).bernoulli_(1 - settings.dropout, generator=generator)
        return hidden * kept / (1 - settings.dropout)

    windows = [stream.window(window) for stream in both]
    rows = torch.stack([words for words, _ in windows])
    distinct, places = torch.unique(rows, return_inverse=True)
    words = drop(model.spelled(symbols[distinct]))[places]
    outputs, ends = [], []
    for place, direction in enumerate(model.directions):
        layers, end = direction(words[place], carried[place], drop)
        outputs.append(drop(layers[-1]))
        ends.append(end.detach())
    targets = torch.stack([following for _, following in windows])
    loss = model.losses(torch.stack(outputs).flatten(0, 2), targets.flatten()).mean()
    learned.gradient.zero_()
    loss.backward()  # type: ignore[no-untyped-call]
    carried.copy_(torch.stack(ends))  # not before: the gradient goes through what was carried
    with torch.no_grad():
        _move(learned, number, rate, settings.clip_norm)
    return float(loss.detach()), targets[0].numel()


def _move(learned: Learned, number: int, rate: float, clip_norm: float) -> None:
    """Move the weights as Adam does (Kingma and Ba 2015), the gradient shortened to a norm."""
    gradient, (decay, slow) = learned.gradient, MOMENTS
    gradient.mul_(min(1.0, clip_norm / (float(gradient.norm()) + 1e-6)))
    first, second = (torch.from_numpy(learned.state.arrays[f"{name}_moment"]) for name in ("first", "second"))
    first.lerp_(gradient, 1 - decay)
    second.mul_(slow).addcmul_(gradient, gradient, value=1 - slow)
    scale = math.sqrt(1 - slow ** (number + 1))
    denominator = second.sqrt().div_(scale).add_(EPSILON)
    learned.weights.addcdiv_(first, denominator, value=-rate / (1 - decay ** (number + 1)))
