"""A window's step is the formula's, in float64, with vector instructions and in plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fitwell.words.huffman import huffman_ways
from fitwell.words.kernels.reading import mark_repeated, moved, read, scratch_size
from fitwell.words.kernels.windows import TARGETS, has_wide_vectors, logistic
from fitwell.words.matrices import FLOATS, aligned_zeros, padded_width

Matrix = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]

# Plain loops work everywhere; where this processor is not wide, that is all there is to be tested.
WAYS = ["plain", "wide"] if has_wide_vectors() else ["plain"]
FULL = 2**64 - 1


def wide(way: str, width: int, drawn: int) -> Any:
    return ((0,) * (width // FLOATS), (0,) * drawn) if way == "wide" else ()


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


Told = list[tuple[int, float]]  # targets and their truths


def step_by_formula(inputs: Exact, outputs: Exact, context: Sequence[int], groups: list[Told], rate: float) -> float:
    """Move both matrices by one window, each group from the vectors as they were before it; return the loss."""
    loss = 0.0
    for told in groups:
        truths = dict(reversed(told))  # the first of equal targets counts
        x, o, truth = inputs[list(context)], outputs[list(truths)], np.array(list(truths.values()))
        probability = np.vectorize(sigmoid)(x @ o.T)
        gradients = rate * (truth - probability)  # (context, targets)
        np.add.at(inputs, list(context), gradients @ o)
        outputs[list(truths)] += gradients.T @ x
        loss -= np.log(np.where(truth == 1, probability, 1 - probability)).sum()
    return float(loss)


def bag_by_formula(inputs: Exact, outputs: Exact, context: Sequence[int], groups: list[Told], rate: float) -> float:
    """Move both matrices by one bag: the mean of the context takes the step, and its move is every context word's."""
    mean = inputs[list(context)].mean(axis=0, keepdims=True)
    moved_mean = mean.copy()
    loss = step_by_formula(moved_mean, outputs, [0], groups, rate)
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
    gradients, aims = (aligned_zeros(count * TARGETS).reshape(count, TARGETS) for count in (words, 2))
    moves = aligned_zeros(TARGETS * inputs.shape[1]).reshape(TARGETS, -1)
    mark_repeated(targets, drawn, np.float32(0.5), aims)
    moved(inputs, outputs, context, targets, words, drawn, gradients, aims, moves, wide(way, inputs.shape[1], drawn))
    told = [(target, float(j == 0)) for j, target in enumerate(targets[: drawn + 1].tolist())]
    step_by_formula(*exact, context.tolist(), [told], 0.5)
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


Rows = list[list[int]]  # of each word


class Composed:
    """The vectors of tokens in reach, each the mean of its word's rows; back it goes to these as it was moved."""

    def __init__(self, inputs: Exact, rows: Rows, known: list[int]) -> None:
        self.inputs, self.rows, self.known = inputs, rows, known
        self.now, self.first = np.zeros((len(known), inputs.shape[1])), np.zeros((len(known), inputs.shape[1]))

    def enter(self, place: int) -> None:
        if place < len(self.known):
            self.first[place] = self.now[place] = self.inputs[self.rows[self.known[place]]].mean(axis=0)

    def leave(self, place: int) -> None:
        if place >= 0:
            for row in self.rows[self.known[place]]:
                self.inputs[row] += self.now[place] - self.first[place]


