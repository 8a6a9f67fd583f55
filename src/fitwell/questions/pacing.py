"""How fast this machine reads windows now, and how many epochs fit into a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

from fitwell import recipe as recipes
from fitwell.learning import Setup, threads
from fitwell.questions.beginning import Begun
from fitwell.training.loop import batching, first_state, looked_at, train
from fitwell.training.program import copied

TIMED_STEPS = 2
MEASURING_MARGIN = 1.5  # the machine may be busier then
PAGE_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast this machine is now, in seconds."""

    step: float
    look: float
    measuring: float  # all that follows the last step


def pace_of(begun: Begun) -> Pace:
    """Time a few steps and a small look on a copy of the population."""
    setup = begun.setup
    state = first_state(copied(setup.state.population))
    rows = setup.validation
    some = replace(
        rows, features={name: block[:16] for name, block in rows.features.items()}, targets=rows.targets[:16]
    )
    with threads(setup.recipe):
        moments = train(setup.program, state, setup.training, some, seeds=setup.seeds, rates=setup.rates)
        next(moments)
        started = perf_counter()
        looked_at(setup.program, state, setup.training, some, rates=setup.rates, seconds=0.0)
        window = (perf_counter() - started) / len(some)
        started = perf_counter()
        for _, moment in zip(range(TIMED_STEPS), moments, strict=False):
            state = moment.state
        step = (perf_counter() - started) / TIMED_STEPS
    measured = len(begun.validation.questions) + len(begun.division.test)
    measuring = MEASURING_MARGIN * measured * window + PAGE_SECONDS
    return Pace(step=step, look=window * len(rows), measuring=measuring)


def in_time(begun: Begun, pace: Pace, *, seconds: float) -> Setup:
    """Return the setup with as many epochs as fit, so that the schedule ends when training does."""
    setup = begun.setup
    epochs = setup.recipe.training.epochs
    assert epochs != "auto"
    steps = batching(len(setup.training), setup.recipe.training)[1]
    fitting = max(1, int((seconds - pace.look) / (steps * pace.step + pace.look)))
    if fitting >= epochs:
        return setup
    recipe = recipes.changed(setup.recipe, {"training.epochs": fitting})
    reasons = setup.reasons | {"training.epochs": f"as many as fit into the time limit, of {epochs}"}
    return replace(setup, recipe=recipe, program=replace(setup.program, settings=recipe.training), reasons=reasons)
