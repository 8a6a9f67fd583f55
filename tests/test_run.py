"""A run on disk: it predicts the same bits anywhere, is reproduced by its recipe, and survives being cut off."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from fitwell.errors import RequestError, RunError, SurroundingsError
from fitwell.events import Event
from fitwell.files import replace_atomically
from fitwell.interrupts import interruptible
from fitwell.run import (
    Run,
    append_event,
    create_run,
    load_run,
    open_run,
    read_events,
    run_folders,
    write_predictions,
)
from fitwell.workflow import asked_recipe, resume, train

PROJECT = Path(__file__).parents[1]
PENGUINS = PROJECT / "examples" / "penguins.csv"
COMMAND = str(Path(sys.executable).with_name("fitwell"))

# Long enough to be cut off in the middle: a checkpoint after each step.
SETTINGS = {
    "training.epochs": 10,
    "training.batch_size": 32,
    "training.early_stopping.patience": 0,
    "training.checkpoint_seconds": 1e-6,
    "network.hidden": [8, 8],
}
SET = " ".join(f"--set {name}={str(value).replace(' ', '')}" for name, value in SETTINGS.items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that was never cut off."""
    return train(
        PENGUINS, target="species", settings=SETTINGS, members=2, out=tmp_path_factory.mktemp("runs") / "whole"
    )


@pytest.fixture
def copy(whole: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(whole.path, tmp_path / "copy"))


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def held_out(run: Run) -> bytes:
    return (run.path / "predictions.parquet").read_bytes()


def interrupting(kind: str, number: int = 1) -> Callable[[Event], None]:
    """A listener that presses Ctrl-C at the number-th event of a kind."""
    left = number

    def listen(event: Event) -> None:
        nonlocal left
        left -= event.kind == kind
        if left == 0 and event.kind == kind:
            signal.raise_signal(signal.SIGINT)

    return listen


def test_a_fresh_process_predicts_the_same_bits(whole: Run, tmp_path: Path) -> None:
    subprocess.run([COMMAND, "predict", str(whole.path), str(PENGUINS), "-o", str(tmp_path / "p.parquet")], check=True)
    assert_frame_equal(pl.read_parquet(tmp_path / "p.parquet"), whole.predict(PENGUINS), check_exact=True)