def read_by_loop(
    texts: list[list[int]],
    keep: list[int],
    draws: list[int],
    told_by: list[Told] | None,
    inputs: Exact,
    outputs: Exact,
    rows: Rows,
    seed: int,
    *,
    step: Callable[..., float],
) -> None:
    """Learn from texts with three words to each side, a window at a time; the rate of 0.1 falls by 1e-5.

    Words are told from five drawn ones, or by their ways, eight nodes at a time.
    """
    randomness = Randomness(seed)
    draw = (randomness.next() >> 32) % len(draws)
    before = 0
    for text in texts:
        now = 0.1 - 1e-5 * before
        before += len(text)
        known = [word for word in text if word < len(keep) and randomness.next() >> 32 <= keep[word]]
        vectors = Composed(inputs, rows, known)
        for place in range(3):
            vectors.enter(place)
        for place, middle in enumerate(known):
            vectors.enter(place + 3)
            reach = 3 - ((randomness.next() >> 40) * 3 >> 24)
            near = [other for other in range(place - reach, place + reach + 1) if 0 <= other < len(known)]
            near.remove(place)
            if near and told_by is None:
                drawn = [draws[(draw + j) % len(draws)] for j in range(5)]
                step(vectors.now, outputs, near, [[(middle, 1.0), *((word, 0.0) for word in drawn)]], now)
                draw += 5
            elif near and told_by is not None:
                way = told_by[middle]
                groups = [way[start : start + TARGETS] for start in range(0, len(way), TARGETS)]
                step(vectors.now, outputs, near, groups, now)
            vectors.leave(place - 3)
        for place in range(len(known) - 3, len(known)):
            vectors.leave(place)


@pytest.mark.parametrize("is_bag", [False, True])
@pytest.mark.parametrize(
    ("way", "of_parts", "by_tree"),
    [
        # Each is compiled, for seconds. Plain loops differ in how a step is taken, which the first way shows.
        pytest.param(way, *kind, marks=pytest.mark.slow if way == "plain" and any(kind) else ())
        for way in WAYS
        for kind in ((False, False), (True, False), (False, True))
    ],
)
def test_reading_texts_is_what_a_loop_does(way: str, of_parts: bool, by_tree: bool, is_bag: bool) -> None:
    generator = np.random.default_rng(5)
    # Every word once a text, so that no context word comes twice in a window: then the order of updates would count.
    texts = [generator.permutation(12)[: generator.integers(0, 12)].tolist() for _ in range(40)]
    keep = generator.integers(2**30, 2**32, 10, dtype=np.uint32)  # words 10 and 11 are too rare to be known
    draws = generator.integers(0, 10, 64, dtype=np.int32)
    # Steep counts, so that the rarest of ten words are nine turns from the root: more than are taken at a time.
    ways = huffman_ways(2 ** np.arange(10, 0, -1)) if by_tree else None
    told_by = ways and [
        list(zip(ways.nodes[first:last].tolist(), ways.turns[first:last].tolist(), strict=True))
        for first, last in pairwise(ways.begins.tolist())
    ]
    rows = [generator.permutation(25)[: generator.integers(1, 5)].tolist() for _ in range(10)] if of_parts else []
    parts = (np.concatenate(rows).astype(np.int32), np.cumsum([0, *map(len, rows)])) if of_parts else None
    # What these are is part of what is compiled: the same as in other tests, so that it is compiled once.
    dimension, drawn = 16, TARGETS - 1 if by_tree else 5
    inputs, outputs = matrices(25 if of_parts else 10, dimension, seed=1)
    exact = inputs.astype(float), outputs.astype(float)
    width = inputs.shape[1]
    ids = np.array([word for text in texts for word in text], np.int32)
    ids.flags.writeable = False  # as a corpus
    stopped = np.zeros(1, np.bool_)
    texts_read, looked_at, loss = read(
        ids,
        np.cumsum([len(text) for text in texts]),
        0,
        keep,
        draws,
        None if ways is None else (ways.nodes, ways.turns, ways.begins),
        inputs,
        outputs,
        10,
        0,
        parts,
        aligned_zeros(scratch_size(width, 3)),
        3,
        drawn,
        is_bag,
        0.1,
        1e-5,
        np.uint64(7),
        stopped,
        wide(way, width, drawn),
    )
    assert texts_read == len(texts)
    assert stopped[0]
    read_by_loop(
        texts,
        keep.tolist(),
        draws.tolist(),
        told_by,
        *exact,
        rows or [[word] for word in range(10)],
        7,
        step=bag_by_formula if is_bag else step_by_formula,
    )
    assert looked_at > 0
    assert 0 < loss / looked_at < 10 * math.log(2)
    assert not np.allclose(inputs, matrices(len(inputs), dimension, seed=1)[0], atol=1e-2)
    # Single precision, over some two hundred windows.
    assert inputs == pytest.approx(exact[0], abs=2e-5)
    assert outputs == pytest.approx(exact[1], abs=2e-5)
