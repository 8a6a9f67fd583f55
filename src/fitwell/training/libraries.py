"""Steps become libraries: compiled by a process of its own, kept in the user's cache folder, loaded by a training.

The process takes the steps from its standard input, with every tensor described and none copied, and leaves a folder
for each (`training/compiling.py`). A folder is named by a digest of all that its code depends on: the step itself, the
sources it runs through, torch, the processor. So a folder that is there holds the right code, and nothing has to be
traced to find it.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

import fitwell
from fitwell.errors import SurroundingsError
from fitwell.recipe import TrainingSettings

PACKAGE = Path(fitwell.__file__).parent
ROOMS = ("networks", "recipe", "tasks", "training")  # whose sources a step runs through
KEPT = 100  # folders of about half a megabyte, the most recently used ones
# Settings that the loop goes by and a step does not: it is compiled with their defaults, whatever they are.
OF_THE_LOOP = frozenset({
    "learning_rate", "schedule", "warmup_epochs", "step_epochs", "step_factor", "decay_rate", "minimum_factor",
    "cycle_epochs", "cycle_growth", "cycles", "plateau_patience", "plateau_factor", "epochs", "maximum_steps",
    "batch_size", "early_stopping", "compile", "execution", "members_at_once", "threads", "signals_every",
    "checkpoint_seconds",
})  # fmt: skip

Library = Callable[[list[Tensor]], list[Tensor]]


@runtime_checkable
class Step(Protocol):
    """What is compiled: a function of tensors, which may hold some of these, and any others as constants."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What it holds of the tensors that come as its arguments."""
        ...

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Compute."""
        ...


@dataclass(frozen=True, kw_only=True)
class Request:
    """A step, an example of its arguments, and the threads it computes with."""

    step: Step
    example: tuple[Tensor, ...]
    threads: int


def loaded_libraries(steps: Sequence[Step], example: Sequence[Tensor]) -> list[Library]:
    """Return the steps as machine code that takes tensors like the example, compiled now or at some earlier time.

    Raises:
        SurroundingsError: there is no C++ compiler, or it fails, or the tensors are not on the CPU.
    """
    device = example[0].device
    if device.type != "cpu":
        raise _not_compiled(f"that is possible for the CPU only, and this is {device}")
    threads = torch.get_num_threads()
    try:
        requests = [_as_bytes(Request(step=step, example=tuple(example), threads=threads)) for step in steps]
    except (pickle.PicklingError, AttributeError, TypeError) as error:  # a function within a function, say
        raise _not_compiled(str(error)) from error
    names = [_digest(request) for request in requests]
    kept = cache_folder()
    with tempfile.TemporaryDirectory(prefix="fitwell-", ignore_cleanup_errors=True) as room:
        missing = {
            name: request
            for name, request in zip(names, requests, strict=True)
            if kept is None or not (kept / name).is_dir()
        }
        if missing:
            _compile(missing, Path(room))
            for name in missing:
                _keep(Path(room) / name, kept)
        folders = [kept / name if kept is not None and (kept / name).is_dir() else Path(room) / name for name in names]
        try:
            return [_load(folder) for folder in folders]
        except (OSError, RuntimeError) as error:
            raise _not_compiled(str(error)) from error


def cache_folder() -> Path | None:
    """Return the folder of the user's compiled steps, which is made if need be; None where it cannot be written."""
    home = {
        "win32": os.environ.get("LOCALAPPDATA", ""),
        "darwin": os.path.expanduser("~/Library/Caches"),
    }.get(sys.platform, os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    folder = Path(home) / "fitwell" / "steps"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _compile(requests: dict[str, bytes], room: Path) -> None:
    found = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "fitwell.training.compiling", str(room)],
            input=pickle.dumps(requests),
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONPATH": found},
        )
    except OSError as error:  # Python runs within another program, or no process may be started
        raise _not_compiled(str(error)) from error
    if ended.returncode:
        lines = [line for line in ended.stderr.decode(errors="replace").splitlines() if line.strip()]
        raise _not_compiled(lines[-1] if lines else f"the compiling process ended with {ended.returncode}")


def _keep(made: Path, kept: Path | None) -> None:
    """Move a folder to the others, where that is possible, and let go of those that have not been used for longest."""
    if kept is None:
        return
    try:
        # Beside its place first, because another disk takes time: whoever looks finds a whole folder or none.
        with tempfile.TemporaryDirectory(dir=kept, prefix=".", ignore_cleanup_errors=True) as beside:
            shutil.copytree(made, Path(beside) / made.name)
            (Path(beside) / made.name).rename(kept / made.name)
        by_use = sorted(kept.iterdir(), key=lambda folder: folder.stat().st_mtime)
    except OSError:  # a full disk, or another process was faster
        return
    for folder in by_use[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _load(folder: Path) -> Library:
    library = folder / "step.so"
    os.utime(folder)
    run: Library = torch._C._aoti.AOTIModelContainerRunnerCpu(str(library), 1).run
    return run


def _digest(request: bytes) -> str:
    surroundings = (_sources(), torch.__version__, torch.__config__.show(), platform.machine(), _processor())
    return hashlib.sha256(request + repr(surroundings).encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _processor() -> str:
    """Return what tells processors apart: code is made for the one that is there."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() + platform.node()
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))


def _not_compiled(why: str) -> SurroundingsError:
    return SurroundingsError(f"the step cannot be compiled ({why}); try training.compile: never")


def _as_bytes(request: Request) -> bytes:
    buffer = io.BytesIO()
    _Describing(buffer, request).dump(request)
    return buffer.getvalue()


class _Describing(pickle.Pickler):
    """Writes a request without what its code does not depend on: entries of inputs, and settings of the loop."""

    def __init__(self, file: io.BytesIO, request: Request) -> None:
        super().__init__(file, protocol=5)
        self._described = {id(tensor) for tensor in (*request.step.inputs, *request.example)}

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, TrainingSettings):
            return _settings_of, (sorted(value.model_dump(mode="json", exclude=set(OF_THE_LOOP)).items()),)
        if isinstance(value, Tensor) and id(value) in self._described:
            described = (value.shape, value.stride(), value.dtype, isinstance(value, nn.Parameter))
            return _described_tensor, described
        return NotImplemented


def _settings_of(values: Sequence[tuple[str, Any]]) -> TrainingSettings:
    return TrainingSettings.model_validate(dict(values))


def _described_tensor(shape: Sequence[int], stride: Sequence[int], dtype: torch.dtype, is_parameter: bool) -> Tensor:
    tensor = torch.empty_strided(shape, stride, dtype=dtype, device="meta")
    return nn.Parameter(tensor, requires_grad=dtype.is_floating_point) if is_parameter else tensor
