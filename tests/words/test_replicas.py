"""Threads with copies of frequent words' vectors come to what they would have come to one after the other."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitwell.words import replicas
from fitwell.words.kernels.agreeing import share_of_sum
from fitwell.words.replicas import Replicas
from fitwell.words.word_checkpoint import State


def matrix(rows: int, width: int = 16) -> npt.NDArray[np.float32]:
    return np.random.default_rng(3).random((rows, width), dtype=np.float32)


share_of_sum(2, 0.5)  # is compiled before hypothesis looks at the clock


@given(st.integers(2, 9), st.floats(1e-3, 0.5), st.integers(1, 400))
def test_moves_to_one_place_add_up_to_those_of_one_thread(threads: int, pull: float, touches: int) -> None:
    way = 1.0  # is left, in one dimension, to where the row is drawn; each touch goes a share of what is left
    alone, together = way, way
    for _ in range(touches):
        alone -= pull * alone
    for _ in range(threads * touches):
        together -= pull * together
    remaining = (1 - pull) ** touches
    moved = threads * (way - alone) * share_of_sum(threads, remaining)
    assert moved == pytest.approx(way - together, rel=1e-9)


def test_few_touches_add_up_and_many_are_averaged() -> None:
    assert share_of_sum(4, 1.0) == 1
    assert share_of_sum(4, math.exp(-50)) == pytest.approx(1 / 4)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_agree_on_copied_rows_and_share_the_others(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "OWN", 4)
    before = matrix(7)
    state = State({"inputs": before.copy(), "outputs": before.copy()})
    touches = np.array([400.0, 9.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    all_see = Replicas(state, {"inputs": touches}, pull=0.12, threads=threads)  # `outputs` are not words' rows
    moves = np.random.default_rng(4).normal(size=(threads, 7, 16))
    for thread in range(threads):
        seen, further = all_see.seen_by(thread, "inputs"), all_see.further(thread)
        seen[:4] += moves[thread, :4].astype(np.float32)
        seen[4 + further : 7 + further] += moves[thread, 4:].astype(np.float32)
        all_see.seen_by(thread, "outputs")[:7] += moves[thread].astype(np.float32)
    assert state.arrays["inputs"][:4] == pytest.approx(before[:4])
    with ThreadPoolExecutor(threads) as pool:
        all_see.agree(pool, 2.0, rate=0.5)
    remaining = np.exp(-0.12 * 0.5 * 2 * touches)
    remaining[remaining == 1] = 1 - 1e-7  # the limit
    share = (1 - remaining**threads) / (threads * (1 - remaining))
    share[4:] = 1
    assert state.arrays["inputs"] == pytest.approx(before + share[:, None] * moves.sum(0), abs=1e-5)
    assert state.arrays["outputs"] == pytest.approx(before + moves.sum(0), abs=1e-5)
    for thread in range(threads):
        assert np.array_equal(all_see.seen_by(thread, "inputs")[:4], state.arrays["inputs"][:4])
