"""Whitening brings directions to nearly one strength, so that what a weak one tells is learned as soon as the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fitwell.networks.whitening import SQUARE, Whitening

ROWS, NUMBERS = 40, 300


def rows_of(rows: int = ROWS, *, seed: int = 1) -> Tensor:
    """Return rows whose directions are ever weaker, of mean 0."""
    drawn = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, NUMBERS, generator=drawn) / torch.arange(1, NUMBERS + 1)
    return values - values.mean(0)


def fitted(rows: Tensor, directions: int) -> Whitening:
    whitening = Whitening(rows.shape[1], directions)
    whitening.fit(rows)
    return whitening


@pytest.mark.parametrize("directions", [5, ROWS - 1])
def test_directions_are_those_of_a_singular_value_decomposition(directions: int) -> None:
    rows, others = rows_of(), rows_of(7, seed=2)
    _, values, right = np.linalg.svd(rows.double().numpy(), full_matrices=False)
    ridge = np.median(values[: ROWS - 1] ** 2)  # the mean is taken out, and one direction with it
    kept = slice(directions)
    whiten = right[kept].T / np.sqrt(values[kept] ** 2 + ridge)
    whitened = rows.double().numpy() @ whiten
    scale = np.sqrt(SQUARE / (whitened**2).sum(1).mean())
    found = fitted(rows, directions)(others).double().numpy()
    expected = others.double().numpy() @ whiten * scale
    signs = np.sign((found * expected).sum(0))
    assert (
        np.abs(found * signs - expected).max() < 1e-3 * np.abs(expected).max()
    )  # float32's digits, by weak directions


def test_the_first_step_over_whitened_directions_is_a_ridge_regression() -> None:
    rows, others = rows_of().double(), rows_of(50, seed=2).double()
    targets = torch.eye(3, dtype=torch.float64)[torch.arange(ROWS) % 3] - 1 / 3
    ridge = torch.linalg.svdvals(rows)[: ROWS - 1].square().median()
    solved = torch.linalg.solve(rows.T @ rows + ridge * torch.eye(NUMBERS), rows.T @ targets)
    whitening = fitted(rows.float(), ROWS - 1)
    step = whitening(rows.float()).T @ targets.float()  # against the gradient of a cross-entropy at weights of 0
    found, expected = (whitening(others.float()) @ step).double(), others @ solved
    torch.testing.assert_close(found / found.norm(), expected / expected.norm(), rtol=1e-3, atol=1e-4)


def test_directions_that_rows_do_not_have_stay_0() -> None:
    twice = rows_of(6).repeat(2, 1)
    directions = fitted(twice, 20).directions
    assert directions.norm(dim=0).gt(0).tolist() == [True] * 5 + [False] * 15
    assert not fitted(torch.zeros(4, 9), 3).directions.any()


def test_signs_do_not_depend_on_those_of_the_decomposition() -> None:
    rows = rows_of()
    largest = fitted(rows, 20).directions.gather(0, fitted(rows, 20).directions.abs().argmax(0, keepdim=True))
    assert (largest > 0).all()


def test_what_a_weak_direction_tells_is_learned_beside_strong_ones_that_tell_nothing() -> None:
    drawn = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(NUMBERS, 12, generator=drawn)).Q
    strengths = torch.tensor([30.0] * 11 + [1.0])

    def part(rows: int) -> tuple[Tensor, Tensor]:
        hidden = torch.randn(rows, 12, generator=drawn)
        labels = torch.arange(rows) % 2
        hidden[:, -1] = 2.0 * labels - 1 + 0.3 * hidden[:, -1]
        return hidden * strengths @ basis.T, labels

    (rows, labels), (others, truth) = part(100), part(400)
    center = rows.mean(0)
    whitening = fitted(rows - center, 12)
    right = []
    for told, asked in (
        (whitening(rows - center), whitening(others - center)),
        ((rows - center) / rows.std() * 0.3, (others - center) / rows.std() * 0.3),
    ):
        head = nn.Linear(told.shape[1], 2)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        optimizer = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
        for _ in range(200):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(told), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        right.append(float((head(asked).argmax(1) == truth).float().mean()))
    assert right[0] > 0.95
    assert right[1] < 0.75
