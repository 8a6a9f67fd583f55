"""Rows that stream come once in an epoch, in an order that only seed and epoch decide, from any batch on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import Rows, Seeds, State
from fitwell.training.program import Batch
from fitwell.training.streaming import EncodedRows, StreamedRows

Start = Callable[..., Any]
SEEDS = [Seeds(noise=0, order=member) for member in range(3)]


def numbered(stretches: tuple[int, ...], *, buffer: int, seed: int = 0, weighted: bool = True) -> StreamedRows:
    """Rows that are their own numbers."""
    ends = np.cumsum((0, *stretches))

    def read(stretch: int) -> EncodedRows:
        rows = np.arange(ends[stretch], ends[stretch + 1], dtype=np.float32)
        features = {"numbers": np.stack([rows, 2 * rows], 1), "codes": rows[:, None].astype(np.int64)}
        return EncodedRows(features=features, targets=rows[:, None], weights=rows + 1 if weighted else None)

    return StreamedRows(stretches=stretches, read=read, buffer=buffer, seed=seed, device="cpu")


def numbers(batches: list[Batch]) -> np.ndarray:
    """Return the rows' numbers (members, rows), from the targets, to which everything else must fit."""
    targets = torch.cat([batch.targets for batch in batches], 1)[..., 0]
    assert torch.equal(torch.cat([batch.features["numbers"] for batch in batches], 1)[..., 1], 2 * targets)
    assert torch.equal(torch.cat([batch.features["codes"] for batch in batches], 1)[..., 0], targets.long())
    assert all(batch.weights is not None and torch.equal(batch.weights, batch.targets[..., 0] + 1) for batch in batches)
    return targets.numpy().astype(int)


