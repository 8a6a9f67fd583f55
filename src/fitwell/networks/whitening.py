"""Whitening: many numbers that go together become fewer that do not, each direction of them as strong as the others.

Thousands of numbers told of a few hundred rows vary mostly along a few directions, and what tells classes apart may lie
along weak ones. A linear layer that learns by gradients goes along the strong directions first, and learns what it can
from them. After whitening it goes along all of them alike: its first step from zeros is the solution of a ridge
regression, which solves for all directions at once.

The weakest directions are noise, as strong as the others they would be learned by heart. So each direction is divided
by the root of its squared singular value and a ridge, the median of all of them: what is stronger than half of the
directions is brought to nearly the same strength, what is weaker is left weaker.

Nothing here has parameters: the directions are taken from training rows, before the first step.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

SQUARE = 300.0  # mean squared length of a whitened row: steps of usual size then tell all training rows apart
NOTHING = 1e-9  # of the largest squared singular value: what is below is rounding


class Whitening(nn.Module):
    """Rows whose mean is 0 become rows of as many whitened directions.

    Shape: (rows, numbers) -> (rows, directions).
    """

    directions: Tensor

    def __init__(self, numbers: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.zeros(numbers, directions))

    def forward(self, rows: Float[Tensor, "rows numbers"]) -> Float[Tensor, "rows directions"]:
        return rows @ self.directions

    def fit(self, rows: Float[Tensor, "rows numbers"]) -> None:
        """Take the directions from training rows, of mean 0; those that they do not have stay 0."""
        found = whitened_directions(rows.double(), self.directions.shape[1])
        self.directions.zero_()
        self.directions[:, : found.shape[1]] = found


def whitened_directions(rows: Float64[Tensor, "rows numbers"], most: int) -> Float64[Tensor, "numbers directions"]:
    """Return the columns v_i / √(s_i² + m), times what gives whitened rows their mean squared length.

    v_i are the right singular vectors of the rows, the largest singular value s_1 first, and m is the median of all
    squared singular values but those that are 0. The largest entry of a column is positive, so that every machine finds
    the same.

    >>> rows = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    >>> whitened = rows @ whitened_directions(rows, 2)
    >>> (whitened[0].norm() / whitened[2].norm()).round(decimals=4)  # not 3: √(18 / (18 + 2)) to √(2 / (2 + 2))
    tensor(1.3416, dtype=torch.float64)
    """
    squares, left = torch.linalg.eigh(rows @ rows.T)  # of rows, which are fewer than numbers
    squares, left = squares.flip(0), left.flip(1)
    has = squares > NOTHING * squares[0]
    squares, left = squares[has], left[:, has]
    if not len(squares):
        return rows.new_zeros(rows.shape[1], 0)
    ridge = squares.median()
    squares, left = squares[:most], left[:, :most]
    right = rows.T @ left / squares.sqrt()
    right = right * right.gather(0, right.abs().argmax(0, keepdim=True)).sign()
    length = math.sqrt(SQUARE * len(rows) / float((squares / (squares + ridge)).sum()))
    whitened: Tensor = right * (length * (squares + ridge).rsqrt())
    return whitened
