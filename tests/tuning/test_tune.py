"""A search from end to end: it finds what matters, proves it on unseen rows, and survives being cut off."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fitwell as fw
from fitwell import cli
from fitwell.comparison import compare
from fitwell.errors import RecipeError, RequestError, RunError
from fitwell.events import Event
from fitwell.report.page import page
from fitwell.run import Run, load_run
from fitwell.run.contents import contents_of
from fitwell.tuning import Tuned, resume, tune

ROWS = 400
# The recipe's own rate learns nothing in time; what is searched holds rates that do.
SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "network.hidden": [8],
    "network.dropout": 0.0,
    "training.learning_rate": 1e-6,
    "training.epochs": 15,
    "training.batch_size": 32,
    "training.early_stopping.patience": 0,
    "training.checkpoint_seconds": 0.05,
    "tune.trials": 10,
    "tune.ranges": {
        "training.learning_rate": {"low": 1e-6, "high": 0.1, "scale": "log"},
        "network.dropout": {"low": 0.0, "high": 0.05},
        "network.hidden": {"among": [[8], [10]]},
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    a, b = random.normal(size=ROWS), random.normal(size=ROWS)
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    pl.DataFrame({"a": a, "b": b, "y": np.where(a - b > 0, "yes", "no")}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """The search that was never cut off."""
    return tune(data, target="y", settings=SETTINGS, out=tmp_path_factory.mktemp("runs") / "whole")


def test_a_rate_that_plainly_matters_is_found_and_proves_itself(whole: Tuned) -> None:
    assert whole.record.mattered is not None
    (mattered,) = whole.record.mattered
    assert (mattered.epochs, mattered.trials) == (0.5, 10)
    found = {path: share.ahead for path, share in mattered.shares.items() if share.matters}
    assert found == {"training.learning_rate": "higher"}
    assert whole.run.recipe.training.learning_rate > 1e-3  # type: ignore[operator]
    assert whole.verdict == "better"
    assert whole.kept == whole.run


def test_the_verdict_is_that_of_comparing_the_runs_on_rows_that_the_search_never_saw(whole: Tuned) -> None:
    assert whole.default is not None
    again = compare([whole.default, whole.run])
    against = again.contenders[1].against
    assert against is not None
    told = whole.record.comparison
    assert told is not None
    assert (told["part"], told["rows"], told["verdict"]) == ("test", 60, against.verdict)
    assert told["difference"] == against.difference.as_json()
    assert {change.setting for change in again.contenders[1].changes if change.asked} >= {"training.learning_rate"}


@pytest.mark.slow
def test_the_tuned_run_is_an_ordinary_one(whole: Tuned, data: Path, tmp_path: Path) -> None:
    run = load_run(whole.run.path)
    assert run.state == "finished"
    assert run.predict(data).height == ROWS
    again = fw.train(data, recipe=run.path / "recipe.yaml", out=tmp_path / "again")
    assert weights(again) == weights(run)


@pytest.mark.slow
def test_the_default_is_trained_as_if_there_had_been_no_search(whole: Tuned, data: Path, tmp_path: Path) -> None:
    without = {path: value for path, value in SETTINGS.items() if not path.startswith("tune.")}
    alone = fw.train(data, target="y", settings=without, out=tmp_path / "alone")
    assert whole.default is not None
    assert weights(alone) == weights(whole.default)


def test_trials_are_a_table(whole: Tuned) -> None:
    trials = whole.trials
    assert trials["trial"].to_list() == list(range(10))
    assert trials["network.hidden"].unique().sort().to_list() == ["10", "8"]
    assert trials.filter(pl.col("outcome") == "best")["trial"].to_list() == [whole.record.best]
    # Those that fell out halfway through the first epoch were looked at before it only.
    assert trials["epochs"].to_list() == [len(losses) - 1 or 0.5 for losses in trials["losses"].to_list()]
    assert trials["best_loss"].to_list() == [min(losses) for losses in trials["losses"].to_list()]
    best = trials.row(int(whole.record.best or 0), named=True)
    assert best["training.learning_rate"] == whole.run.recipe.training.learning_rate


def test_the_page_says_what_was_found_and_shows_it(whole: Tuned) -> None:
    text = (whole.run.path / "report.html").read_text(encoding="utf-8")
    assert "Of 10 trials the best gave this run its settings. On 60 test rows" in text
    assert "is better than that of the recipe as it was" in text
    assert "Among 10 trials after 0.5 of 15 epochs, learning rate (" in text
    names = {path.stem for path in whole.run.pictures(whole.run.path.parent / "pictures", kind="svg")}
    assert {"search-mattered", "search-1", "search-2", "search-3"} <= names
    assert whole.default is not None
    assert "The search for its settings" not in (whole.default.path / "report.html").read_text(encoding="utf-8")


def test_nothing_is_left_of_the_search_but_what_it_found(whole: Tuned) -> None:
    assert not (whole.run.path / "search").exists()
    assert [path.name for path in whole.run.path.rglob("*") if path.name in ("checkpoint", "lock")] == []


class Killed(BaseException):
    """What ends a process in the middle of anything."""


def at(kind: str, number: int, act: Callable[[], None]) -> Callable[[Event], None]:
    left = number

    def listen(event: Event) -> None:
        nonlocal left
        left -= event.kind == kind
        if left == 0 and event.kind == kind:
            act()

    return listen


def kill() -> None:
    raise Killed


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


MOMENTS = {
    "in the first rung": ("search", 2),
    "between rungs": ("rung", 1),
    "when the best is known": ("mattered", 1),
    "while the best is trained": ("look", 8),
    "before the default is trained": ("look", 17),
    "while the default is trained": ("look", 24),
    "when all is compared": ("compared", 1),
}


@pytest.mark.slow  # quick ones are in test_searching.py
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_search_is_resumed_to_the_same_bits(moment: str, whole: Tuned, data: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        tune(data, target="y", settings=SETTINGS, out=tmp_path / "cut", listener=at(*MOMENTS[moment], kill))
    assert_same(resume(tmp_path / "cut"), whole)


@pytest.mark.parametrize(
    "moment", [name if name == "in the first rung" else pytest.param(name, marks=pytest.mark.slow) for name in MOMENTS]
)
def test_ctrl_c_leaves_a_usable_run_that_goes_on_to_the_same_bits(
    moment: str, whole: Tuned, data: Path, tmp_path: Path
) -> None:
    cut = tune(data, target="y", settings=SETTINGS, out=tmp_path / "cut", listener=at(*MOMENTS[moment], press_ctrl_c))
    if moment != "when all is compared":
        assert cut.run.state == "interrupted"
    assert load_run(cut.run.path).predict(data).height == ROWS
    assert cut.run.evaluation["metrics"]["roc_auc"]["value"] > 0.2
    assert_same(resume(tmp_path / "cut"), whole)


def test_a_search_that_is_over_is_left_as_it_is(whole: Tuned, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.run.path, tmp_path / "copy")
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    heard: list[Event] = []
    assert resume(copy, listener=heard.append).verdict == whole.verdict
    assert [event.text for event in heard] == [f"{copy} is finished already"]
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


@pytest.mark.slow
def test_where_nothing_matters_nothing_is_claimed(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    noise = {"a": random.normal(size=ROWS), "b": random.normal(size=ROWS), "y": random.permutation(ROWS) % 2}
    ranges = {"training.weight_decay": {"low": 0.05, "high": 0.1}, "network.dropout": {"low": 0.0, "high": 0.05}}
    settings = SETTINGS | {"training.learning_rate": 1e-3, "tune.ranges": ranges}
    tuned = tune(noise, target="y", settings=settings, out=tmp_path / "run")
    assert tuned.record.mattered
    assert not any(share.matters for each in tuned.record.mattered for share in each.shares.values())
    assert tuned.verdict in (None, "not distinguishable")
    assert tuned.verdict is None or tuned.kept == tuned.default


@pytest.mark.slow
def test_a_search_whose_recipe_is_best_trains_only_that(data: Path, tmp_path: Path) -> None:
    ranges = {"training.learning_rate": {"low": 1e-7, "high": 2e-7, "scale": "log"}}
    settings = SETTINGS | {"training.learning_rate": 0.03, "tune.ranges": ranges, "tune.trials": 3}
    heard: list[Event] = []
    tuned = tune(data, target="y", settings=settings, out=tmp_path / "run", listener=heard.append)
    assert (tuned.record.best, tuned.default, tuned.verdict, tuned.record.stage) == (0, None, None, "done")
    assert tuned.kept == tuned.run
    assert any("no trial had a lower validation loss than the recipe as it was" in event.text for event in heard)
    contents = contents_of(tuned.run.path, state="finished", recipe=tuned.run.recipe, data=tuned.run.data)
    assert b"none had a lower validation loss than the recipe as it was" in page(contents)


def test_a_search_streams_what_it_is_asked_to_stream(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    a = random.normal(size=400)
    table = pl.DataFrame({"a": a, "b": random.normal(size=400), "y": np.where(a > 0, "yes", "no")})
    table.write_parquet(tmp_path / "t.parquet", row_group_size=50)
    settings = {"data.streaming": "always", "training.epochs": 4, "network.hidden": [4], "device": "cpu"}
    run = tune(tmp_path / "t.parquet", target="y", trials=2, settings=settings, out=tmp_path / "run").run
    assert run.recipe.data.streaming == "always"
    assert run.data["streamed"]


def test_a_search_without_test_rows_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"needs test rows that it never sees, .* data\.test_share is 0; try 0\.15"):
        tune(data, target="y", settings=SETTINGS | {"data.test_share": 0.0}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_trial_that_contradicts_itself_is_named_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    ranges = {"training.optimizer": {"among": ["adam", "adamw"]}, "training.weight_decay": {"low": 0.1, "high": 0.2}}
    words = r"trial \d+ \(training\.optimizer adam, training\.weight_decay 0\.1\d+\) is not: .* no decoupled decay"
    with pytest.raises(RecipeError, match=words):
        tune(data, target="y", settings=SETTINGS | {"tune.ranges": ranges}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_place_that_is_taken_is_refused_before_any_work(data: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="exists; choose another folder or remove it"):
        tune(data, target="y", out=tmp_path)


def test_a_search_on_other_data_is_not_resumed(data: Path, tmp_path: Path) -> None:
    moved = shutil.copy(data, tmp_path / "rows.csv")
    with pytest.raises(Killed):
        tune(moved, target="y", settings=SETTINGS, out=tmp_path / "cut", listener=at("search", 1, kill))
    Path(moved).write_text(data.read_text() + "1,2,yes\n")
    with pytest.raises(RunError, match="has changed since"):
        resume(tmp_path / "cut")


def test_a_record_that_was_changed_is_refused(whole: Tuned, tmp_path: Path) -> None:
    copy = shutil.copytree(whole.run.path, tmp_path / "copy")
    text = (copy / "tuning.json").read_text()
    (copy / "tuning.json").write_text(text.replace('"best": ', '"best":  '))
    with pytest.raises(RunError, match=r"tuning\.json is not the file that training wrote"):
        resume(copy)


@pytest.mark.slow
def test_the_command_prints_the_run_to_use_and_json(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = " ".join(f"--set {shlex.quote(f'{path}={json.dumps(value)}')}" for path, value in SETTINGS.items())
    words = f"tune {data} --target y --trials 4 --out {tmp_path / 'run'} {given} --json"
    assert cli.run(shlex.split(words)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], len(told["trials"]), told["stage"]) == (1, 4, "done")
    assert told["kept"] in (told["run"], told["default"])
    assert cli.run(["resume", str(tmp_path / "run"), "--quiet"]) == 0


@pytest.mark.slow
def test_a_time_limit_is_kept(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{place}": random.normal(size=30_000) for place in range(8)})
    frame = frame.with_columns((pl.col("x0") * pl.col("x1") + pl.col("x2") > 0).alias("y"))
    heard: list[Event] = []
    tuned = tune(frame, target="y", time_limit=60.0, out=tmp_path / "run", listener=heard.append)
    assert tuned.record.stage == "done"
    (finished,) = [event for event in heard if event.kind == "finished"]
    assert finished.values["seconds"] < 63


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def assert_same(tuned: Tuned, whole: Tuned) -> None:
    assert tuned.run.state == "finished"
    assert weights(tuned.run) == weights(whole.run)
    assert tuned.default is not None
    assert whole.default is not None
    assert weights(tuned.default) == weights(whole.default)
    assert tuned.trials.equals(whole.trials)
    assert (tuned.run.path / "tuning.json").read_bytes() == (whole.run.path / "tuning.json").read_bytes()
    recipes = [(found.run.path / "recipe.yaml").read_bytes() for found in (tuned, whole)]
    assert recipes[0] == recipes[1]
