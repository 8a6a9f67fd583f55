"""The range test finds a rate a tenth of where training blows up, without touching the population."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch

from fitwell.data.encode import FeatureLayout
from fitwell.errors import RecipeError
from fitwell.training.loop import Rows
from fitwell.training.range_test import HIGHEST, LOWEST, range_test

Start = Callable[..., Any]


def quadratic(curvature: float) -> Rows:
    """Rows whose mean squared error, for a linear network, has this curvature along its slope in every batch.

    Noisy targets give every batch another gradient: without it, the error would vanish to rounding on the way up.
    """
    x = torch.tensor([-1.0, 1.0]).repeat(500)[:, None] * math.sqrt(curvature / 2)
    y = x * 3 / math.sqrt(curvature / 2) + torch.randn(1000, 1, generator=torch.Generator().manual_seed(1))
    return Rows(features={"numbers": x}, targets=y, weights=None)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("curvature", [8.0, 200.0, 5000.0])
def test_the_rate_is_about_a_tenth_of_the_divergence_threshold_of_a_quadratic(
    curvature: float, momentum: float, start: Start
) -> None:
    training = start(
        training=quadratic(curvature), layout=FeatureLayout(numbers=1, flags=0, cardinalities=()),
        network={"hidden": []}, optimizer="sgd", momentum=momentum, batch_size=250,
    )  # fmt: skip
    found = range_test(training.program, training.population, training.training, seed=training.seeds[0])
    threshold = 2 * (1 + momentum) / curvature  # of heavy-ball descent on a quadratic (Polyak 1964)
    assert threshold / 10 / 3 < found.suggested < 3 * threshold / 10
    assert found.rates[0] == LOWEST
    assert found.rates[-1] < HIGHEST  # it ended early, because the loss blew up
    ratios = {round(later / former, 9) for former, later in pairwise(found.rates)}
    assert len(ratios) == 1  # evenly spaced on a logarithmic scale


def test_a_member_is_tested_with_its_own_settings(start: Start) -> None:
    training = start(
        training=quadratic(8.0), layout=FeatureLayout(numbers=1, flags=0, cardinalities=()), network={"hidden": []},
        optimizer="sgd", momentum=0.0, batch_size=250, members=[{}, {"network.input_factor": 5.0}],
        seeds={"weights": 1, "order": 1, "noise": 1},
    )  # fmt: skip
    rates = [
        range_test(training.program, training.population, training.training, member=member, seed=seed).suggested
        for member, seed in enumerate(training.seeds)
    ]
    assert 25 / 2 < rates[0] / rates[1] < 25 * 2  # the curvature grows by the square of the factor


def test_the_population_and_the_statistics_stay_as_they_are(start: Start) -> None:
    training = start(
        members=2, execution="mapped", network={"normalization": "batch", "dropout": 0.2}, optimizer="adam"
    )
    population = training.population
    tensors = [population.weights, *population.buffers.values(), *population.slots.values()]
    before = [tensor.clone() for tensor in tensors]
    first = range_test(training.program, population, training.training, seed=training.seeds[0])
    assert all(torch.equal(one, other) for one, other in zip(before, tensors, strict=True))
    assert first == range_test(training.program, population, training.training, seed=training.seeds[0])


def test_the_suggestion_is_a_rate_at_which_training_goes_well(start: Start) -> None:
    training = start(optimizer="adam", epochs=20)
    found = range_test(training.program, training.population, training.training, seed=training.seeds[0])
    training.rates = [found.suggested]
    losses = [moment.look.validation_losses[0] for moment in training.moments() if moment.look is not None]
    assert min(losses) < 0.7 * losses[0]
    assert float(f"{found.suggested:.1e}") == found.suggested  # two digits


def test_a_loss_that_is_no_number_from_the_start_is_refused_in_words(start: Start) -> None:
    training = start()
    rows = Rows(
        features=training.training.features, targets=torch.full_like(training.training.targets, math.inf), weights=None
    )
    with pytest.raises(RecipeError, match=r"needs a finite loss to start from, but the first batch has inf; look for"):
        range_test(training.program, training.population, rows, seed=training.seeds[0])
