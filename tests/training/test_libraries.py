"""A step is compiled once for all trainings that take it, by another process, and its failures are told in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fitwell.errors import SurroundingsError
from fitwell.networks.noise import noise_words
from fitwell.recipe import TrainingSettings
from fitwell.training import libraries
from fitwell.training.compiled import compile_ahead
from fitwell.training.libraries import loaded_libraries
from fitwell.training.loop import epoch_batches

Start = Callable[..., Any]


class Doubled:
    """A step that can be written down."""

    inputs: tuple[Tensor, ...] = ()

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(2 * tensor for tensor in tensors)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of compiled steps of the test's own."""
    folder = tmp_path / "steps"
    folder.mkdir()
    monkeypatch.setattr(libraries, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def compiled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is compiled, by a compiler that writes the name into the library."""
    names: list[str] = []

    def compile_all(requests: dict[str, bytes], room: Path) -> None:
        for name in requests:
            names.append(name)
            (room / name).mkdir()
            (room / name / "step.so").write_text(name)

    def load(folder: Path) -> Callable[[list[Tensor]], str]:
        text = (folder / "step.so").read_text()
        return lambda _tensors: text

    monkeypatch.setattr(libraries, "_compile", compile_all)
    monkeypatch.setattr(libraries, "_load", load)
    return names


def prepare(training: Any, *, observing: bool = False) -> None:
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=training.program.network.noise_layers)
    rows = min(training.program.settings.batch_size, len(training.training))
    batch = next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=rows))
    compile_ahead(training.program, training.population, batch, noise=words, observing=observing)


USUAL: dict[str, Any] = {"execution": "compiled", "optimizer": "adamw", "network": {"hidden": [8], "dropout": 0.1}}
SAME: dict[str, dict[str, Any]] = {
    "another seed": {"seed": 11},
    "more members": {"members": 3},
    "another length": {"epochs": 9, "learning_rate": 0.5, "schedule": "cosine"},
    "more rows": {"rows": 90},
    "another patience": {"early_stopping": {"patience": 3}},
}
OTHER: dict[str, dict[str, Any]] = {
    "another width": {"network": {"hidden": [9], "dropout": 0.1}},
    "another dropout": {"network": {"hidden": [8], "dropout": 0.2}},
    "another batch": {"batch_size": 15},
    "another decay": {"weight_decay": 0.03},
    "another optimizer": {"optimizer": "sgd"},
    "weights of rows": {"weights": torch.ones(70)},
    "another loss": {"loss": "absolute_error"},
    "a batch in parts": {"accumulation": 2},
}


@pytest.mark.parametrize("change", SAME)
def test_what_does_not_change_the_step_does_not_compile_it_anew(change: str, start: Start, compiled: list[str]) -> None:
    prepare(start(**USUAL))
    assert len(compiled) == 1
    prepare(start(**(USUAL | SAME[change])))
    assert len(compiled) == 1


@pytest.mark.parametrize("change", OTHER)
def test_what_changes_the_step_compiles_it_anew(change: str, start: Start, compiled: list[str]) -> None:
    prepare(start(**USUAL))
    prepare(start(**(USUAL | OTHER[change])))
    assert len(set(compiled)) == 2


def test_steps_with_signals_are_others_and_so_are_those_of_other_threads_processors_and_sources(
    start: Start, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(start(**USUAL), observing=True)
    assert len(set(compiled)) == 2
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    prepare(start(**USUAL))
    monkeypatch.setattr(libraries, "_processor", lambda: "another")
    prepare(start(**USUAL))
    monkeypatch.setattr(libraries, "_sources", lambda: "changed")
    prepare(start(**USUAL))
    assert len(set(compiled)) == len(compiled) == 5


def test_the_settings_of_the_loop_are_settings() -> None:
    assert set(TrainingSettings.model_fields) > libraries.OF_THE_LOOP


def test_weights_are_described_and_constants_are_written(start: Start, compiled: list[str]) -> None:
    small = len(libraries._as_bytes(request_of(start(**USUAL))))
    wide = len(libraries._as_bytes(request_of(start(**(USUAL | {"network": {"hidden": [2000], "dropout": 0.1}})))))
    assert wide < small + 200


def request_of(training: Any) -> Any:
    found = []

    def remembering(steps: Sequence[Any], example: Sequence[Tensor]) -> list[Any]:
        found.append(libraries.Request(step=steps[0], example=tuple(example), threads=1))
        return [None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fitwell.training.compiled.loaded_libraries", remembering)
        prepare(training)
    return found[0]


def test_equal_steps_are_equal_bytes_in_every_process() -> None:
    # Whatever has no order of its own, such as a set of names, would differ with the seed of Python's hashes.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import hashlib, conftest, test_libraries as tests; "
        "from fitwell.training import libraries; "
        "request = tests.request_of(conftest.small_training(**tests.USUAL)); "
        "print(hashlib.sha256(libraries._as_bytes(request)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_a_folder_that_cannot_be_made_costs_the_keeping_only(
    tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "cache_folder", lambda: None)
    for _ in range(2):
        loaded_libraries([Doubled()], [torch.ones(2)])
    assert len(compiled) == 2


@pytest.mark.parametrize(
    ("system", "variable", "place"),
    [
        ("linux", "XDG_CACHE_HOME", "fitwell/steps"),
        ("linux", "HOME", ".cache/fitwell/steps"),
        ("darwin", "HOME", "Library/Caches/fitwell/steps"),
        ("win32", "LOCALAPPDATA", "fitwell/steps"),
    ],
)
def test_steps_are_kept_where_a_system_keeps_caches_and_only_there_for_the_user(
    system: str, variable: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr("sys.platform", system)
    assert libraries.cache_folder() == tmp_path / place
    assert (tmp_path / place).stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    assert libraries.cache_folder() is None


def test_libraries_that_were_not_used_for_longest_make_room(
    cache: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "KEPT", 2)
    for place in range(4):
        loaded_libraries([Doubled()], [torch.ones(2 + place)])
        os.utime(cache / compiled[-1], (1000 + place, 1000 + place))
    assert sorted(folder.name for folder in cache.iterdir()) == sorted(compiled[-2:])


def test_steps_on_another_device_or_that_cannot_be_written_down_are_not_compiled(compiled: list[str]) -> None:
    with pytest.raises(SurroundingsError, match=r"possible for the CPU only, and this is meta\); try training.compile"):
        loaded_libraries([Doubled()], [torch.ones(2, device="meta")])
    local = partial(lambda step, *tensors: step(*tensors), Doubled())
    local.inputs = ()  # type: ignore[attr-defined]
    with pytest.raises(SurroundingsError, match=r"the step cannot be compiled \(.*lambda"):
        loaded_libraries([local], [torch.ones(2)])  # type: ignore[list-item]
    assert compiled == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [(b"\nsome warning\nno compiler here\n\n", "no compiler here"), (b"", "the compiling process ended with -9")],
)
def test_a_compiler_that_fails_is_told_of_in_one_line(
    said: bytes, reason: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess([], -9, stdout=b"", stderr=said)

    monkeypatch.setattr("subprocess.run", failing)
    with pytest.raises(SurroundingsError) as told:
        loaded_libraries([Doubled()], [torch.ones(2)])
    assert str(told.value) == f"the step cannot be compiled ({reason}); try training.compile: never"
    assert list(cache.iterdir()) == []


def test_where_no_process_can_be_started_nothing_is_compiled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(SurroundingsError, match=r"the step cannot be compiled \(.*/nowhere/python"):
        loaded_libraries([Doubled()], [torch.ones(2)])


@pytest.mark.slow
def test_without_a_compiler_the_compiling_process_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SurroundingsError, match=r"^the step cannot be compiled \(.*[Cc]ompiler.*\); try training"):
        loaded_libraries([Doubled()], [torch.ones(2)])
