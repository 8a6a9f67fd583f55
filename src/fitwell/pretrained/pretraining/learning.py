"""The loop of pretraining: some texts are masked, what was hidden is told, and the weights are moved.

Everything random in a step is a function of the seed and of the step's number, and everything else of weights and
moments, so that a state is three vectors and a counter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fitwell.errors import RequestError
from fitwell.pretrained.packed import packed_arrays
from fitwell.pretrained.pretraining.corpus import Sequences
from fitwell.pretrained.pretraining.masking import Pieces, masked
from fitwell.pretrained.pretraining.model import MaskedModel
from fitwell.pretrained.pretraining.settings import Learning
from fitwell.pretrained.transformer import Drop, kept

ORDER, MASKS, DROPS = 1, 2, 4  # tell random numbers of one seed apart
BETAS, EPSILON = (0.9, 0.98), 1e-6  # of AdamW, as usual for masked pieces (Liu et al. 2019)


@dataclass
class State:
    """What is learned so far, and how far the training is."""

    weights: Float[Tensor, " weights"]
    means: Float[Tensor, " weights"]  # of gradients
    squares: Float[Tensor, " weights"]
    steps: int  # that there will be
    step: int = 0  # that were done
    losses: list[float] = field(default_factory=list)  # of the steps since the held-out texts were last asked
    history: list[dict[str, float]] = field(default_factory=list)  # what they answered


@dataclass(frozen=True)
class Flat:
    """The weights of a model and their gradient end to end; matrices first, which decay."""

    weights: Float[Tensor, " weights"]
    gradient: Float[Tensor, " weights"]
    decayed: int


@dataclass(frozen=True)
class Batches:
    """How sequences are dealt out to steps: the same number to each, in an order of its own in each epoch."""

    sequences: int  # of a step
    of_epoch: int  # steps

    def steps(self, settings: Learning) -> int:
        """Return how many steps there will be."""
        return settings.steps or math.ceil(settings.epochs * self.of_epoch)

    @staticmethod
    def of(sequences: Sequences, settings: Learning) -> Batches:
        """Return as many sequences as have a batch's pieces on average."""
        assert settings.batch is not None
        wanted = round(settings.batch * len(sequences) / len(sequences.numbers))
        together = min(len(sequences), max(1, wanted))
        return Batches(together, len(sequences) // together)


@dataclass(frozen=True)
class Step:
    """What a step tells."""

    loss: float  # nats for a masked piece
    pieces: int
    rate: float


def flattened(model: MaskedModel) -> Flat:
    """Lay the weights of a model end to end; its parameters become views of them."""
    parameters = sorted(model.parameters(), key=lambda parameter: parameter.ndim < 2)
    weights = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
    gradient = torch.zeros_like(weights)
    place = 0
    for parameter in parameters:
        part = slice(place, place + parameter.numel())
        parameter.data = weights[part].view_as(parameter)
        parameter.grad = gradient[part].view_as(parameter)
        place = part.stop
    return Flat(weights, gradient, sum(parameter.numel() for parameter in parameters if parameter.ndim >= 2))


def learn(
    model: MaskedModel, flat: Flat, state: State, sequences: Sequences, pieces: Pieces, settings: Learning
) -> Iterator[Step]:
    """Go on learning to the last step; the state is changed in place.

    Raises:
        RequestError: the loss is no number.
    """
    assert settings.rate is not None
    batches = Batches.of(sequences, settings)
    optimizer = _optimizer(flat, state, settings)
    order, order_epoch = np.empty(0, np.int64), -1
    while state.step < state.steps:
        epoch, batch = divmod(state.step, batches.of_epoch)
        if epoch != order_epoch:
            order, order_epoch = np.random.default_rng([settings.seed, ORDER, epoch]).permutation(len(sequences)), epoch
        chosen = order[batch * batches.sequences : (batch + 1) * batches.sequences]
        rate = settings.rate * rate_factor(state.step, state.steps, warm_up=settings.warm_up)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, count = _gradient(model, flat, sequences, chosen, pieces, settings, step=state.step)
        _shorten(flat.gradient, settings.clip)
        optimizer.step()
        state.step += 1
        state.losses.append(loss)
        yield Step(loss, count, rate)


def rate_factor(step: int, steps: int, *, warm_up: float) -> float:
    """Return the share of the learning rate at a step, from 0 on: rising evenly, then falling evenly.

    >>> [round(rate_factor(step, 10, warm_up=0.2), 3) for step in range(10)]
    [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    """
    rising = round(warm_up * steps)
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / (steps - rising))


def _gradient(
    model: MaskedModel,
    flat: Flat,
    sequences: Sequences,
    chosen: npt.NDArray[np.int64],
    pieces: Pieces,
    settings: Learning,
    *,
    step: int,
) -> tuple[float, int]:
    """Compute the gradient of the mean loss over masked places; return the loss, and how many pieces were read."""
    numbers, lengths = sequences.of(chosen)
    draw = np.random.default_rng([settings.seed, MASKS, step])
    hidden = masked(numbers, pieces, share=settings.masked, draw=draw)
    texts, moved = packed_arrays(hidden.numbers, lengths)
    scores = model(texts, moved[torch.from_numpy(hidden.places)], _dropping(settings, step))
    loss = cross_entropy(scores, torch.from_numpy(hidden.truth))
    flat.gradient.zero_()
    loss.backward()  # type: ignore[no-untyped-call]
    value = loss.item()
    if not math.isfinite(value):
        raise RequestError(
            f"the loss must stay a number, but is none after {step} steps at the learning rate {settings.rate}; try a "
            "third of that"
        )
    return value, len(numbers)


def _dropping(settings: Learning, step: int) -> Drop:
    if settings.dropout == 0:
        return kept
    (seed,) = np.random.SeedSequence([settings.seed, DROPS, step]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(seed >> np.uint64(1)))
    staying = 1 - settings.dropout

    def drop(hidden: Tensor, _place: int) -> Tensor:
        return hidden * torch.empty_like(hidden).bernoulli_(staying, generator=generator).div_(staying)

    return drop


def _shorten(gradient: Float[Tensor, " weights"], longest: float) -> None:
    length = float(gradient.norm())
    if length > longest:
        gradient.mul_(longest / length)


def _optimizer(flat: Flat, state: State, settings: Learning) -> torch.optim.AdamW:
    """Return AdamW over two parameters, all that decays and all that does not, with the moments of a state."""
    groups = []
    moments: dict[Tensor, dict[str, Tensor]] = {}
    for part, decay in ((slice(flat.decayed), settings.weight_decay), (slice(flat.decayed, None), 0.0)):
        weights = nn.Parameter(flat.weights[part])
        weights.grad = flat.gradient[part]
        groups.append({"params": [weights], "weight_decay": decay})
        moments[weights] = {
            "step": torch.tensor(float(state.step)),
            "exp_avg": state.means[part],
            "exp_avg_sq": state.squares[part],
        }
    optimizer = torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON, fused=True)
    optimizer.state.update(moments)
    return optimizer
