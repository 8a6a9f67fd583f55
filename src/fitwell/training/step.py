"""One training step of a population: w(t+1) = w(t) - η ∇L(w(t)), for every member at once.

The step is a function of the members' weights, their optimizers' slots, a batch and the step's noise. Three executions
agree to rounding. Two differ in how they compute the gradient (`gradients.py`). What follows the gradient (penalties,
clipping, decay, the optimizer, limits) is the same code for both, on one matrix (members, weights). The third,
`compiled`, is the same code once more, from the batch to the moved weights, translated to machine code beforehand
(`compiled.py`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from fitwell.networks.initialization import redraw
from fitwell.training.gradients import gradient_of
from fitwell.training.members import MemberSettings, acts, matching
from fitwell.training.optimizers import OPTIMIZERS, Rate, Step, decay
from fitwell.training.pieces import DECAYED
from fitwell.training.program import Batch, Gradient, Outcome, Population, Program
from fitwell.training.regularizers import clip_norm, clip_value, limit_norms, penalty_gradient
from fitwell.training.signals import noted, weight_signals


def advance(
    program: Program,
    population: Population,
    batch: Batch,
    *,
    noise: Int[Tensor, "members layers words"],
    rate: Rate,
    step: Step,
    observe: bool = False,
) -> Outcome:
    """Move every member by one step, in place; `step` counts from 1.

    With `observe`, the outcome carries the signals of every layer.
    """
    if program.whole_step is not None:
        assert isinstance(step, int)
        if not program.network.training:
            program.network.train()
        return program.whole_step(program, population, batch, noise=noise, rate=rate, step=step, observe=observe)
    gradient = gradient_of(program, population, batch, noise, observe)
    return moved(program, population, gradient, rate=rate, step=step, observe=observe)


def moved(
    program: Program,
    population: Population,
    found: Gradient,
    *,
    rate: Rate,
    step: Step,
    observe: bool,
) -> Outcome:
    """Move every member along its gradient, in place: penalties, clipping, decay, the optimizer and limits."""
    own, gradient = matching(program.own, population.weights), found.gradient
    with torch.no_grad():
        # Before penalties and clipping change the one in place, and the step the other.
        before = noted(program.layers, gradient, population.weights) if observe else None
        if acts(own.l1) or acts(own.l2):
            penalty = penalty_gradient(population.weights, l1=own.l1, l2=own.l2, mask=program.decays)
            gradient = gradient + penalty
        if own.clip_value is not None:
            clip_value(gradient, own.clip_value)
        if own.clip_norm is not None:
            clip_norm(gradient, own.clip_norm)
        _update(program, own, population, replace(found, gradient=gradient), rate=rate, step=step)
        signals = None
        if before is not None:
            signals = weight_signals(
                program.layers, before=before, after=population.weights, activations=found.activations
            )
    return Outcome(losses=found.losses, signals=signals)


def _update(
    program: Program, own: MemberSettings, population: Population, found: Gradient, *, rate: Rate, step: Step
) -> None:
    if not program.moves:
        _move(program, own, population, found, rate=rate, step=step, columns=slice(None))
    for each in program.moves:
        assert isinstance(step, int), "a compiled step moves all weights alike"
        if step > each.after:
            columns = slice(each.start, each.stop)
            _move(program, own, population, found, rate=rate * each.factor, step=step - each.after, columns=columns)
    if program.redrawn is not None:
        assert isinstance(step, int), "a compiled step draws nothing anew"
        if step <= program.redrawn.steps:
            fresh, uniforms = program.redrawn.draw(step)
            redraw(population.weights, fresh, uniforms=uniforms, fraction=own.redraw_fraction, mask=program.decays)
    if own.max_norm is not None:
        limit_norms(population.weights, program.pieces, own.max_norm)


def _move(
    program: Program,
    own: MemberSettings,
    population: Population,
    found: Gradient,
    *,
    rate: Rate,
    step: Step,
    columns: slice,
) -> None:
    """Let the weights of some columns decay and move."""
    settings, weights = program.settings, population.weights[:, columns]
    large = program.large.get(columns.start)
    apart = None if large is None else found.apart.get(large.start)
    assert settings.optimizer != "auto"
    if acts(own.weight_decay) and (large is None or large.role in DECAYED):
        mask = program.decays[columns] if large is None else None
        decay(weights, rate=rate, weight_decay=own.weight_decay, mask=mask)
    OPTIMIZERS[settings.optimizer].move(
        weights,
        found.gradient[:, columns] if apart is None else apart,
        {name: slot[:, columns] for name, slot in population.slots.items()},
        rate=rate,
        step=step,
        settings=program.own,
        pieces=program.pieces,
    )
