"""Trainings in real processes: what torchrun starts, what one process tells, and what is left when one is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

import fitwell as fw
from fitwell.errors import SurroundingsError
from fitwell.processes import launched

PYTHON = sys.executable
TWO = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
SETTINGS = (
    "--set", "network.hidden=[16]", "--set", "network.normalization=batch", "--set", "training.batch_size=37",
    "--set", "training.input_noise=0.1", "--set", "training.epochs=4",
    # Adam and its kin turn the rounding of a gradient that should be zero into a full step.
    "--set", "training.optimizer=sgd", "--set", "training.learning_rate=0.05",
)  # fmt: skip


def table(path: Path, *, rows: int = 300, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=rows), random.choice(["p", "q"], rows)
    frame = pl.DataFrame({"a": a, "b": b, "w": random.uniform(0.5, 2, rows), "y": a + (b == "p") * random.random(rows)})
    frame.write_csv(path)
    return path


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


def started(*arguments: str, folder: Path, size: int = 2) -> list[subprocess.Popen[str]]:
    """Start as many processes as torchrun would, without it, so that they can be watched and killed one by one."""
    port = str(free_port())
    return [
        subprocess.Popen(
            [PYTHON, "-m", "fitwell", *arguments],
            cwd=folder,
            env=os.environ | TWO | {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_PORT": port},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """What became of each: its exit code, and what it wrote."""
    try:
        written = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *both) for process, both in zip(processes, written, strict=True)]


def weights(run: Path) -> dict[str, Any]:
    return dict(load_file(run / "model.safetensors"))


def assert_alike(found: Path, expected: Path) -> None:
    ours, theirs = weights(found), weights(expected)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert np.allclose(ours[name], tensor, rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"WORLD_SIZE": "2"}, "2 processes should train together, but RANK is not set; start them with: torchrun"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "but MASTER_ADDR is not set"),
        (TWO | {"MASTER_PORT": ""}, "but MASTER_PORT is not set"),
        (TWO | {"MASTER_PORT": "x"}, 'MASTER_PORT must be a whole number from 0 to 65535, but is "x"'),
        (TWO | {"RANK": "2"}, 'RANK must be a whole number from 0 to 1, but is "2"'),
        ({"WORLD_SIZE": "0"}, 'WORLD_SIZE must be a whole number at least 1, but is "0"'),
        ({"WORLD_SIZE": "two"}, 'WORLD_SIZE must be .* but is "two"; .* take WORLD_SIZE out of the environment'),
    ],
)
def test_an_environment_that_leaves_processes_apart_is_refused(environment: dict[str, str], told: str) -> None:
    with pytest.raises(SurroundingsError, match=told):
        launched(environment)


@pytest.mark.slow
def test_two_processes_of_torchrun_come_to_the_weights_of_one(tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    common = ("train", str(data), "--target", "y", "--weight", "w", "--members", "2", *SETTINGS)
    torchrun = [PYTHON, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    done = subprocess.run(
        [*torchrun, "-m", "fitwell", *common, "--out", "two"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("predicting y") == done.stdout.count("run: two") == 1
    assert "2 processes share each batch of 37 rows; a step, not compiled, adds up" in done.stdout
    subprocess.run([PYTHON, "-m", "fitwell", *common, "--out", "one"], cwd=tmp_path, check=True, capture_output=True)
    assert_alike(tmp_path / "two", tmp_path / "one")
    two, one = fw.load(tmp_path / "two"), fw.load(tmp_path / "one")
    assert two.state == "finished"
    assert two.evaluation["metrics"]["rmse"]["value"] == pytest.approx(one.evaluation["metrics"]["rmse"]["value"], 1e-3)
    assert {path.name for path in two.path.iterdir()} == {path.name for path in one.path.iterdir()}
    looks = [run.history.filter(pl.col("split") == "validation") for run in (two, one)]
    assert looks[0]["loss"].to_numpy() == pytest.approx(looks[1]["loss"].to_numpy(), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_process_that_is_killed_ends_the_training_in_words_and_it_resumes(lost: int, tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    long = ("--set", "training.epochs=120", "--set", "training.early_stopping.patience=0")
    settings = (*SETTINGS, *long, "--set", "training.checkpoint_seconds=0.05", "--out", "run")
    processes = started("train", str(data), "--target", "y", *settings, folder=tmp_path)
    wait_for(tmp_path / "run" / "checkpoint" / "state.safetensors", processes)
    processes[lost].send_signal(signal.SIGKILL)
    codes = ended(processes)
    code, _written, errors = codes[1 - lost]
    assert code == 2
    assert errors.count("\n") == 1, errors
    assert errors.startswith("fitwell: the processes that train together must all stay, but one of them was lost")
    assert errors.endswith("then continue with: fitwell resume run\n")
    if lost:
        again = ended(started("resume", "run", folder=tmp_path))
        assert [each[0] for each in again] == [0, 0], again
        assert "continuing run from step" in again[0][1]
        assert again[1][1:] == ("", "")
    else:  # alone
        subprocess.run([PYTHON, "-m", "fitwell", "resume", "run"], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(
        [PYTHON, "-m", "fitwell", "train", str(data), "--target", "y", *settings[:-1], "whole"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    found, expected = (fw.load(tmp_path / name).evaluation["metrics"]["rmse"]["value"] for name in ("run", "whole"))
    assert found == pytest.approx(expected, rel=0.05)


def wait_for(path: Path, processes: list[subprocess.Popen[str]]) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not come"
        assert all(process.poll() is None for process in processes), ended(processes)
        time.sleep(0.02)


@pytest.mark.slow
def test_a_ctrl_c_ends_all_processes_after_the_same_step_and_they_resume(tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    long = ("--set", "training.epochs=4000", "--set", "training.early_stopping.patience=0")
    settings = (*SETTINGS, *long, "--set", "training.checkpoint_seconds=0.05", "--out", "run")
    processes = started("train", str(data), "--target", "y", *settings, folder=tmp_path)
    wait_for(tmp_path / "run" / "checkpoint" / "state.safetensors", processes)
    processes[1].send_signal(signal.SIGINT)  # the one that does not decide
    codes = ended(processes)
    assert [each[0] for each in codes] == [130, 130], codes
    assert "is usable, and continues with: fitwell resume run" in codes[0][1]
    assert codes[1][1:] == ("", "")
    run = fw.load(tmp_path / "run")
    assert run.state == "interrupted"
    assert len(run.predict(data)) == 300


@pytest.mark.slow
def test_a_time_limit_ends_all_processes_together(tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    settings = (*SETTINGS, "--set", "training.epochs=100000", "--set", "training.early_stopping.patience=0")
    codes = ended(started("train", str(data), "--target", "y", *settings, "--time-limit", "15s", folder=tmp_path))
    assert [each[0] for each in codes] == [0, 0], codes
    run = fw.load(tmp_path / "runs" / "t-1")
    assert run.recipe.training.maximum_steps is not None or int(run.recipe.training.epochs) < 100000


@pytest.mark.slow
def test_what_stands_in_the_way_is_said_once(tmp_path: Path) -> None:
    data, other = table(tmp_path / "t.csv"), table(tmp_path / "elsewhere.csv", seed=1)
    (tmp_path / "there").mkdir()
    other.rename(tmp_path / "there" / "t.csv")
    here, there = (
        f"import fitwell as fw; fw.train({str(path)!r}, target='y', settings={{'training.epochs': 2}}, out='run')"
        for path in (data, tmp_path / "there" / "t.csv")
    )
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [PYTHON, "-c", code], cwd=tmp_path, env=os.environ | TWO | {"RANK": str(rank), "MASTER_PORT": port},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank, code in enumerate((here, there))
    ]  # fmt: skip
    codes = ended(processes)
    assert "fitwell.errors.ToldElsewhere" in codes[0][2]
    assert (
        "all processes must train on the same data, but the data of process 2 of 2 has the fingerprint" in codes[1][2]
    )
    assert not (tmp_path / "run").exists()

    few = ended(started("train", str(data), "--target", "y", "--set", "training.batch_size=1", folder=tmp_path))
    assert [each[0] for each in few] == [2, 2]
    assert [each[2] for each in few] == [
        "fitwell: 2 processes share the rows of every batch, but a batch has 1; raise training.batch_size, or start "
        "fewer processes\n",
        "",
    ]
    unknown = ended(started("train", str(data), "--target", "y", "--set", "training.epoch=3", folder=tmp_path))
    assert [each[0] for each in unknown] == [2, 2]
    assert "training.epochs" in unknown[0][2]
    assert unknown[1][2] == ""
    lacking = ended(started("train", "nowhere.csv", "--target", "y", folder=tmp_path))
    assert [each[0] for each in lacking] == [2, 2]
    assert "nowhere.csv" in lacking[0][2]
    assert lacking[1][2] == ""
