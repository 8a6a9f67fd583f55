"""A step compiled to machine code, from the batch to the moved weights.

The step of one member is traced once, into a graph of tensor operations with fixed shapes, and torch's compiler
(Inductor) turns the graph into a library: a few loops in C++ between matrix products. Whatever changes from step to
step (rate, number of the step, noise words, rows) is an input of the graph, so nothing is ever compiled anew, and no
conditions are checked at each call.

Tracing and compiling take place in a process of their own (`training/libraries.py`), because the compiler's modules
take as much memory as a small training does; a training only loads the library.

On a CPU the members of a population run one after another through the same code: their matrix products would be no
faster together, and what one member computes stays in the cache. Member i gets the same bits in every population.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from fitwell.training.gradients import accumulated, single_gradient
from fitwell.training.libraries import loaded_libraries
from fitwell.training.members import holding
from fitwell.training.optimizers import Rate, corrections
from fitwell.training.program import Batch, Outcome, Population, Program
from fitwell.training.signals import LayerSignals, joined_signals
from fitwell.training.step import moved

Call = Callable[[list[Tensor]], Sequence[Tensor]]  # of a member's tensors; gives its loss, and signals if observed


@dataclass(frozen=True, kw_only=True)
class SingleStep:
    """A step of one member as a function of plain tensors: what there is to compile."""

    program: Program
    slots: tuple[str, ...]
    buffers: tuple[str, ...]
    features: tuple[str, ...]
    weighted: bool  # rows have weights
    observe: bool

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Move the member in place; the tensors come in the order of `inputs_of_members`."""
        program, rest = self.program, iter(tensors)
        decays, noise, rate, corrected, weights = (next(rest) for _ in range(5))
        population = Population(
            weights=weights,
            slots={name: next(rest) for name in self.slots},
            buffers={name: next(rest) for name in self.buffers},
        )
        targets = next(rest)[None]
        features = {name: next(rest)[None] for name in self.features}
        batch = Batch(features=features, targets=targets, weights=next(rest)[None] if self.weighted else None)
        own = holding(program.own, {name: next(rest) for name in program.own.differing})
        of_member = replace(program, decays=decays, own=own)
        gradient = accumulated(single_gradient, of_member, population, batch, noise[None], self.observe)
        outcome = moved(
            of_member,
            population,
            gradient,
            rate=rate[None],
            step=(corrected[0], corrected[1]),
            observe=self.observe,
        )
        seen = outcome.signals
        return (outcome.losses,) if seen is None else (outcome.losses, seen.norms, seen.activations)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Tensors that are part of the program, but come as inputs of the step."""
        program = self.program
        network = (*program.network.parameters(), *program.network.buffers())
        return (*network, program.decays, *program.own.differing.values())


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
        inputs = inputs_of_members(program, population, batch, noise=noise, rate=rate, step=step)
        if observe not in self._calls:
            self._compile(program, population, batch, inputs[0], observing=[observe])
        call = self._calls[observe]
        found = [call(of_member) for of_member in inputs]
        losses = found[0][0] if len(found) == 1 else torch.cat([loss for loss, *_ in found])
        signals = None
        if observe:
            layers = tuple(program.layers)
            each = [LayerSignals(layers=layers, norms=norms, activations=inside) for _, norms, inside in found]
            signals = each[0] if len(each) == 1 else joined_signals(each)
        return Outcome(losses=losses, signals=signals)

    def prepare(
        self, program: Program, population: Population, batch: Batch, *, noise: Tensor, observing: bool
    ) -> None:
        """Have all compiled that training will call."""
        inputs = inputs_of_members(program, population, batch, noise=noise, rate=0.0, step=1)
        self._compile(program, population, batch, inputs[0], observing=[False, True] if observing else [False])

    def _compile(
        self, program: Program, population: Population, batch: Batch, example: list[Tensor], *, observing: list[bool]
    ) -> None:
        steps = [
            SingleStep(
                program=replace(program, whole_step=None, differences=()),
                slots=tuple(population.slots),
                buffers=tuple(population.buffers),
                features=tuple(batch.features),
                weighted=batch.weights is not None,
                observe=observe,
            )
            for observe in observing
        ]
        self._calls |= dict(zip(observing, loaded_libraries(steps, example), strict=True))


def compile_ahead(program: Program, population: Population, batch: Batch, *, noise: Tensor, observing: bool) -> None:
    """Compile all that training will call; the population stays as it is.

    Raises:
        SurroundingsError: there is no C++ compiler, or it fails.
    """
    assert isinstance(program.whole_step, CompiledStep)
    program.whole_step.prepare(program, population, batch, noise=noise, observing=observing)


def _corrected(program: Program, step: int, weights: Tensor) -> Sequence[Tensor]:
    """Return what adam makes of the number of a step, for every member."""
    root, quotient = corrections(step, program.own)
    if isinstance(root, Tensor) or isinstance(quotient, Tensor):
        each = [torch.as_tensor(number, device=weights.device).expand(len(weights), 1) for number in (root, quotient)]
        return torch.cat(each, dim=1).unbind(0)
    return (torch.tensor((root, quotient), dtype=torch.float64, device=weights.device),) * len(weights)


def inputs_of_members(
    program: Program, population: Population, batch: Batch, *, noise: Tensor, rate: Rate, step: int
) -> list[list[Tensor]]:
    """Lay out all that a step of each member takes, in the order in which a `SingleStep` takes it apart."""
    like = population.weights
    rates = rate if isinstance(rate, Tensor) else torch.full((1, 1), rate, dtype=like.dtype, device=like.device)
    of_rows = [batch.targets, *batch.features.values(), *([] if batch.weights is None else [batch.weights])]
    varied = [
        _of_members(noise),
        _of_members(rates) * (1 if len(rates) > 1 else len(like)),
        # Not the number itself: the compiler would raise β to it in every turn of the loop over the weights.
        _corrected(program, step, like),
        population.of_members,
        list(zip(*map(_of_members, of_rows), strict=True)),
    ]
    own = [torch.split(value, 1) for value in program.own.differing.values()]
    return [
        [program.decays, words, rate_of_member, corrected, *tensors, *rows, *(value[member] for value in own)]
        for member, (words, rate_of_member, corrected, tensors, rows) in enumerate(zip(*varied, strict=True))
    ]


def _of_members(block: Tensor) -> tuple[Tensor, ...]:
    # One call for all members, and a shorter one for the only member: their cost is that of a layer, else.
    return block.unbind(0) if len(block) > 1 else (block[0],)
