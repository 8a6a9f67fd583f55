"""The rows that programs train on: scikit-learn's bundled sets, and generated ones whose ceiling is known.

Each function returns training rows and test rows; the seed draws generated rows anew and splits bundled ones anew.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor

from doctor_programs.program import Rows

EXAMPLES = Path(__file__).parents[2] / "examples"  # tables that come with Fitwell


@dataclass(frozen=True)
class Parts:
    """Training rows and test rows of one kind."""

    rows: Rows
    test: Rows

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return self.rows[0].shape[1]


def parts(inputs: object, targets: object, seed: int, *, training: int) -> Parts:
    """Return the rows in random order, the first `training` of them to train on."""
    x, y = (torch.as_tensor(np.asarray(each)) for each in (inputs, targets))
    x = x.float() if x.is_floating_point() else x
    y = y.float() if y.is_floating_point() else y
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(x)))
    first, rest = order[:training], order[training:]
    return Parts((x[first], y[first]), (x[rest], y[rest]))


def bundled(loader: str, seed: int, *, training: int, **settings: object) -> Parts:
    """Return the rows of a set that scikit-learn brings along."""
    return parts(*loaded(loader, **settings), seed, training=training)


@cache
def loaded(loader: str, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of a set, read once."""
    inputs, targets = getattr(datasets, loader)(return_X_y=True, **settings)
    return inputs, targets


