"""Schedules are torch's schedulers, as functions of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim import lr_scheduler as of_torch

from fitwell.recipe import ScheduleName, TrainingSettings
from fitwell.training.schedules import SCHEDULES, plateau_factor_after, rate_factor

EPOCHS = 60
TOTAL = float(EPOCHS)
# Every setting is away from its default.
SETTINGS = TrainingSettings(
    step_epochs=7.0,
    step_factor=0.3,
    decay_rate=0.08,
    minimum_factor=0.01,
    cycle_epochs=8.0,
    cycle_growth=2.0,
    plateau_patience=2,
    plateau_factor=0.4,
)

Maker = Callable[[SGD], of_torch.LRScheduler]


def one_cycle_of_torch(optimizer: SGD) -> of_torch.LRScheduler:
    # torch counts 61 settings of the rate where we count 60 epochs between them; this share puts its top at 30 % of
    # ours. Its end is the start divided by 4: 1/100.
    share = (0.3 * EPOCHS + 1) / (EPOCHS + 1)
    return of_torch.OneCycleLR(
        optimizer, 1.0, total_steps=EPOCHS + 1, pct_start=share, div_factor=25.0, final_div_factor=4.0
    )


WITNESSES: dict[str, Maker] = {
    "constant": lambda o: of_torch.ConstantLR(o, factor=1.0),
    "step": lambda o: of_torch.StepLR(o, step_size=7, gamma=0.3),
    "exponential": lambda o: of_torch.ExponentialLR(o, gamma=math.exp(-0.08)),
    "cosine": lambda o: of_torch.CosineAnnealingLR(o, T_max=EPOCHS, eta_min=0.01),
    "cyclical": lambda o: of_torch.CyclicLR(o, base_lr=0.01, max_lr=1.0, step_size_up=4, cycle_momentum=False),
    "warm_restarts": lambda o: of_torch.CosineAnnealingWarmRestarts(o, T_0=8, T_mult=2, eta_min=0.01),
    "one_cycle": one_cycle_of_torch,
    # torch has no such schedule: the power of i whose exponent passes 4 four times over, faster and faster.
    "log_cosine": lambda o: of_torch.LambdaLR(o, lambda epoch: 0.5 - (1j ** (4 * math.log2(1 + epoch / 4))).real / 2),
    "plateau": lambda o: of_torch.ConstantLR(o, factor=1.0),
}
CONTINUOUS = ["constant", "exponential", "cosine", "cyclical", "one_cycle", "log_cosine", "plateau"]


def rates_of_torch(make: Maker, epochs: int) -> list[float]:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for _ in range(epochs + 1):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if len(rates) <= epochs:
            scheduler.step()
    return rates


def test_every_schedule_of_the_recipe_is_in_the_table() -> None:
    assert tuple(SCHEDULES) == get_args(ScheduleName)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_equals_torch_at_every_epoch(name: str) -> None:
    found = [SCHEDULES[name](float(epoch), total=TOTAL, settings=SETTINGS) for epoch in range(EPOCHS + 1)]
    # torch multiplies its way from rate to rate and gathers rounding errors; ours are closed forms.
    assert found == pytest.approx(rates_of_torch(WITNESSES[name], EPOCHS), abs=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
@given(epoch=st.floats(0, 500), total=st.floats(0.5, 200), growth=st.floats(1, 3), minimum=st.floats(0, 1))
def test_every_factor_lies_between_zero_and_one(
    name: str, epoch: float, total: float, growth: float, minimum: float
) -> None:
    settings = SETTINGS.model_copy(update={"cycle_growth": growth, "minimum_factor": minimum})
    lowest = minimum if name in ("cosine", "cyclical", "warm_restarts", "one_cycle") else 0
    rounding = 1e-12
    assert lowest - rounding <= SCHEDULES[name](epoch, total=total, settings=settings) <= 1 + rounding


@pytest.mark.parametrize("name", CONTINUOUS)
@given(epoch=st.floats(0, TOTAL))
def test_schedules_without_jumps_change_little_in_little_time(name: str, epoch: float) -> None:
    def at(moment: float) -> float:
        return SCHEDULES[name](moment, total=TOTAL, settings=SETTINGS)

    # The steepest is the first of log_cosine's cycles: π · 15 / (60 · ln 2), a slope of 1.13.
    assert abs(at(epoch + 1e-6) - at(epoch)) <= 1.14 * 1e-6 + 1e-12


@pytest.mark.parametrize(("name", "jumps"), [("step", list(range(7, 59, 7))), ("warm_restarts", [8, 24, 56])])
def test_the_other_schedules_jump_just_where_they_promise(name: str, jumps: list[int]) -> None:
    def at(moment: float) -> float:
        return SCHEDULES[name](moment, total=TOTAL, settings=SETTINGS)

    for epoch in map(float, range(1, 59)):
        jumped = abs(at(epoch) / at(epoch - 1e-9) - 1) > 0.5
        assert jumped == (epoch in jumps), epoch


def test_fractions_of_epochs_count() -> None:
    assert SCHEDULES["exponential"](0.5, total=TOTAL, settings=SETTINGS) == pytest.approx(math.exp(-0.04))
    assert SCHEDULES["cyclical"](2.0, total=TOTAL, settings=SETTINGS) == pytest.approx(0.505)


@given(cycles=st.integers(0, 12), growth=st.integers(1, 7), first=st.integers(1, 20))
def test_every_warm_restart_is_at_the_full_rate_at_its_very_start(cycles: int, growth: int, first: int) -> None:
    settings = SETTINGS.model_copy(update={"cycle_growth": float(growth), "cycle_epochs": float(first)})
    start = float(sum(first * growth**cycle for cycle in range(cycles)))  # whole numbers, so exact
    assert SCHEDULES["warm_restarts"](start, total=TOTAL, settings=settings) == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_multiplies_every_schedule_as_torch_does(name: str) -> None:
    def both(optimizer: SGD) -> of_torch.LRScheduler:
        return of_torch.LinearLR(optimizer, start_factor=0.01, end_factor=1.0, total_iters=5)

    warmed = SETTINGS.model_copy(update={"warmup_epochs": 5.0})
    for epoch, expected in enumerate(rates_of_torch(both, EPOCHS)):
        plain = rate_factor(name, float(epoch), total=TOTAL, settings=SETTINGS)
        assert plain == SCHEDULES[name](float(epoch), total=TOTAL, settings=SETTINGS)
        assert rate_factor(name, float(epoch), total=TOTAL, settings=warmed) == pytest.approx(plain * expected)


def plateau_of_torch(losses: list[float], patience: int) -> float:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = of_torch.ReduceLROnPlateau(optimizer, factor=0.4, patience=patience, threshold=0.0, eps=0.0)
    for loss in losses:
        scheduler.step(loss)
    return float(optimizer.param_groups[0]["lr"])


@given(
    losses=st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, math.nan, math.inf]), max_size=30), patience=st.integers(0, 4)
)
def test_the_plateau_schedule_lowers_the_rate_when_torch_does(losses: list[float], patience: int) -> None:
    settings = SETTINGS.model_copy(update={"plateau_patience": patience})
    assert plateau_factor_after(losses, settings) == pytest.approx(plateau_of_torch(losses, patience))


def test_a_steadily_falling_loss_keeps_the_full_rate() -> None:
    assert plateau_factor_after([1 / epoch for epoch in range(1, 100)], SETTINGS) == 1


def test_one_cycle_starts_at_a_minimum_above_its_usual_start() -> None:
    settings = SETTINGS.model_copy(update={"minimum_factor": 0.5})
    assert SCHEDULES["one_cycle"](0.0, total=TOTAL, settings=settings) == pytest.approx(0.5)