def test_predictions_in_batches_are_the_predictions_at_once(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = whole.predict(PENGUINS)
    monkeypatch.setattr("fitwell.run.value.PREDICTED_AT_ONCE", 100)
    assert_frame_equal(whole.predict(PENGUINS), at_once, abs_tol=1e-6)


def test_predictions_made_side_by_side_are_those_made_one_by_one(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitwell.run.value.PREDICTED_AT_ONCE", 7)
    monkeypatch.setattr("fitwell.run.value.available_cores", lambda: 1)
    one_by_one = whole.predict(PENGUINS)
    monkeypatch.setattr("fitwell.run.value.available_cores", lambda: 8)
    threads = torch.get_num_threads()
    assert_frame_equal(load_run(whole.path).predict(PENGUINS), one_by_one, check_exact=True)
    assert torch.get_num_threads() == threads


def test_the_recipe_of_a_run_makes_the_run_again(whole: Run, tmp_path: Path) -> None:
    again = train(PENGUINS, recipe=whole.path / "recipe.yaml", out=tmp_path / "again")
    assert weights(again) == weights(whole)
    assert held_out(again) == held_out(whole)
    assert again.recipe == whole.recipe
    assert again.evaluation == whole.evaluation


def test_another_seed_makes_another_run(whole: Run, tmp_path: Path) -> None:
    other = train(PENGUINS, recipe=whole.path / "recipe.yaml", out=tmp_path / "other", seed=1)
    assert weights(other) != weights(whole)


@pytest.mark.parametrize("moment", ["plan", "look"])
def test_a_run_interrupted_once_predicts_and_goes_on_to_the_same_bits(moment: str, whole: Run, tmp_path: Path) -> None:
    cut = train(
        PENGUINS,
        target="species",
        settings=SETTINGS,
        members=2,
        out=tmp_path / "cut",
        listener=interrupting(moment, 1 if moment == "plan" else 5),
    )
    assert cut.state == "interrupted"
    assert load_run(cut.path).predict(PENGUINS).height == pl.read_csv(PENGUINS).height
    assert cut.predictions["row"].equals(whole.predictions["row"])
    assert weights(cut) != weights(whole)
    done = resume(cut.path)
    assert done.state == "finished"
    assert weights(done) == weights(whole)
    assert held_out(done) == held_out(whole)
    assert_same_history(done, whole)
    assert done.evaluation == whole.evaluation
    assert not (done.path / "checkpoint").exists()


def assert_same_history(one: Run, other: Run) -> None:
    assert_frame_equal(one.history.drop("seconds"), other.history.drop("seconds"), check_exact=True)


def test_a_run_interrupted_between_folds_goes_on_with_the_folds_that_are_left(tmp_path: Path) -> None:
    settings = SETTINGS | {"training.epochs": 2, "training.checkpoint_seconds": 10}
    whole = train(PENGUINS, target="species", settings=settings, folds=3, out=tmp_path / "whole")
    cut = train(
        PENGUINS, target="species", settings=settings, folds=3, out=tmp_path / "cut", listener=interrupting("fold")
    )
    assert cut.state == "interrupted"
    assert cut.events[-1]["text"].startswith("interrupted in fold 2 of 3; ")
    assert "folds" not in cut.evaluation
    trained: list[str] = []
    done = resume(cut.path, listener=lambda event: trained.append(event.kind))
    assert trained.count("fold") == 2
    assert done.evaluation["folds"] == whole.evaluation["folds"]


def test_a_second_interruption_ends_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    said: list[str] = []

    def listen(event: Event) -> None:
        said.append(event.text)
        if event.kind == "plan":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(PENGUINS, target="species", settings=SETTINGS, out=tmp_path / "cut", listener=listen)
    assert f"continues with: fitwell resume {tmp_path / 'cut'}" in said[-1]
    assert open_run(tmp_path / "cut").state == "unfinished"


def test_a_wish_to_stop_is_shared_by_what_runs_within() -> None:
    with interruptible() as outer:
        with interruptible() as inner:
            signal.raise_signal(signal.SIGINT)
            assert inner.asked
        assert outer.asked
        with interruptible() as later:
            assert later.asked
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    with interruptible() as fresh:
        assert not fresh.asked


def started(out: Path, data: Path = PENGUINS) -> subprocess.Popen[bytes]:
    words = f"train {data} --target species --members 2 --out {out} {SET}"
    return subprocess.Popen([COMMAND, *shlex.split(words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed_when(out: Path, sign: Callable[[Path], bool], data: Path = PENGUINS) -> None:
    """Start a training and kill it with signal 9 as soon as its folder shows the sign."""
    with started(out, data) as process:
        while not sign(out):
            assert process.poll() is None, "it finished before it could be killed"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (out / "evaluation.json").exists()


SIGNS: dict[str, Callable[[Path], bool]] = {
    "when the folder appears": lambda run: (run / "data.json").exists(),
    "after the first checkpoint": lambda run: (run / "checkpoint" / "state.safetensors").exists(),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose process was killed after its first checkpoint."""
    out = tmp_path_factory.mktemp("killed") / "cut"
    killed_when(out, SIGNS["after the first checkpoint"])
    return out


@pytest.fixture
def cut_off(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "cut"))


def test_a_killed_run_is_resumed_to_the_same_bits(cut_off: Path, whole: Run) -> None:
    with pytest.raises(RunError, match=r"was cut off before it was finished; continue it with: fitwell resume .*cut"):
        load_run(cut_off)
    assert (cut_off / "lock").exists()
    assert open_run(cut_off).state == "unfinished"  # the lock that the dead process left holds nobody up
    resume(cut_off)
    done = load_run(cut_off)
    assert weights(done) == weights(whole)
    assert held_out(done) == held_out(whole)
    assert_same_history(done, whole)
    assert list_of_leftovers(done.path) == []


def list_of_leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".") or path.name in ("checkpoint", "lock")]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", np.linspace(0.0, 1.0, 16))
def test_a_run_killed_at_any_moment_is_resumed_to_the_same_bits(seconds: float, whole: Run, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    with started(out) as process:
        while not out.exists():
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([COMMAND, "resume", str(out), "--quiet"], check=True)
    assert weights(load_run(out)) == weights(whole)


def test_ctrl_c_at_a_process_leaves_a_usable_run_and_no_traceback(tmp_path: Path) -> None:
    with started(tmp_path / "cut") as process:
        while not SIGNS["after the first checkpoint"](tmp_path / "cut"):
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert process.returncode == 130
    assert errors == b""
    assert b"is usable, and continues with: fitwell resume" in output
    assert load_run(tmp_path / "cut").predict(PENGUINS).height == pl.read_csv(PENGUINS).height


@pytest.mark.slow
@pytest.mark.parametrize("seconds", np.linspace(0.4, 6.0, 20))
def test_ctrl_c_at_any_moment_ends_without_a_traceback(seconds: float, tmp_path: Path) -> None:
    with started(tmp_path / "cut") as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode in (0, 130)
    assert b"Traceback" not in errors


def test_moved_data_is_named_and_changed_data_is_refused(whole: Run, tmp_path: Path) -> None:
    data = tmp_path / "penguins.csv"
    shutil.copy(PENGUINS, data)
    cut = train(
        data, target="species", settings=SETTINGS, members=2, out=tmp_path / "cut", listener=interrupting("look", 5)
    )
    moved = data.rename(tmp_path / "moved.csv")
    data.write_bytes(moved.read_bytes().replace(b"3750", b"3751", 1))
    with pytest.raises(RunError, match=r"penguins\.csv has changed since .*cut was started .*; give the old data with"):
        resume(cut.path)
    assert weights(resume(cut.path, data=moved)) == weights(whole)


def cut_with_a_test_file(folder: Path) -> Run:
    """A run with a test file of its own, cut off; both files and the run lie in the folder."""
    lines = PENGUINS.read_text().splitlines(keepends=True)
    (folder / "d.csv").write_text("".join(lines[:1] + lines[1::2]))
    (folder / "t.csv").write_text("".join(lines[:1] + lines[2::2]))
    listener = interrupting("look", 3)
    return train(
        folder / "d.csv",
        target="species",
        test=folder / "t.csv",
        settings=SETTINGS,
        out=folder / "cut",
        listener=listener,
    )


def test_a_changed_test_file_is_refused_and_a_moved_one_is_named(tmp_path: Path) -> None:
    cut = cut_with_a_test_file(tmp_path)
    test = tmp_path / "t.csv"
    moved = Path(shutil.copy(test, tmp_path / "moved.csv"))
    test.write_bytes(test.read_bytes().replace(b"Gentoo", b"Adelie", 1))
    with pytest.raises(
        RunError, match=r"the test file at .*t\.csv has changed since .*; give the old test file with --test"
    ):
        resume(cut.path)
    test.unlink()
    with pytest.raises(RunError, match=r"the test file .*t\.csv of .*cut is not there; say where it is with --test"):
        resume(cut.path)
    assert resume(cut.path, test=moved).state == "finished"


def test_a_test_file_is_not_added_at_resume(tmp_path: Path) -> None:
    cut = train(PENGUINS, target="species", settings=SETTINGS, out=tmp_path / "cut", listener=interrupting("look", 3))
    with pytest.raises(RunError, match="was started without a test file; leave --test out"):
        resume(cut.path, test=PENGUINS)


@pytest.mark.parametrize("way", ["argument", "setting", "recipe"])
def test_the_place_of_a_test_file_is_absolute_however_it_was_given(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    setting, recipe = {"data.test": "t.csv"}, {"data": {"test": "t.csv"}}
    asked = asked_recipe(
        recipe if way == "recipe" else None,
        setting if way == "setting" else None,
        setting if way == "argument" else {},
    )
    assert asked.data.test == str(tmp_path / "t.csv")


def test_data_in_memory_must_be_given_again(tmp_path: Path) -> None:
    frame = pl.read_csv(PENGUINS, infer_schema=False)
    cut = train(frame, target="species", settings=SETTINGS, out=tmp_path / "cut", listener=interrupting("look", 3))
    with pytest.raises(RunError, match="was trained on a polars frame in memory; give the data again with --data"):
        resume(cut.path)
    assert resume(cut.path, data=frame).state == "finished"


def test_a_finished_run_is_left_as_it_is(copy: Run) -> None:
    before = {path: path.read_bytes() for path in copy.path.rglob("*") if path.is_file()}
    said: list[str] = []
    assert resume(copy.path, listener=lambda event: said.append(event.text)).path == copy.path
    assert said == [f"{copy.path} is finished already"]
    assert {path: path.read_bytes() for path in copy.path.rglob("*") if path.is_file()} == before


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    cut = train(PENGUINS, target="species", settings=SETTINGS, out=tmp_path / "cut", listener=interrupting("look", 3))
    checkpoint = cut.path / "checkpoint" / "state.safetensors"
    content = checkpoint.read_bytes()
    for damaged in (content[:-100], b"", content[:200] + b"x" + content[201:]):
        checkpoint.write_bytes(damaged)
        with pytest.raises(RunError, match=r"checkpoint .*(damaged|truncated)"):
            resume(cut.path)


def edited(run: Run, name: str, before: str, after: str, *, with_checksum: bool) -> None:
    """Replace text in one of the run's files, and in the last case make its checksum right again."""
    file, sums = run.path / name, run.path / "checksums.json"
    content = file.read_bytes()
    changed = content.replace(before.encode(), after.encode(), 1)
    assert changed != content
    file.write_bytes(changed)
    if with_checksum:
        old, new = (hashlib.sha256(each).hexdigest() for each in (content, changed))
        sums.write_text(sums.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("recipe.yaml", "hidden: [8, 8]", "hidden: [8, 9]"),
        ("data.json", '"rows": 344', '"rows": 345'),
        ("encoders.json", '"version": 1', '"version":  1'),
    ],
)
def test_a_run_that_was_cut_off_and_then_edited_is_refused(name: str, before: str, after: str, cut_off: Path) -> None:
    edited(Run(cut_off), name, before, after, with_checksum=False)
    with pytest.raises(RunError, match=rf"{name} is not the file that training wrote"):
        resume(cut_off)


def without_predictions(run: Run) -> None:
    """Leave a run as an older Fitwell wrote it."""
    (run.path / "predictions.parquet").unlink()
    sums = json.loads((run.path / "checksums.json").read_text())
    del sums["sha256"]["predictions.parquet"]
    (run.path / "checksums.json").write_text(json.dumps(sums))


def test_a_run_of_an_older_fitwell_predicts_and_says_what_it_lacks(copy: Run) -> None:
    without_predictions(copy)
    assert load_run(copy.path).predict(PENGUINS).height == pl.read_csv(PENGUINS).height
    with pytest.raises(RunError, match=r"no predictions\.parquet: an older Fitwell trained it; train it again, .*with"):
        _ = open_run(copy.path).predictions


def test_a_run_that_was_cut_off_has_no_predictions_of_held_out_rows(cut_off: Path) -> None:
    with pytest.raises(RunError, match=r"no predictions\.parquet: it was cut off; continue it with: fitwell resume"):
        _ = open_run(cut_off).predictions


def test_predictions_of_held_out_rows_that_were_changed_or_lost_are_refused(copy: Run) -> None:
    file = copy.path / "predictions.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(RunError, match=r"predictions\.parquet is not the file that training wrote"):
        _ = Run(copy.path).predictions
    file.unlink()
    with pytest.raises(RunError, match=r"copy is damaged: it has no predictions\.parquet"):
        _ = Run(copy.path).predictions


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda table: table.drop("row"), r"is damaged \(.*row"),
        (lambda table: table.with_columns(row=pl.lit(0)), "its rows must be numbered, each in one part"),
        (lambda table: table.with_columns(part=pl.lit("train")), "its rows must be numbered, each in one part"),
        (lambda table: table.with_columns(pl.col("row").cast(pl.String)), "its rows must be numbered, each in one"),
    ],
)
def test_a_table_of_held_out_rows_of_another_form_is_refused(
    edit: Callable[[pl.DataFrame], pl.DataFrame], says: str, copy: Run
) -> None:
    write_predictions(copy, edit(copy.predictions))
    with pytest.raises(RunError, match=rf"predictions\.parquet.*{says}"):
        _ = Run(copy.path).predictions


def test_a_checkpoint_of_another_network_is_refused_in_words(tmp_path: Path) -> None:
    cut = train(PENGUINS, target="species", settings=SETTINGS, out=tmp_path / "cut", listener=interrupting("look", 3))
    edited(cut, "recipe.yaml", "hidden: [8, 8]", "hidden: [8, 9]", with_checksum=True)
    with pytest.raises(
        RunError, match=r"the checkpoint of .*cut does not fit its recipe: best weights has shape \(1, "
    ):
        resume(cut.path)


def test_a_setting_of_a_newer_fitwell_is_refused_with_the_way_out(copy: Run) -> None:
    edited(copy, "recipe.yaml", "seed: 0", "frobnicate: 1\nseed: 0", with_checksum=True)
    with pytest.raises(RunError, match=r'called "frobnicate".*if a newer Fitwell wrote this run, upgrade fitwell'):
        open_run(copy.path)


@pytest.mark.parametrize("name", ["recipe.yaml", "model.safetensors", "decision.json"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_cut_off_around_its_replacement_still_belongs_to_the_run(name: str, replaced: bool, copy: Run) -> None:
    sums = json.loads((copy.path / "checksums.json").read_text())["sha256"]
    other = "0" * 64
    old, new = ({**sums, name: other}, {name: sums[name]}) if replaced else (sums, {name: other})
    (copy.path / "checksums.json").write_text(json.dumps({"version": 1, "sha256": old, "next": new}))
    assert load_run(copy.path).predict(PENGUINS).height == pl.read_csv(PENGUINS).height


def test_a_finished_run_whose_last_event_cannot_be_written_is_kept(
    whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: Run, event: str, /, **values: object) -> None:
        if event == "finished":
            raise SurroundingsError("the disk is full")
        append_event(run, event, **values)

    monkeypatch.setattr("fitwell.workflow.running.append_event", full)
    out = tmp_path / "full"
    with pytest.raises(SurroundingsError, match=r"the disk is full; then continue with: fitwell resume .*full"):
        train(PENGUINS, target="species", settings=SETTINGS, members=2, out=out)
    monkeypatch.undo()
    assert weights(Run(out)) == weights(whole)
    done = resume(out)
    assert done.state == "finished"
    assert weights(done) == weights(whole)
    assert list_of_leftovers(out) == []


def test_a_run_that_is_being_trained_says_so_and_is_not_resumed(tmp_path: Path) -> None:
    states = []

    def listen(event: Event) -> None:
        if event.kind == "plan":
            states.append(open_run(tmp_path / "live").state)
            with pytest.raises(RunError, match=rf"live is being trained by process {os.getpid()}; wait for it"):
                resume(tmp_path / "live")
            with pytest.raises(RunError, match="live is still being trained; wait until it is finished"):
                load_run(tmp_path / "live")

    done = train(PENGUINS, target="species", settings={"training.epochs": 1}, out=tmp_path / "live", listener=listen)
    assert states == ["training"]
    assert done.state == "finished"
    assert list_of_leftovers(done.path) == []


def test_a_lock_with_the_process_id_of_somebody_else_is_stale(copy: Run) -> None:
    (copy.path / "lock").write_text(f"{os.getppid()}\n")
    assert copy.state == "finished"


def test_a_name_that_is_taken_meanwhile_becomes_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = replace_atomically

    def overtaken(path: Path, data: bytes) -> None:
        for number in (1, 2):
            Path(f"runs/t-{number}/inside").mkdir(parents=True, exist_ok=True)
        first(path, data)

    monkeypatch.setattr("fitwell.run.folder.replace_atomically", overtaken)
    files = {"recipe.yaml": b"", "data.json": b""}
    assert create_run(None, source="t.csv", files=files).path == Path("runs/t-3")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["t-1", "t-2", "t-3"]


def test_a_folder_that_is_taken_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = replace_atomically

    def overtaken(path: Path, data: bytes) -> None:
        (tmp_path / "run" / "inside").mkdir(parents=True, exist_ok=True)
        first(path, data)

    monkeypatch.setattr("fitwell.run.folder.replace_atomically", overtaken)
    with pytest.raises(RequestError, match=r"--out .*run exists; choose another folder"):
        create_run(tmp_path / "run", source="t.csv", files={"recipe.yaml": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_events_are_appended_line_by_line(tmp_path: Path) -> None:
    cut = train(PENGUINS, target="species", settings=SETTINGS, out=tmp_path / "cut", listener=interrupting("look", 3))
    first = (cut.path / "events.jsonl").read_text()
    done = resume(cut.path)
    text = (done.path / "events.jsonl").read_text()
    assert text.startswith(first)
    events = [json.loads(line) for line in text.splitlines()]
    assert {event["version"] for event in events} == {1}
    assert [event["event"] for event in events if event["event"] in ("plan", "interrupted", "resumed", "finished")] == [
        "plan",
        "interrupted",
        "resumed",
        "finished",
    ]
    times = [event["time"] for event in events]
    assert times == sorted(times)


def test_an_event_that_was_cut_off_is_passed_over(copy: Run) -> None:
    file = copy.path / "events.jsonl"
    whole = list(read_events(copy.path))
    file.write_bytes(file.read_bytes()[:-20])
    assert list(read_events(copy.path)) == whole[:-1]
    assert Run(copy.path).state == "unfinished"
    resume(copy.path)
    assert Run(copy.path).state == "finished"
    assert [event["event"] for event in read_events(copy.path)][: len(whole)] == [
        *(event["event"] for event in whole[:-1]),
        "resumed",
    ]


def test_runs_are_listed_oldest_first_and_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quick = {"training.epochs": 1, "network.hidden": [4]}
    names = [str(train(PENGUINS, target="species", settings=quick).path) for _ in range(2)]
    assert names == ["runs/penguins-1", "runs/penguins-2"]
    for age, name in enumerate(reversed(names)):  # what the events say counts, since copying makes all files young
        (Path(name) / "events.jsonl").write_text(f'{{"version": 1, "event": "plan", "time": {1000 + age}}}\n')
    assert [str(path) for path in run_folders("runs")] == names[::-1]


def test_runs_of_the_same_moment_are_listed_by_their_numbers(copy: Run, tmp_path: Path) -> None:
    for number in (10, 9, 2):
        shutil.copytree(copy.path, tmp_path / "runs" / f"t-{number}")
    assert [path.name for path in run_folders(tmp_path / "runs")] == ["t-2", "t-9", "t-10"]


def test_runs_without_events_are_as_old_as_their_files(copy: Run, tmp_path: Path) -> None:
    for age, (name, content) in enumerate({"b": b"", "a": b"\xff", "c": b'{"event": "plan", "time": "noon"}'}.items()):
        run = Path(shutil.copytree(copy.path, tmp_path / "runs" / name))
        (run / "events.jsonl").write_bytes(content)
        os.utime(run / "data.json", (1000 + age, 1000 + age))
    assert [path.name for path in run_folders(tmp_path / "runs")] == ["b", "a", "c"]


def test_a_run_prints_what_came_of_it(whole: Run) -> None:
    figure = whole.evaluation["metrics"]["accuracy"]
    value, low, high = (f"{figure[name]:.4g}" for name in ("value", "low", "high"))
    rows = whole.data["split"]["test"]
    said = f"<Run {whole.path}: finished, species (multiclass), accuracy {value} ({low} to {high}) on {rows} test rows>"
    assert repr(Run(whole.path)) == str(whole) == said


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("recipe.yaml", "damaged"),
        ("data.json", r"damaged, species \(multiclass\)"),
        ("evaluation.json", r"finished, species \(multiclass\)"),
    ],
)
def test_a_damaged_run_prints_and_is_listed_all_the_same(lost: str, said: str, copy: Run) -> None:
    (copy.path / lost).unlink()
    assert re.fullmatch(rf"<Run .*copy: {said}>", repr(Run(copy.path)))
    assert copy.path in run_folders(copy.path.parent)


@pytest.mark.slow
@pytest.mark.parametrize(("more", "least"), [("", 114), ("--folds 3", 102), ("--members 4", 114)])
def test_a_time_limit_of_two_minutes_is_kept_within_five_percent(more: str, least: int, tmp_path: Path) -> None:
    # Over folds four trainings are of one length, planned before the first: what each leaves over is not used up.
    words = (
        f"train {PROJECT / 'examples' / 'telco_churn.csv'} --target Churn --out {tmp_path / 'run'} --time-limit 2m "
        f"--set training.epochs=100000 --set training.early_stopping.patience=0 --quiet {more}"
    )
    began = time.perf_counter()
    subprocess.run([COMMAND, *shlex.split(words)], check=True)
    assert least <= time.perf_counter() - began <= 126
