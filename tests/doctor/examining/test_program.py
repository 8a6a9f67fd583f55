"""`fitwell examine FILE.py:FUNCTION`: a program is found, run, and refused in words where it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fitwell import cli
from fitwell.doctor.examining import program_arguments
from fitwell.errors import RequestError

PROGRAM = """
import torch
from torch import nn

def training():
    inputs = torch.randn(40, 3)
    return {
        "model": nn.Linear(3, 1), "inputs": inputs, "targets": torch.ones(40, 1), "loss": nn.MSELoss(),
        "optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.01),
    }

def nothing():
    return [1]

def misspelled():
    return {**training(), "epoch": 3}

def half():
    return {"model": nn.Linear(3, 1), "loss": nn.MSELoss()}

def failing():
    raise ValueError("no such table")
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return str(path)


def test_a_program_is_examined_and_told_as_json(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["examine", f"{program}:training", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["healthy"], told["findings"][0]["symptom"]) == (1, False, "one_class")


def test_a_program_is_examined_and_told_to_read(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["examine", f"{program}:training"]) == 0
    assert capsys.readouterr().out.startswith("sick: one_class")


@pytest.mark.parametrize(
    ("function", "refusal"),
    [
        ("trainin", 'has no function "trainin"; did you mean "training"'),
        ("nothing", "must return a dict of examine's arguments, but returns list"),
        ("misspelled", "returns 'epoch', which examine does not take; did you mean \"epochs\""),
        ("half", "but lacks inputs, targets, optimizer"),
        ("failing", r"must run, but fails in line \d+: ValueError: no such table"),
    ],
)
def test_what_is_no_program_is_refused_in_words(program: str, function: str, refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        program_arguments(f"{program}:{function}")


def test_a_place_without_a_function_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"must be given as FILE\.py:FUNCTION, but is 'own\.py'"):
        program_arguments("own.py")
    with pytest.raises(RequestError, match="must be a file of Python, but there is none"):
        program_arguments(f"{tmp_path / 'absent.py'}:training")


def test_the_command_refuses_with_exit_code_2(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["examine", f"{program}:failing"]) == 2
    assert "no such table" in capsys.readouterr().err


def test_a_budget_that_is_no_duration_is_refused(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["examine", f"{program}:training", "--budget", "soon"]) == 2
    assert "budget must be seconds, or a duration" in capsys.readouterr().err
