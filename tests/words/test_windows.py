"""A window's step is the formula's, in float64, with vector instructions and in plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fitwell.words.kernels.reading import mark_repeated, moved, read, scratch_size
from fitwell.words.kernels.windows import TARGETS, has_wide_vectors, logistic
from fitwell.words.matrices import FLOATS, aligned_zeros, padded_width

Matrix = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]

# Plain loops work everywhere; where this processor is not wide, that is all there is to be tested.
WAYS = ["plain", "wide"] if has_wide_vectors() else ["plain"]
FULL = 2**64 - 1


def wide(way: str, width: int, drawn: int) -> Any:
    return ((0,) * (width // FLOATS), (0,) * drawn) if way == "wide" else None


def matrices(words: int, dimension: int, seed: int) -> tuple[Matrix, Matrix]:
    """Return two aligned matrices of random numbers, zeros in their padding."""
    width, generator = padded_width(dimension), np.random.default_rng(seed)
    made = []
    for _ in range(2):
        matrix = aligned_zeros(words * width).reshape(words, width)
        matrix[:, :dimension] = generator.normal(size=(words, dimension)) * 0.3
        made.append(matrix)
    return made[0], made[1]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def step_by_formula(
    inputs: Exact, outputs: Exact, context: Sequence[int], targets: Sequence[int], rate: float
) -> float:
    """Move both matrices by one window, from the vectors as they were before it; return the loss."""
    x, distinct = inputs[list(context)], list(dict.fromkeys(targets))
    o = outputs[distinct]
    truth = np.array([target == targets[0] for target in distinct], float)
    probability = np.vectorize(sigmoid)(x @ o.T)
    gradients = rate * (truth - probability)  # (context, targets)
    np.add.at(inputs, list(context), gradients @ o)
    outputs[distinct] += gradients.T @ x
    return float(-np.log(np.where(truth == 1, probability, 1 - probability)).sum())


def bag_by_formula(inputs: Exact, outputs: Exact, context: Sequence[int], targets: Sequence[int], rate: float) -> float:
    """Move both matrices by one bag: the mean of the context takes the step, and its move is every context word's."""
    mean = inputs[list(context)].mean(axis=0, keepdims=True)
    moved_mean = mean.copy()
    loss = step_by_formula(moved_mean, outputs, [0], targets, rate)
    np.add.at(inputs, list(context), moved_mean - mean)
    return loss


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("dimension", "words", "drawn"), [(16, 1, 1), (100, 10, 5), (300, 3, 7), (33, 6, 2)])
def test_a_step_is_that_of_the_formula(way: str, dimension: int, words: int, drawn: int) -> None:
    inputs, outputs = matrices(30, dimension, seed=dimension)
    exact = inputs.astype(float), outputs.astype(float)
    generator = np.random.default_rng(drawn)
    context = generator.permutation(30)[:words].astype(np.int32)
    targets = np.zeros(TARGETS, np.int32)
    targets[: drawn + 1] = generator.integers(0, 30, drawn + 1)
    targets[drawn] = targets[0]  # a drawn word may be the middle word itself, and then does not count
    gradients, rates = aligned_zeros(words * TARGETS).reshape(words, TARGETS), aligned_zeros(TARGETS)
    moves = aligned_zeros(TARGETS * inputs.shape[1]).reshape(TARGETS, -1)
    mark_repeated(targets, drawn, np.float32(0.5), rates)
    moved(inputs, outputs, context, targets, words, drawn, gradients, rates, moves, wide(way, inputs.shape[1], drawn))
    step_by_formula(*exact, context.tolist(), targets[: drawn + 1].tolist(), 0.5)
    # Single precision: sums of up to 300 products of numbers around 1.
    assert inputs == pytest.approx(exact[0], abs=5e-6)
    assert outputs == pytest.approx(exact[1], abs=5e-6)


@pytest.mark.parametrize("x", [-30.0, -7.9, -3.0, -0.1, 0.0, 0.5, 2.0, 7.0, 30.0])
def test_the_logistic_function_is_good_to_four_digits(x: float) -> None:
    # It ends at 7.9, where 0.99963 stands for 0.99963 and for everything beyond.
    assert logistic(np.float32(x)) == pytest.approx(sigmoid(x), abs=4e-4)
    assert x != np.clip(x, -4, 4) or logistic(np.float32(x)) == pytest.approx(sigmoid(x), abs=2e-6)


class Randomness:
    """Knuth's generator in Python's whole numbers."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def next(self) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & FULL
        return self.state


def read_by_loop(
    texts: list[list[int]],
    keep: list[int],
    draws: list[int],
    inputs: Exact,
    outputs: Exact,
    seed: int,
    rate: float,
    *,
    step: Callable[..., float],
) -> None:
    """Learn from texts with three words to each side and two drawn ones, a window at a time; the rate falls by 1e-5."""
    randomness = Randomness(seed)
    draw = (randomness.next() >> 32) % len(draws)
    before = 0
    for text in texts:
        now = rate - 1e-5 * before
        before += len(text)
        known = [word for word in text if word < len(keep) and randomness.next() >> 32 <= keep[word]]
        for place, middle in enumerate(known):
            reach = 3 - ((randomness.next() >> 40) * 3 >> 24)
            context = known[max(0, place - reach) : place] + known[place + 1 : place + reach + 1]
            if context:
                targets = [middle, *(draws[(draw + j) % len(draws)] for j in range(2))]
                draw += 2
                step(inputs, outputs, context, targets, now)


@pytest.mark.parametrize("is_bag", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_reading_texts_is_what_a_loop_does(way: str, is_bag: bool) -> None:
    generator = np.random.default_rng(5)
    # Every word once a text, so that no context word comes twice in a window: then the order of updates would count.
    texts = [generator.permutation(12)[: generator.integers(0, 12)].tolist() for _ in range(40)]
    keep = generator.integers(2**30, 2**32, 10, dtype=np.uint32)  # words 10 and 11 are too rare to be known
    draws = generator.integers(0, 10, 64, dtype=np.int32)
    inputs, outputs = matrices(10, 20, seed=1)
    exact = inputs.astype(float), outputs.astype(float)
    width = inputs.shape[1]
    ends = np.cumsum([len(text) for text in texts])
    looked_at, loss = read(
        np.array([word for text in texts for word in text], np.int32),
        ends,
        0,
        keep,
        draws,
        inputs,
        outputs,
        aligned_zeros(scratch_size(width, 3)),
        3,
        2,
        is_bag,
        0.1,
        1e-5,
        np.uint64(7),
        wide(way, width, 2),
    )
    read_by_loop(
        texts, keep.tolist(), draws.tolist(), *exact, 7, 0.1, step=bag_by_formula if is_bag else step_by_formula
    )
    assert looked_at > 0
    assert 0 < loss / looked_at < 4
    assert not np.allclose(inputs, matrices(10, 20, seed=1)[0], atol=1e-2)
    # Single precision, over some two hundred windows.
    assert inputs == pytest.approx(exact[0], abs=2e-5)
    assert outputs == pytest.approx(exact[1], abs=2e-5)
