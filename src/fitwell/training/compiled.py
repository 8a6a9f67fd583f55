"""A step compiled to machine code, from the batch to the moved weights.

The step of one member is traced once, into a graph of tensor operations with fixed shapes, and torch's compiler
(Inductor) turns the graph into a few loops in C++ between matrix products. Whatever changes from step to step (rate,
number of the step, noise words, rows) is an input of the graph, so nothing is ever compiled anew; and as the graph
itself is compiled, no guards are checked at each call, and no limit on recompilations makes it fall back silently.

On a CPU the members of a population run one after another through the same code: their matrix products would be no
faster together, and what one member computes stays in the cache. Member i gets the same bits in every population.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from fitwell.errors import SurroundingsError
from fitwell.training.members import holding
from fitwell.training.optimizers import Rate, corrections
from fitwell.training.signals import LayerSignals, layer_spans
from fitwell.training.step import Batch, Outcome, Population, Program, copied, moved, single_gradient

Call = Callable[..., Sequence[Tensor]]  # of one member's tensors; gives its loss, and signals where they are observed


class CompiledStep:
    """Moves the members of a population one after another, by code that is compiled when it is first needed.

    Steps whose signals are observed have code of their own.
    """

    def __init__(self) -> None:
        """Start with nothing compiled."""
        self._calls: dict[bool, Call] = {}

    def __call__(
        self,
        program: Program,
        population: Population,
        batch: Batch,
        *,
        noise: Int[Tensor, "members layers 2"],
        rate: Rate,
        step: int,
        observe: bool,
    ) -> Outcome:
        """Move every member in place by one step; all batches have the size of the first."""
        like = population.weights
        rates = torch.as_tensor(rate, dtype=like.dtype, device=like.device).expand(len(like), 1)
        # Not the number itself: the compiler would raise β to it in every turn of the loop over the weights.
        corrected = _corrected(program, step, like)
        losses, signals = [], []
        for member, single in enumerate(population.singles):
            tensors = _inputs(program, single, batch, member, noise=noise, rates=rates, step=corrected[member])
            if observe not in self._calls:
                self._calls[observe] = _compiled(program, single, batch, tensors, observe=observe)
            loss, *observed = self._calls[observe](*tensors)
            losses.append(loss)
            signals += observed
        values = LayerSignals(layers=tuple(layer_spans(program.pieces)), values=torch.cat(signals)) if observe else None
        return Outcome(losses=losses[0] if len(losses) == 1 else torch.cat(losses), signals=values)


def compile_ahead(program: Program, population: Population, batch: Batch, *, noise: Tensor, observing: bool) -> None:
    """Compile all that training will call; the population stays as it is.

    Raises:
        SurroundingsError: there is no C++ compiler, or it fails.
    """
    assert program.whole_step is not None
    copy = copied(population)
    for observe in (False, True) if observing else (False,):
        program.whole_step(program, copy, batch, noise=noise, rate=0.0, step=1, observe=observe)


def _corrected(program: Program, step: int, weights: Tensor) -> Sequence[Tensor]:
    """Return what adam makes of the number of a step, for every member."""
    root, quotient = corrections(step, program.own)
    if isinstance(root, Tensor) or isinstance(quotient, Tensor):
        each = [torch.as_tensor(number, device=weights.device).expand(len(weights), 1) for number in (root, quotient)]
        return tuple(torch.cat(each, dim=1))
    return (torch.tensor((root, quotient), dtype=torch.float64, device=weights.device),) * len(weights)


def _inputs(
    program: Program, single: Population, batch: Batch, member: int, *, noise: Tensor, rates: Tensor, step: Tensor
) -> tuple[Tensor, ...]:
    """Lay out all that a step of one member takes, in the order in which `_step_of` takes it apart."""
    of_rows = [batch.targets, *batch.features.values(), *([] if batch.weights is None else [batch.weights])]
    return (
        program.decays,
        noise[member],
        rates[member],
        step,
        single.weights,
        *single.slots.values(),
        *single.buffers.values(),
        *(block[member] for block in of_rows),
        *(value[member : member + 1] for value in program.own.differing.values()),
    )


def _step_of(program: Program, single: Population, batch: Batch, *, observe: bool) -> Call:
    """Return a step of one member as a function of plain tensors; names and their number are those of the examples."""

    def step(*tensors: Tensor) -> Sequence[Tensor]:
        rest = iter(tensors)
        decays, noise, rate, corrected, weights = (next(rest) for _ in range(5))
        population = Population(
            weights=weights,
            slots={name: next(rest) for name in single.slots},
            buffers={name: next(rest) for name in single.buffers},
        )
        targets = next(rest)[None]
        features = {name: next(rest)[None] for name in batch.features}
        rows = Batch(features=features, targets=targets, weights=None if batch.weights is None else next(rest)[None])
        own = holding(program.own, {name: next(rest) for name in program.own.differing})
        of_member = replace(program, decays=decays, own=own)
        gradient = single_gradient(of_member, population, rows, noise[None], observe)
        outcome = moved(
            of_member,
            population,
            gradient,
            rate=rate[None],
            step=corrected,
            observe=observe,
        )
        return (outcome.losses,) if outcome.signals is None else (outcome.losses, outcome.signals.values)

    return step


def _compiled(program: Program, single: Population, batch: Batch, tensors: Sequence[Tensor], *, observe: bool) -> Call:
    from torch import _inductor as inductor  # here: a training that does not compile need not wait for them
    from torch.fx.experimental.proxy_tensor import make_fx

    step = _step_of(program, single, batch, observe=observe)
    try:
        with _quiet():
            # Tracing takes a step, which must leave the population as it is.
            graph = make_fx(step)(*(tensor.clone() for tensor in tensors))
            call: Call = inductor.compile(graph, list(tensors))
    except Exception as error:  # whatever a compiler, a full disk or a torch of another version may come up with
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SurroundingsError(f"the step cannot be compiled ({reason}); try training.compile: never") from error
    return call


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch's compiler has to say: whoever trains can do nothing about it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
