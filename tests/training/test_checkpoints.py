"""A checkpoint holds a state to the bit, or is refused in words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import load, save

from fitwell.errors import RunError
from fitwell.training import checkpoints
from fitwell.training.checkpoints import state_from_bytes, state_to_bytes
from fitwell.training.loop import Mark, State, first_state
from fitwell.training.program import Population

Start = Callable[..., Any]


def odd_state() -> State:
    """A state with every kind of value: infinities, not-a-number, a denormal, a minus zero, an empty buffer."""
    odd = torch.tensor([[math.nan, -math.inf, 1e-42, -0.0], [1.0, math.pi, math.inf, 3e38]])
    population = Population(
        weights=odd, buffers={"edges": odd[:, :2].clone(), "none": torch.zeros(2, 0)}, slots={"mean": odd.clone() / 3}
    )
    marks = (
        Mark(
            best_loss=0.1, best_epoch=3, losses=(math.nan, 0.1), glimpses=(0.75,), to_beat=0.2, waited=2, stopped="why"
        ),
        Mark(),
    )
    return replace(
        first_state(population), marks=marks, step=12, epoch_step=3, epoch=4, loss_sum=torch.tensor([1 / 3, math.nan])
    )


def tensors_of(state: State) -> dict[str, torch.Tensor]:
    found = {"loss_sum": state.loss_sum}
    for where, population in (("now", state.population), ("best", state.best)):
        found[where] = population.weights
        found |= {f"{where} {name}": buffer for name, buffer in population.buffers.items()}
        found |= {f"{where} slot {name}": slot for name, slot in population.slots.items()}
    return found


CONTENT = state_to_bytes(odd_state(), b"history")


@pytest.mark.parametrize("history", [b"", b"\0", b"some history"])
def test_a_state_comes_back_to_the_bit(history: bytes) -> None:
    state = odd_state()
    found, same_history = state_from_bytes(state_to_bytes(state, history), device="cpu")
    assert same_history == history
    expected = tensors_of(state)
    assert tensors_of(found).keys() == expected.keys()
    for name, tensor in tensors_of(found).items():
        assert tensor.dtype == expected[name].dtype
        assert tensor.shape == expected[name].shape
        assert tensor.numpy().tobytes() == expected[name].numpy().tobytes(), name
    assert (found.step, found.epoch_step, found.epoch) == (12, 3, 4)
    assert repr(found.marks) == repr(state.marks)  # not-a-number is not equal to itself


def test_the_same_state_gives_the_same_bytes() -> None:
    assert all(state_to_bytes(odd_state(), b"history") == CONTENT for _ in range(10))


def test_what_comes_back_shares_no_memory_with_the_bytes() -> None:
    state, _ = state_from_bytes(CONTENT, device="cpu")
    state.population.weights.fill_(7)
    assert bool(state_from_bytes(CONTENT, device="cpu")[0].population.weights[0].isnan().any())


@given(length=st.integers(0, len(CONTENT) - 1))
def test_a_truncated_checkpoint_is_refused_in_words(length: int) -> None:
    with pytest.raises(RunError, match=r"^the checkpoint is damaged \(.*\); delete the run and train again$"):
        state_from_bytes(CONTENT[:length], device="cpu")


@given(place=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
@example(
    place=CONTENT.index(b"  ", 8), flip=ord(" ") ^ ord("\r")
)  # JSON allows other blanks where the header is padded
def test_one_changed_byte_anywhere_is_noticed(place: int, flip: int) -> None:
    garbled = bytearray(CONTENT)
    garbled[place] ^= flip
    with pytest.raises(RunError, match=r"the checkpoint (is damaged|has format version)"):
        state_from_bytes(bytes(garbled), device="cpu")


@given(content=st.binary(max_size=200))
def test_any_other_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(RunError, match="the checkpoint is damaged"):
        state_from_bytes(content, device="cpu")


@pytest.mark.parametrize("metadata", [None, {"state": ""}, {"state": "0" * 64 + "[]"}, {"state": "0" * 64 + "{}"}])
def test_another_safetensors_file_is_refused_in_words(metadata: dict[str, str] | None) -> None:
    with pytest.raises(RunError, match="the checkpoint is damaged"):
        state_from_bytes(save({"weights": torch.zeros(2)}, metadata), device="cpu")


def test_a_newer_format_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_VERSION", 9)
    newer = state_to_bytes(odd_state(), b"")
    monkeypatch.undo()
    with pytest.raises(RunError, match=r"has format version 9, but this Fitwell reads up to 1; upgrade fitwell"):
        state_from_bytes(newer, device="cpu")


def test_a_checkpoint_is_a_plain_safetensors_file() -> None:
    tensors = load(CONTENT)
    assert bytes(tensors["history"].numpy()) == b"history"
    length = int.from_bytes(CONTENT[:8], "little")
    assert json.loads(CONTENT[8 : 8 + length])["__metadata__"]["state"][64:].startswith('{"version": 1')
