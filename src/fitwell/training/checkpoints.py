"""A state as one file: written whole or not at all, and read back to the bit.

The tensors go into a safetensors file; what is not a tensor goes into its header as JSON, and the history so far rides
along as bytes, so that one rename replaces everything at once.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fitwell.errors import RunError
from fitwell.training.loop import Mark, State
from fitwell.training.step import Population

CHECKPOINT_VERSION = 1


def state_to_bytes(state: State, history: bytes) -> bytes:
    """Return a state and the history so far as the bytes of one safetensors file."""
    tensors = {
        "weights": state.population.weights,
        "best_weights": state.best.weights,
        "loss_sum": state.loss_sum,
        "history": torch.frombuffer(bytearray(history or b"\0"), dtype=torch.uint8),
    }
    tensors |= {f"slots.{name}": slot for name, slot in state.population.slots.items()}
    tensors |= {f"buffers.{name}": buffer for name, buffer in state.population.buffers.items()}
    tensors |= {f"best_buffers.{name}": buffer for name, buffer in state.best.buffers.items()}
    counts = {"version": CHECKPOINT_VERSION, "step": state.step, "epoch_step": state.epoch_step, "epoch": state.epoch}
    header = {**counts, "history_bytes": len(history), "marks": [asdict(mark) for mark in state.marks]}
    return save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, {"state": json.dumps(header)})


def state_from_bytes(content: bytes, *, device: str) -> tuple[State, bytes]:
    """Return the state and history that `state_to_bytes` wrote.

    Raises:
        RunError: the bytes are damaged or of a newer format.
    """
    try:
        tensors = {name: tensor.to(device) for name, tensor in load(content).items()}
        header = json.loads(_header(content))
    except (SafetensorError, ValueError, KeyError) as error:
        raise RunError(f"the checkpoint is damaged ({error}); delete the run and train again") from None
    if header["version"] > CHECKPOINT_VERSION:
        raise RunError(
            f"the checkpoint has format version {header['version']}, but this Fitwell reads up to "
            f"{CHECKPOINT_VERSION}; upgrade fitwell"
        )
    population = Population(
        weights=tensors["weights"], buffers=_under(tensors, "buffers."), slots=_under(tensors, "slots.")
    )
    best = Population(weights=tensors["best_weights"], buffers=_under(tensors, "best_buffers."), slots={})
    state = State(
        population=population,
        best=best,
        marks=tuple(_mark(values) for values in header["marks"]),
        step=header["step"],
        epoch_step=header["epoch_step"],
        epoch=header["epoch"],
        loss_sum=tensors["loss_sum"],
    )
    return state, bytes(tensors["history"].cpu().numpy())[: header["history_bytes"]]


def _header(content: bytes) -> str:
    # A safetensors file opens with the length of its JSON header in 8 bytes, little-endian.
    length = int.from_bytes(content[:8], "little")
    state: str = json.loads(content[8 : 8 + length])["__metadata__"]["state"]
    return state


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _mark(values: dict[str, Any]) -> Mark:
    return Mark(**{**values, "losses": tuple(values["losses"])})
