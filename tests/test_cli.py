"""The command line as a user meets it: what is printed where, and with which exit code."""

from __future__ import annotations

import inspect
import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from fitwell.cli import COMMANDS, GROUPS, run
from fitwell.run import Run

PENGUINS = str(Path(__file__).parents[1] / "examples" / "penguins.csv")
COMMAND = str(Path(sys.executable).with_name("fitwell"))
QUICK = "--set training.epochs=2 --set network.hidden=[4]"
TRAIN = f"train {PENGUINS} --target species {QUICK}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run(shlex.split(f"{TRAIN} --out {folder} --quiet")) == 0
    return folder


def said(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that ends well prints."""
    assert run(shlex.split(words)) == 0
    caught = capsys.readouterr()
    assert caught.err == ""
    return caught.out


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = said("", capsys)
    assert all(f" {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_of_commands_alone_says_which_there_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(name, capsys)
    assert all(f" {each} " in text for each in GROUPS[name][1])


def test_a_misspelled_command_is_offered_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trian"]) == 2
    assert capsys.readouterr().err == "fitwell: no such command 'trian'; did you mean 'train'? See: fitwell --help\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Usage: " in said(f"{name} --help", capsys)


def test_training_tells_in_plain_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(f"{TRAIN} --out {tmp_path / 'run'}", capsys).splitlines()
    assert lines[0] == "penguins.csv: 344 rows, predicting species (multiclass)"
    assert any(line.startswith("epoch 2/2  loss ") and "  accuracy " in line for line in lines)
    assert any(line.startswith(("  better than", "  worse than")) for line in lines)
    assert any(line.startswith("  why accuracy: no class is rare") for line in lines)
    assert lines[-2:] == [f"run: {tmp_path / 'run'}", f"next: fitwell predict {tmp_path / 'run'} FILE"]
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train nothere.csv --target x", "there is no file nothere.csv"),
        ("tune nothere.csv --target x", "there is no file nothere.csv"),
        ("recipe PENGUINS --target species --test nothere.csv", "there is no file nothere.csv"),
        ("train PENGUINS --target species --out RUN", "--out RUN exists; choose another folder"),
        ("resume RUN --data nothere.csv", "there is no file nothere.csv"),
        ("predict RUM PENGUINS", 'no run at RUM; did you mean "RUN"?'),
        ("evaluate RUN nothere.csv", "there is no file nothere.csv"),
        ("explain-prediction RUN PENGUINS --against nothere.csv", "there is no file nothere.csv"),
        ("report nothere", "no run at nothere"),
        ("compare RUN nothere", "no run at nothere"),
        ("diagnose nothere", "no run at nothere"),
        ("cure RUN --out RUN", "--out RUN exists; choose another folder"),
        ("metrics nothere.csv --label a --score b", "there is no file nothere.csv"),
        ("examine nothere.py:training", "there is no file nothere.py"),
        ("runs nothere", "there is no folder nothere"),
        ("answer RUN why", "a run that answers questions was trained with --task answer, but RUN predicts"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_before_anything_is_done(
    words: str,
    message: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("RUN").symlink_to(trained)
    assert run([PENGUINS if word == "PENGUINS" else word for word in words.split()]) == 2
    assert capsys.readouterr().err.startswith(f"fitwell: {message}")


def test_what_leads_nowhere_and_what_is_only_listed_need_no_network(trained: Path) -> None:
    asked = [["train", "nothere.csv"], ["predict", str(trained), "nothere"], ["resume", "nothere"]]
    asked += [[name, PENGUINS, "--target", "species", "--set", "epochs=3"] for name in ("train", "tune", "recipe")]
    code = (
        "import sys; from fitwell.cli import run\n"
        f"codes = [run(words) for words in {asked}] + [run(['runs', {str(trained.parent)!r}])]\n"
        "assert codes == [2] * 6 + [0], codes\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_quiet_training_prints_the_run_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(f"{TRAIN} --out {tmp_path / 'run'} --quiet", capsys) == f"{tmp_path / 'run'}\n"


def in_a_terminal(words: str, **environment: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    variables = os.environ | {"COLUMNS": "80", "LINES": "40", "TERM": "xterm-256color"} | environment
    with subprocess.Popen([COMMAND, *shlex.split(words)], stdout=theirs, stderr=theirs, env=variables) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # how Linux says that the other side is gone
            pass
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def test_a_terminal_shows_progress_and_wraps_what_is_long(tmp_path: Path) -> None:
    text = in_a_terminal(f"{TRAIN} --out {tmp_path / 'run'}", NO_COLOR="1")
    assert "measuring" in text
    shown = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", line).rstrip() for line in text.splitlines()]
    assert max(len(line) for line in shown if str(tmp_path) not in line) <= 80
    wrapped = next(place for place, line in enumerate(shown) if line.lstrip().startswith("240 rows to train on"))
    assert shown[wrapped + 1].startswith("  ")  # a hanging indentation
    assert not re.search(r"\x1b\[[0-9;]*3[1-7]m", text)  # no color, because NO_COLOR asks for none


def test_runs_are_a_table(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, row = said(f"runs {trained.parent}", capsys).splitlines()
    assert header.split() == ["run", "state", "target", "figure", "value", "95", "%", "interval"]
    assert row.index("finished") == header.index("state")
    assert row.index("species") == header.index("target")


def test_figures_of_an_evaluation_are_aligned(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, note, why, _, *figures = said(f"evaluate {trained} {PENGUINS}", capsys).splitlines()
    assert first.startswith("accuracy ")
    assert first.endswith(" on 344 rows")
    assert note.startswith(
        "! the run was trained on 240 of these rows, which flatters the figures; those of unseen rows "
    )
    assert why.startswith("why accuracy: no class is rare, and ")  # what the training said
    places = {line.index(line.split()[1]) for line in figures}
    assert len(places) == 1


@pytest.mark.parametrize(
    "words",
    ["evaluate RUN PENGUINS", "runs RUNS", "explain accuracy", "explain", "metrics scores.csv --label y --score s"],
)
def test_json_is_valid_wherever_something_is_read(
    words: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scores.csv").write_text("y,s\n1,0.9\n0,0.4\n1,0.35\n0,0.1\n")
    places = {"RUNS": str(trained.parent), "RUN": str(trained), "PENGUINS": PENGUINS}
    typed = " ".join(places.get(word, word) for word in words.split())
    assert json.loads(said(f"{typed} --json", capsys))["version"] == 1


@pytest.mark.parametrize(
    "evaluation",
    [
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 1, "primary": [], "metrics": {}}',
        '{"version": 1, "primary": {"metric": ["accuracy"]}, "metrics": {}}',
        '{"version": 1, "primary": {"metric": "accuracy"}, "metrics": []}',
        '{"version": 1, "primary": {"metric": "accuracy"}, "metrics": {"accuracy": "high"}}',
        '{"version": 1, "primary": {"metric": "accuracy"}, "metrics": {"accuracy": {"value": "high"}}}',
        '{"version": 1, "primary": {"metric": "accuracy"}, "metrics": {"accuracy": {"value": 1, "low": []}}}',
    ],
)
def test_a_damaged_run_is_listed_as_such(
    evaluation: str, tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs" / "bad").mkdir(parents=True)
    for name in ("recipe.yaml", "data.json"):
        (tmp_path / "runs" / "bad" / name).write_bytes((trained / name).read_bytes())
    (tmp_path / "runs" / "bad" / "evaluation.json").write_text(evaluation)
    assert "damaged" in said(f"runs {tmp_path / 'runs'}", capsys)
    (listed,) = json.loads(said(f"runs {tmp_path / 'runs'} --json", capsys))["runs"]
    assert listed["state"] == "damaged"
    assert listed["target"] == ["species"]


def test_no_runs_is_said_with_the_way_to_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "train one with: fitwell train" in said(f"runs {tmp_path}", capsys)


def test_predictions_on_standard_output_have_one_header(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fitwell.run.value.PREDICTED_AT_ONCE", 100)
    assert run(["predict", str(trained), PENGUINS]) == 0
    (tmp_path / "p.csv").write_text(capfd.readouterr().out)
    predictions = pl.read_csv(tmp_path / "p.csv")
    assert predictions.height == 344
    assert predictions.columns[0] == "prediction"
    assert predictions.schema["probability_Adelie"] == pl.Float64


@pytest.mark.parametrize("words", ["predict RUN PENGUINS", "explain", "explain --json", "--help", "words --help"])
def test_a_pipe_that_nobody_reads_is_no_error(words: str, trained: Path) -> None:
    typed = words.replace("RUN", str(trained)).replace("PENGUINS", PENGUINS)
    ours, theirs = os.pipe()
    os.close(ours)  # before anything is written, so that even a short output meets a closed pipe
    done = subprocess.run([COMMAND, *shlex.split(typed)], stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    assert done.returncode == 0
    assert done.stderr == b""


def test_training_goes_on_when_nobody_reads_any_more(tmp_path: Path) -> None:
    words = f"set -o pipefail; {COMMAND} {TRAIN} --out {tmp_path / 'run'} | head -n 1"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "penguins.csv: 344 rows, predicting species (multiclass)\n"
    assert done.stderr == ""
    assert Run(tmp_path / "run").state == "finished"


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("ascii", "explain members"), ("cp1252", "explain members"), ("cp1252", f"recipe {PENGUINS} --target species")],
)
def test_what_is_printed_is_utf_8_whatever_the_locale(encoding: str, words: str) -> None:
    variables = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([COMMAND, *shlex.split(words)], capture_output=True, check=True, env=variables)
    assert done.stderr == b""
    assert not done.stdout.decode().isascii()


def test_a_file_of_predictions_is_named_on_standard_error(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(trained), PENGUINS, "-o", str(tmp_path / "p.parquet")]) == 0
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.splitlines()[-1] == f"344 predictions in {tmp_path / 'p.parquet'}"
    assert pl.read_parquet(tmp_path / "p.parquet").height == 344


def test_a_printed_recipe_trains_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text(said(f"recipe {PENGUINS} --target species {QUICK}", capsys))
    said(f"train {PENGUINS} --recipe {tmp_path / 'r.yaml'} --out {tmp_path / 'run'}", capsys)


def test_a_recipe_is_decided_by_the_same_options_as_a_training() -> None:
    own = {"train": {"out", "time_limit", "quiet", "cure"}, "recipe": {"output"}}
    options = {
        name: {
            option: (each.annotation, each.default)
            for option, each in inspect.signature(COMMANDS[name]).parameters.items()
            if option not in left_out
        }
        for name, left_out in own.items()
    }
    assert options["recipe"] == options["train"]


def test_every_option_reaches_the_printed_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{i % 7},{i % 5},{i % 20},{1 + i % 2},{i % 3},{'ab'[i * 7 % 11 > 5]}\n" for i in range(120))
    (tmp_path / "t.csv").write_text("x,z,person,copies,other,y\n" + rows)
    words = (
        f"recipe {tmp_path / 't.csv'} --target y --task binary --goal ranking --members 3 --group person "
        "--weight copies --drop z --drop other --folds 4 --seed 5 --device cpu --set training.epochs=2"
    )
    values = yaml.safe_load(said(words, capsys))
    assert (values["task"], values["goal"], values["members"]) == ("binary", "ranking", 3)
    assert (values["seed"], values["device"], values["training"]["epochs"]) == (5, "cpu", 2)
    data = {"group": "person", "weight": "copies", "drop": ["z", "other"], "folds": 4}
    assert data.items() <= values["data"].items()


def test_a_recipe_for_a_test_file_names_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    values = yaml.safe_load(said(f"recipe {PENGUINS} --target species --test {PENGUINS}", capsys))
    assert values["data"]["test"] == PENGUINS


@pytest.mark.parametrize(
    ("setting", "accepts"),
    [
        ("training.epochs", "a whole number of at least 1, or auto"),
        ("training.learning_rate", "a number above 0, or auto or usual"),
        ("network.residual", "true or false, or auto"),
        ("device", "auto, cpu, cuda or cuda:1 (or another number)"),
    ],
)
def test_what_a_setting_accepts_is_explained(setting: str, accepts: str, capsys: pytest.CaptureFixture[str]) -> None:
    (topic,) = json.loads(said(f"explain {setting} --json", capsys))["topics"]
    assert topic["accepts"] == accepts
