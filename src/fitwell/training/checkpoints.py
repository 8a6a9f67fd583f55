"""A state as one file: written whole or not at all, and read back to the bit.

The tensors go into a safetensors file; what is not a tensor goes into its header as JSON, and the history so far rides
along as bytes, so that one rename replaces everything at once. A digest of the whole file, written into it over as many
zeros, tells damage from truth.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fitwell.errors import RunError
from fitwell.training.loop import Mark, State
from fitwell.training.program import Population

CHECKPOINT_VERSION = 1
NO_DIGEST = "0" * 64


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
    header = json.dumps(
        {
            **counts,
            "active": state.active,
            "history_bytes": len(history),
            "marks": [asdict(mark) for mark in state.marks],
        }
    )
    tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    content = save(tensors, {"state": NO_DIGEST + header})  # two entries would come in any order
    return content.replace(NO_DIGEST.encode(), _digest(content).encode(), 1)


def state_from_bytes(content: bytes, *, device: str) -> tuple[State, bytes]:
    """Return the state and history that `state_to_bytes` wrote.

    Raises:
        RunError: the bytes are damaged or of a newer format.
    """
    try:
        tensors = load(content)
        digest, text = _digest_and_header(content)
        header = json.loads(text)
        version = int(header["version"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(str(error)) from None
    if version > CHECKPOINT_VERSION:
        raise RunError(
            f"the checkpoint has format version {version}, but this Fitwell reads up to {CHECKPOINT_VERSION}; "
            "upgrade fitwell"
        )
    if digest != _digest(content.replace(digest.encode(), NO_DIGEST.encode(), 1)):
        raise _damaged("its content does not have the digest that was written with it")
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    population = Population(
        weights=tensors["weights"], buffers=_under(tensors, "buffers."), slots=_under(tensors, "slots.")
    )
    best = Population(weights=tensors["best_weights"], buffers=_under(tensors, "best_buffers."), slots={})
    state = State(
        population=population,
        best=best,
        marks=tuple(_mark(values) for values in header["marks"]),
        active=tuple(header["active"]),
        step=header["step"],
        epoch_step=header["epoch_step"],
        epoch=header["epoch"],
        loss_sum=tensors["loss_sum"],
    )
    return state, bytes(tensors["history"].cpu().numpy())[: header["history_bytes"]]


def _digest_and_header(content: bytes) -> tuple[str, str]:
    # A safetensors file opens with the length of its JSON header in 8 bytes, little-endian.
    length = int.from_bytes(content[:8], "little")
    state: str = json.loads(content[8 : 8 + length])["__metadata__"]["state"]
    return state[: len(NO_DIGEST)], state[len(NO_DIGEST) :]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(what: str) -> RunError:
    return RunError(f"the checkpoint is damaged ({what}); delete the run and train again")


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _mark(values: dict[str, Any]) -> Mark:
    return Mark(**{**values, "losses": tuple(values["losses"]), "glimpses": tuple(values.get("glimpses", ()))})