@given(
    stretches=st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(any).map(tuple),
    buffer=st.integers(1, 40),
    batch_rows=st.integers(1, 30),
    members=st.integers(1, 3),
    epoch=st.integers(0, 3),
    data=st.data(),
)
@given_settings(max_examples=60, deadline=None)
def test_every_row_comes_once_and_any_batch_can_be_the_first(
    stretches: tuple[int, ...], buffer: int, batch_rows: int, members: int, epoch: int, data: st.DataObject
) -> None:
    rows = numbered(stretches, buffer=buffer)
    batch_rows = min(batch_rows, len(rows))
    batches = list(rows.batches(SEEDS[:members], epoch=epoch, batch_rows=batch_rows))
    assert [batch.targets.shape for batch in batches] == [(members, batch_rows, 1)] * (len(rows) // batch_rows)
    for seen in numbers(batches):
        assert len(set(seen.tolist())) == len(seen)
        assert set(seen.tolist()) <= set(range(len(rows)))
    every = list(rows.batches(SEEDS[:members], epoch=epoch, batch_rows=1))
    whole = numbers(every)
    assert all(sorted(seen.tolist()) == list(range(len(rows))) for seen in whole)
    assert np.array_equal(numbers(batches), whole[:, : batch_rows * len(batches)])
    start = data.draw(st.integers(0, len(batches) - 1))
    later = list(rows.batches(SEEDS[:members], epoch=epoch, batch_rows=batch_rows, start=start))
    assert np.array_equal(numbers(later), numbers(batches[start:]))
    member = data.draw(st.integers(0, members - 1))
    assert np.array_equal(numbers(list(rows.batches([SEEDS[member]], epoch=epoch, batch_rows=1)))[0], whole[member])


def test_orders_differ_by_epoch_seed_and_member() -> None:
    rows = numbered((20,) * 5, buffer=40)
    seen = {
        tuple(numbers(list(each.batches([member], epoch=epoch, batch_rows=10)))[0].tolist())
        for each in (rows, replace(rows, seed=1))
        for member in SEEDS
        for epoch in range(3)
    }
    assert len(seen) == 18


def test_windows_hold_whole_stretches_up_to_the_buffer_and_are_shared_by_members() -> None:
    rows = numbered((30, 5, 5, 5, 0, 5), buffer=10)
    for epoch in range(5):
        windows = rows.windows(epoch)
        assert sorted(stretch for window in windows for stretch in window) == [0, 1, 2, 3, 5]
        assert all(window == [0] or sum(rows.stretches[stretch] for stretch in window) <= 10 for window in windows)
        place = 0
        whole = numbers(list(rows.batches(SEEDS, epoch=epoch, batch_rows=1)))
        for window in windows:
            height = sum(rows.stretches[stretch] for stretch in window)
            members = [set(seen[place : place + height].tolist()) for seen in whole]
            assert members[0] == members[1] == members[2]
            place += height


def test_a_window_is_in_no_order_that_its_stretches_had() -> None:
    (seen,) = numbers(list(numbered((500, 500), buffer=1000).batches(SEEDS[:1], epoch=0, batch_rows=100)))
    # Ranks of a random order have a correlation with their places that spreads by 1/√n, here 0.03.
    assert abs(np.corrcoef(seen, np.arange(1000))[0, 1]) < 0.15
    assert abs(np.mean(seen[:500] < 500) - 0.5) < 0.1


def test_only_the_windows_that_are_needed_are_read() -> None:
    asked: list[int] = []
    plain = numbered((10,) * 6, buffer=10)

    def read(stretch: int) -> EncodedRows:
        asked.append(stretch)
        return plain.read(stretch)

    rows = replace(plain, read=read)
    list(rows.batches(SEEDS[:1], epoch=0, batch_rows=5, start=9))
    assert asked == [stretch for window in rows.windows(0)[4:] for stretch in window]


def test_what_goes_wrong_while_reading_ahead_is_raised_in_its_place() -> None:
    plain = numbered((10,) * 4, buffer=10)
    broken = plain.windows(0)[2][0]

    def read(stretch: int) -> EncodedRows:
        if stretch == broken:
            raise OSError("the disk is gone")
        return plain.read(stretch)

    batches = replace(plain, read=read).batches(SEEDS[:1], epoch=0, batch_rows=10)
    assert [next(batches).targets.shape for _ in range(2)] == [(1, 10, 1)] * 2
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def streamed(training: Any, stretches: tuple[int, ...], buffer: int) -> StreamedRows:
    """Return the rows of a training in memory as if they were read stretch by stretch."""
    rows, ends = training.training, np.cumsum((0, *stretches))
    assert ends[-1] == len(rows)

    def read(stretch: int) -> EncodedRows:
        part = slice(ends[stretch], ends[stretch + 1])
        return EncodedRows(
            features={name: block[part].numpy() for name, block in rows.features.items()},
            targets=rows.targets[part].numpy(),
            weights=None if rows.weights is None else rows.weights[part].numpy(),
        )

    return StreamedRows(stretches=stretches, read=read, buffer=buffer, seed=3, device="cpu")


def last(training: Any, state: State | None = None, *, steps: int | None = None) -> State:
    state = training.state if state is None else state
    for moment in training.moments(state):
        state = moment.state
        if state.step == steps:
            break
    return state


@pytest.mark.parametrize("members", [1, 3])
def test_training_goes_on_from_any_step_to_the_same_bits(start: Start, members: int) -> None:
    def begun() -> Any:
        training = start(members=members, epochs=3)
        training.training = streamed(training, (25, 0, 13, 32), 40)
        return training

    whole = last(begun())
    for steps in (1, 3, 4, 6):
        content = state_to_bytes(last(begun(), steps=steps), b"")
        resumed, _ = state_from_bytes(content, device="cpu")
        again = last(begun(), resumed)
        assert torch.equal(again.population.weights, whole.population.weights)
        assert again.marks == whole.marks


class Gathered:
    """Rows in memory, in the order of a stream of their numbers."""

    def __init__(self, rows: Rows, order: StreamedRows) -> None:
        self.rows, self.order = rows, order

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, seeds: Sequence[Seeds], *, epoch: int, batch_rows: int, start: int = 0) -> Iterator[Batch]:
        for batch in self.order.batches(seeds, epoch=epoch, batch_rows=batch_rows, start=start):
            chosen = batch.features["codes"][..., 0]
            features = {name: block[chosen] for name, block in self.rows.features.items()}
            yield Batch(features=features, targets=self.rows.targets[chosen], weights=None)


@pytest.mark.parametrize(("members", "execution"), [(1, "eager"), (2, "mapped")])
def test_rows_that_stream_train_as_the_same_rows_in_memory(start: Start, members: int, execution: str) -> None:
    streaming, gathered = (start(members=members, execution=execution, epochs=3) for _ in range(2))
    gathered.training = Gathered(gathered.training, numbered((25, 0, 13, 32), buffer=40, seed=3))
    streaming.training = streamed(streaming, (25, 0, 13, 32), 40)
    assert torch.equal(last(streaming).population.weights, last(gathered).population.weights)