@cache
def cells(name: str, answer: str, *, left_out: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return an example table's complete rows (numbers first, as they are, then a column for each kind) and answers."""
    with (EXAMPLES / f"{name}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(cell.strip() not in ("", "NA") for cell in row.values())]
    numbers, kinds = [], []
    for column in rows[0]:
        values = [row[column] for row in rows]
        if column in (answer, left_out):
            continue
        if all(value.replace(".", "", 1).isdigit() for value in values):
            numbers.append([float(value) for value in values])
        else:
            kinds += [[float(value == kind) for value in values] for kind in sorted(set(values))]
    answers = sorted({row[answer] for row in rows})
    return np.array(numbers + kinds).T, np.array([answers.index(row[answer]) for row in rows])


def penguins(seed: int, *, training: int = 220) -> Parts:
    """Return four measurements of penguins, in millimeters and grams, and their species, of three; 333 rows."""
    inputs, species = cells("penguins", "species")
    return parts(inputs[:, :4], species, seed, training=training)


def churn(seed: int, *, training: int = 1500) -> Parts:
    """Return 45 columns of customers (four numbers as they are first); who left, 27 %, as a column."""
    inputs, left = cells("telco_churn", "Churn", left_out="customerID")
    given = as_column(parts(inputs, left, seed, training=training))
    return Parts(given.rows, (given.test[0][:2500], given.test[1][:2500]))


def credit(seed: int, *, training: int = 700) -> Parts:
    """Return 61 columns of people who asked for a credit (seven numbers as they are first); bad risks, 30 %."""
    return as_column(parts(*cells("german_credit", "class"), seed, training=training))


def standardized(given: Parts) -> Parts:
    """Return the parts with inputs of mean 0 and spread 1, measured on the training rows."""
    mean, spread = given.rows[0].mean(0), given.rows[0].std(0).clamp_min(1e-6)
    return Parts(((given.rows[0] - mean) / spread, given.rows[1]), ((given.test[0] - mean) / spread, given.test[1]))


def numbers_standardized(given: Parts, columns: int) -> Parts:
    """Return the parts with the first columns standardized, and the others, which mark kinds, as they are."""
    scaled = standardized(
        Parts((given.rows[0][:, :columns], given.rows[1]), (given.test[0][:, :columns], given.test[1]))
    )
    first = torch.cat([scaled.rows[0], given.rows[0][:, columns:]], 1)
    return Parts((first, given.rows[1]), (torch.cat([scaled.test[0], given.test[0][:, columns:]], 1), given.test[1]))


def standardized_targets(given: Parts) -> Parts:
    """Return the parts with targets of mean 0 and spread 1, measured on the training rows."""
    mean, spread = given.rows[1].mean(0), given.rows[1].std(0)
    return Parts((given.rows[0], (given.rows[1] - mean) / spread), (given.test[0], (given.test[1] - mean) / spread))


def first_rows(given: Parts, count: int) -> Parts:
    """Return the parts with only so many training rows."""
    return Parts((given.rows[0][:count], given.rows[1][:count]), given.test)


def as_column(given: Parts) -> Parts:
    """Return the parts with targets as a column of floats, as binary losses and regressions want them."""
    return Parts(
        (given.rows[0], given.rows[1].float().reshape(-1, 1)), (given.test[0], given.test[1].float().reshape(-1, 1))
    )


def tumors(seed: int) -> Parts:
    """Return the breast cancer table as it is: 30 measurements of very different sizes; 1 is benign (63 %)."""
    return as_column(bundled("load_breast_cancer", seed, training=400))


def wines(seed: int) -> Parts:
    """Return the wine table as it is: 13 measurements, 3 classes, 178 rows."""
    return bundled("load_wine", seed, training=120)


def flowers(seed: int) -> Parts:
    """Return the iris table: 4 measurements, 3 classes, 150 rows."""
    return bundled("load_iris", seed, training=100)


def diabetes(seed: int) -> Parts:
    """Return the diabetes table as it was measured: 10 numbers, a progression of 25 to 346 as a column."""
    return as_column(bundled("load_diabetes", seed, training=330, scaled=False))


def digits(seed: int, *, training: int = 1200) -> Parts:
    """Return the handwritten digits as rows of 64 brightnesses from 0 to 16."""
    return bundled("load_digits", seed, training=training)


def gray_digits(seed: int, *, training: int = 1200) -> Parts:
    """Return the handwritten digits as rows of 64 brightnesses of mean 0 and spread 1 over all of them."""
    given = digits(seed, training=training)
    return Parts(((given.rows[0] - 4.88) / 6.02, given.rows[1]), ((given.test[0] - 4.88) / 6.02, given.test[1]))


def pictures(given: Parts) -> Parts:
    """Return rows of 64 brightnesses as pictures: (rows, 1, 8, 8)."""
    return Parts(
        (given.rows[0].reshape(-1, 1, 8, 8), given.rows[1]), (given.test[0].reshape(-1, 1, 8, 8), given.test[1])
    )


def moons(seed: int, *, training: int = 600, noise: float = 0.15) -> Parts:
    """Return two interleaved half circles."""
    x, y = datasets.make_moons(training + 500, noise=noise, random_state=seed)
    return as_column(parts(x * [1.15, 2.0] - [0.57, 0.5], y, seed, training=training))


def circles(seed: int, *, training: int = 600) -> Parts:
    """Return a circle within a circle: no line divides them."""
    x, y = datasets.make_circles(training + 500, noise=0.1, factor=0.4, random_state=seed)
    return as_column(parts(x * 1.8, y, seed, training=training))


def friedman(seed: int, *, training: int = 800, noise: float = 1.0) -> Parts:
    """Return Friedman's first regression: ten numbers from 0 to 1, half of which matter, targets of 0 to 30."""
    x, y = datasets.make_friedman1(training + 500, noise=noise, random_state=seed)
    return as_column(parts(x, y, seed, training=training))


def houses(seed: int, *, training: int = 800) -> Parts:
    """Return made-up houses as a form would hold them (area, rooms, year, income, distance), with prices in dollars."""
    random = np.random.default_rng(seed)
    count = training + 500
    area, rooms = random.gamma(6, 20, count), random.integers(1, 8, count)
    year, income, distance = (
        random.integers(1900, 2024, count),
        random.lognormal(10.6, 0.4, count),
        random.exponential(8, count),
    )
    price = (
        1500 * area
        + 9000 * rooms
        + 700 * (year - 1900)
        + 2.5 * income
        - 60000 * np.tanh(distance / 8)
        + random.normal(0, 20000, count)
    )
    return as_column(parts(np.stack([area, rooms, year, income, distance], 1), price, seed, training=training))


def customers(seed: int, *, training: int = 1000, share: float = 0.5, noise: float = 0.5, width: int = 12) -> Parts:
    """Return made-up customers: standard normal numbers; who leaves follows from a curved score of five of them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(training + 2000, width))
    score = 1.2 * x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) + np.abs(x[:, 4])
    score = score + noise * random.normal(size=len(score))
    leaves = score > np.quantile(score, 1 - share)
    return as_column(parts(x, leaves, seed, training=training))


def groups(seed: int, *, training: int = 900, shares: tuple[float, ...] = (0.25,) * 4, spread: float = 1.0) -> Parts:
    """Return clouds around random centers in ten dimensions, a class each."""
    random = np.random.default_rng(seed)
    # The centers stay where they are, so that tasks of different seeds are equally hard.
    centers = np.random.default_rng(5).normal(0, 1.1, size=(len(shares), 10))
    classes = random.choice(len(shares), size=training + 2000, p=shares)
    x = centers[classes] + spread * random.normal(size=(len(classes), 10))
    return parts(x, classes, seed, training=training)


def waves(seed: int, *, training: int = 600, steps: int = 24, noise: float = 0.4) -> Parts:
    """Return noisy waves of three shapes at random phases: (rows, steps, 1); the shape is the class."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, 3, training + 500)
    turn = 2 * math.pi * (np.arange(steps)[None] / 12 + random.random((len(classes), 1)))
    shapes = np.stack([np.sin(turn), np.sign(np.sin(turn)), np.sin(turn) * (np.sin(turn) > 0) * 1.6 - 0.5], 1)
    x = shapes[np.arange(len(classes)), classes] + noise * random.normal(size=(len(classes), steps))
    return parts(x[..., None], classes, seed, training=training)


def first_sign(seed: int, *, steps: int, training: int = 800) -> Parts:
    """Return noise in which only the first step says which of two classes a row has."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, 2, training + 500)
    x = random.normal(0, 0.5, size=(len(classes), steps))
    x[:, 0] = 2 * classes - 1 + 0.3 * x[:, 0]
    return as_column(parts(x[..., None], classes, seed, training=training))


def sales(seed: int, *, training: int = 700, level: float = 5000.0) -> Parts:
    """Return windows of 16 weeks of sales and those of the week after: a season, a trend and noise, in units."""
    random = np.random.default_rng(seed)
    count = training + 500
    week = np.arange(17)[None] + random.integers(0, 52, (count, 1))
    size = random.normal(1, 0.15, (count, 1))
    drift = random.normal(0, 0.01, (count, 1)) * np.arange(17)
    series = level * (size + 0.4 * np.sin(2 * math.pi * week / 13) + drift + 0.03 * random.normal(size=(count, 17)))
    return parts(series[:, :16, None], series[:, 16:], seed, training=training)


def reviews(seed: int, *, training: int = 800, length: int = 20, words: int = 200) -> Parts:
    """Return rows of word numbers: a row is liked when it has more good words than bad ones; 30 of each exist."""
    random = np.random.default_rng(seed)
    liking = random.integers(0, 2, training + 500)
    word = random.integers(60, words, size=(len(liking), length))
    telling = random.random(word.shape) < 0.3
    good = random.random(word.shape) < np.where(liking, 0.75, 0.25)[:, None]
    word = np.where(telling, random.integers(0, 30, word.shape) + 30 * good, word)
    return as_column(parts(word, liking, seed, training=training))


def tags(seed: int, *, training: int = 900, labels: int = 6) -> Parts:
    """Return ten numbers and several labels, each on for about a third of the rows."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(training + 500, 10))
    weights = np.random.default_rng(7).normal(size=(10, labels))
    y = np.tanh(x) @ weights + 0.3 * random.normal(size=(len(x), labels)) > 1.0
    return parts(x, y.astype(np.float32), seed, training=training)


def ordered_by(given: Parts, key: Tensor) -> Parts:
    """Return the parts with training rows sorted by `key`."""
    order = key.reshape(-1).argsort(stable=True)
    return Parts((given.rows[0][order], given.rows[1][order]), given.test)
