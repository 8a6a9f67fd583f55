"""Runs on disk beside each other: which rows count, what is refused, and what differs between the runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import fitwell as fw
from fitwell.cli import run as command
from fitwell.cli.compare import compare as command_compare
from fitwell.comparison import RunComparison
from fitwell.errors import RequestError, RunError
from fitwell.recipe import NEUTRAL, changed
from fitwell.report.pictures import THEMES, ThemeName
from fitwell.run import Run, write_history, write_predictions, write_recipe
from fitwell.workflow import train

ROWS = 300
QUICK: dict[str, Any] = {"training.epochs": 2, "network.hidden": [4], "training.batch_size": 64}


def table(path: Path, *, seed: int = 0) -> Path:
    """Write a table with a binary target that the feature tells half of, weights, and a number."""
    random = np.random.default_rng(seed)
    x = random.normal(size=ROWS)
    target = np.where(x + random.normal(size=ROWS) > 0, "yes", "no")
    frame = pl.DataFrame({"x": x, "u": random.normal(size=ROWS), "w": 1 + np.arange(ROWS) % 3, "v": 2 * x, "y": target})
    frame.write_csv(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs on one table."""
    here = tmp_path_factory.mktemp("runs")
    data = table(here / "t.csv")
    train(data, target="y", settings=QUICK, out=here / "plain")
    train(data, target="y", settings=QUICK | {"network.dropout": 0.5}, members=2, out=here / "ensemble")
    train(data, target="y", settings=QUICK, seed=1, out=here / "seed-1")
    train(data, target="y", settings=QUICK, weight="w", out=here / "weighted")
    train(data, target="v", settings=QUICK, out=here / "number")
    train(table(here / "other.csv", seed=1), target="y", settings=QUICK, out=here / "elsewhere")
    return here


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Callable[..., Run]:
    """Copy a run under another name, with other predictions."""

    def copy(name: str, to: str, edit: Callable[[pl.DataFrame], pl.DataFrame] | None = None) -> Run:
        run = Run(shutil.copytree(folder / name, tmp_path / to))
        if edit is not None:
            write_predictions(run, edit(run.predictions))
        return Run(run.path)

    return copy


def test_runs_with_the_same_test_part_are_compared_on_it(folder: Path) -> None:
    found = fw.compare([folder / "plain", fw.load(folder / "ensemble")])
    assert (found.metric, found.part, found.rows, found.notes) == ("roc_auc", "test", 45, ())
    areas = []
    for name, contender in zip(("plain", "ensemble"), found.contenders, strict=True):
        test = Run(folder / name).predictions.filter(pl.col("part") == "test")
        areas.append(roc_auc_score(test["truth"] == "yes", test["probability_yes"]))
        assert contender.name == name
        assert contender.figure.value == pytest.approx(areas[-1])
    against = found.contenders[1].against
    assert against is not None
    assert against.difference.value == pytest.approx(areas[1] - areas[0])


def test_runs_that_divided_the_rows_differently_are_compared_on_what_none_was_trained_on(folder: Path) -> None:
    found = fw.compare([folder / "plain", folder / "seed-1"])
    held = [Run(folder / name).predictions for name in ("plain", "seed-1")]
    both = held[0].join(held[1], on="row")
    deciding = both.filter((pl.col("part") == "validation") | (pl.col("part_right") == "validation"))
    assert (found.part, found.rows) == ("held-out", len(both))
    assert found.notes == (
        f"the runs divided the rows differently: none of them was trained on these {len(both)} rows, but "
        f"{len(deciding)} told one or another when to stop, which flatters it a little",
    )
    witness = roc_auc_score(both["truth"] == "yes", both["probability_yes_right"])
    assert found.contenders[1].figure.value == pytest.approx(witness)


def test_runs_that_share_no_row_are_refused(copied: Callable[..., Run]) -> None:
    first = copied("plain", "a", lambda held: held.filter(pl.col("part") == "test"))
    other = copied("plain", "b", lambda held: held.filter(pl.col("part") == "validation"))
    with pytest.raises(RequestError, match=r"on rows that none of them was trained on, but there is none: .*same seed"):
        fw.compare([first, other])


def test_the_rows_of_a_test_file_count_only_where_all_runs_had_it(tmp_path: Path) -> None:
    data, one, other = (table(tmp_path / f"{name}.csv", seed=seed) for seed, name in enumerate("tuv"))
    train(data, target="y", settings=QUICK, test=one, out=tmp_path / "a")
    train(data, target="y", settings=QUICK, test=one, out=tmp_path / "b", seed=1)
    train(data, target="y", settings=QUICK, test=other, out=tmp_path / "c")
    same = fw.compare([tmp_path / "a", tmp_path / "b"])
    assert (same.part, same.rows) == ("test", ROWS)
    apart = fw.compare([tmp_path / "a", tmp_path / "c"])
    validation = Run(tmp_path / "a").data["split"]["validation"]
    assert (apart.part, apart.rows) == ("held-out", validation)


def test_rows_are_weighed_when_all_runs_weigh_them_alike(folder: Path, copied: Callable[..., Run]) -> None:
    apart = fw.compare([folder / "plain", folder / "weighted"])
    assert apart.notes == ("the runs weigh the rows differently, so every row counts alike here",)
    alike = fw.compare([folder / "weighted", copied("weighted", "again")])
    test = Run(folder / "weighted").predictions.filter(pl.col("part") == "test")
    witness = roc_auc_score(test["truth"] == "yes", test["probability_yes"], sample_weight=test["weight"])
    assert alike.notes == ()
    assert alike.contenders[0].figure.value == pytest.approx(witness)


def test_another_metric_is_compared_when_it_is_named(folder: Path) -> None:
    found = fw.compare([folder / "plain", folder / "ensemble"], metric="log_loss")
    assert (found.metric, found.higher_is_better) == ("log_loss", False)
    first, other = (contender.figure.value for contender in found.contenders)
    against = found.contenders[1].against
    assert first is not None
    assert other is not None
    assert against is not None
    assert against.difference.value == pytest.approx(first - other)


def test_what_was_asked_for_is_told_apart_from_what_followed(folder: Path) -> None:
    found = fw.compare([folder / "plain", folder / "ensemble"])
    assert found.contenders[0].changes == ()
    asked = [str(change) for change in found.contenders[1].changes if change.asked]
    assert asked == ["members 1 -> 2", "network.dropout 0.3 -> 0.5"]
    followed = [change.setting for change in found.contenders[1].changes if not change.asked]
    assert followed == ["training.execution", "training.members_at_once"]


SGD = {
    "training.optimizer": "sgd",
    "training.momentum": 0.8,
    "training.beta2": NEUTRAL["training.beta2"],
}


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        (SGD, ["training.optimizer adamw -> sgd", "training.momentum 0.9 -> 0.8"]),
        ({"network.hidden": [8, 4]}, ["network.hidden [4] -> [8, 4]"]),
        ({"data.drop": ["u"]}, ["data.drop [] -> [u]"]),
        ({"data.columns.x.kind": "category"}, ["data.columns.x kind number -> kind category"]),
        ({"training.class_weights": {"yes": 2.0}}, ["training.class_weights none -> yes 2"]),
        ({}, []),
    ],
)
def test_settings_without_effect_are_not_told(
    edits: dict[str, Any], told: list[str], copied: Callable[..., Run]
) -> None:
    first, other = copied("plain", "a"), copied("plain", "b")
    write_recipe(other, changed(other.recipe, edits), comments={})
    found = fw.compare([first, Run(other.path)])
    assert [str(change) for change in found.contenders[1].changes] == told


def test_what_a_training_took_is_told(copied: Callable[..., Run]) -> None:
    run = copied("ensemble", "a")
    looks = pl.DataFrame(
        {
            "member": [0, 1, 0, 1, 0, 1],
            "epoch": [0.0, 0.0, 1.0, 1.0, 2.0, 1.5],
            "step": [0, 0, 5, 5, 10, 10],
            "split": ["validation", "validation", "train", "train", "train", "train"],
            "seconds": [None, None, 2.0, 2.0, 3.5, 3.5],
        }
    )
    write_history(run, looks)
    effort = fw.compare([run, run]).contenders[0].effort
    assert (effort.members, effort.epochs, effort.seconds) == (2, 2.0, 5.5)
    assert effort.weights == sum(tensor.numel() for tensor in run.model.network.parameters())


def test_a_run_compared_with_itself_has_a_name_of_its_own(folder: Path) -> None:
    found = fw.compare([folder / "plain", folder / "plain"])
    assert [contender.name for contender in found.contenders] == ["plain", "plain (2)"]
    against = found.contenders[1].against
    assert against is not None
    assert (against.difference.value, against.verdict) == (0.0, "not distinguishable")


def test_an_interrupted_run_is_compared_with_a_word_of_caution(copied: Callable[..., Run]) -> None:
    run, cut = copied("plain", "whole"), copied("plain", "cut")
    events = cut.path / "events.jsonl"
    events.write_text(events.read_text() + '{"version": 1, "event": "interrupted"}\n')
    said = "cut is not finished (interrupted), so its figures are those of a training cut short"
    assert fw.compare([run, cut]).notes == (said,)


def unfinished(run: Run) -> None:
    for name in ("model.safetensors", "predictions.parquet", "evaluation.json"):
        (run.path / name).unlink()
    sums = json.loads((run.path / "checksums.json").read_text())
    sums["sha256"] = {name: sums["sha256"][name] for name in ("recipe.yaml", "data.json", "encoders.json")}
    (run.path / "checksums.json").write_text(json.dumps(sums))


def of_an_older_fitwell(run: Run) -> None:
    (run.path / "predictions.parquet").unlink()
    sums = json.loads((run.path / "checksums.json").read_text())
    del sums["sha256"]["predictions.parquet"]
    (run.path / "checksums.json").write_text(json.dumps(sums))


def without_a_column(run: Run) -> None:
    write_predictions(run, run.predictions.drop("probability_yes"))


def with_other_truth(run: Run) -> None:
    flipped = pl.when(pl.col("truth") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes"))
    write_predictions(run, run.predictions.with_columns(flipped.alias("truth")))


def with_a_damaged_history(run: Run) -> None:
    write_history(run, run.history.drop("step"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (unfinished, r"cut was cut off before it was finished; continue it with: fitwell resume .*cut"),
        (of_an_older_fitwell, r"has no predictions\.parquet: an older Fitwell trained it; train it again"),
        (without_a_column, r'predictions\.parquet is damaged: the column "probability_yes" is missing; restore it'),
        (with_a_damaged_history, r"history\.parquet is damaged \(.*step.*\); restore it"),
    ],
)
def test_a_run_that_cannot_be_compared_says_why(
    spoil: Callable[[Run], None], says: str, folder: Path, copied: Callable[..., Run]
) -> None:
    run = copied("plain", "cut")
    spoil(run)
    with pytest.raises(RunError, match=says):
        fw.compare([folder / "plain", run.path])


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ("number", r"predict the same, but .*plain predicts y \(binary\) and .*number predicts v \(regression\)"),
        ("elsewhere", r"same data, but .*plain was trained on t\.csv \(sha256:.*\) and .*elsewhere on other\.csv \("),
    ],
)
def test_runs_of_other_data_or_another_target_are_refused(other: str, says: str, folder: Path) -> None:
    with pytest.raises(RequestError, match=says):
        fw.compare([folder / "plain", folder / other])


def test_runs_that_read_the_target_differently_are_refused(folder: Path, copied: Callable[..., Run]) -> None:
    run = copied("plain", "turned")
    with_other_truth(run)
    with pytest.raises(RequestError, match=r"agree on the truth, but .* differently in 45 of 45 rows, the first"):
        fw.compare([folder / "plain", run])


@pytest.mark.parametrize("targets", [["y", "c"], ["v", "u"]])
def test_the_order_in_which_targets_were_named_does_not_matter(
    targets: list[str], folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "t.csv"
    pl.read_csv(folder / "t.csv").with_columns(c=pl.col("y").eq("yes").cast(pl.Int8)).write_csv(data)
    train(data, target=targets, settings=QUICK, out=tmp_path / "a")
    train(data, target=targets[::-1], settings=QUICK, out=tmp_path / "b", seed=1)
    metric = "brier" if "y" in targets else "mae"
    found = fw.compare([tmp_path / "a", tmp_path / "b"], metric=metric)
    held = [Run(tmp_path / name).predictions for name in "ab"]
    both = held[0].join(held[1], on="row")
    for contender, ending in zip(found.contenders, ("", "_right"), strict=True):
        errors = []
        for name, positive in zip(targets, ("yes", "1"), strict=True):
            truth = both[f"truth_{name}"]
            if metric == "mae":
                errors.append(np.abs(truth.to_numpy() - both[f"prediction_{name}{ending}"].to_numpy()))
            else:
                errors.append(((truth == positive).to_numpy() - both[f"probability_{name}{ending}"].to_numpy()) ** 2)
        assert contender.figure.value == pytest.approx(np.mean(errors))


@pytest.mark.parametrize("runs", [[], ["one"], "one"])
def test_fewer_than_two_runs_are_refused(runs: Any) -> None:
    with pytest.raises(RequestError, match="at least two runs are needed to compare"):
        fw.compare(runs)


def test_the_command_fits_a_screen_and_says_what_the_value_says(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    runs = [str(folder / name) for name in ("plain", "ensemble", "seed-1")]
    assert command(["compare", *runs]) == 0
    said = capsys.readouterr().out
    found = fw.compare(runs)
    assert f"roc_auc on the same {found.rows} held-out rows of t.csv" in said
    assert "both intervals hold at once with 95 %" in said
    for contender in found.contenders[1:]:
        assert contender.against is not None
        assert f"{contender.name:<8}  {contender.against.difference.value:+.{found.decimals}f}" in said
        assert contender.against.verdict in said
    assert "network.dropout  0.3 -> 0.5" in said
    assert [line for line in said.splitlines() if len(line) > 80 and not line.startswith("!")] == []


def test_an_interval_that_covers_less_often_than_it_claims_is_marked(
    copied: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    def sure_of_one_error(held: pl.DataFrame) -> pl.DataFrame:
        last = pl.int_range(pl.len()) == pl.len() - 1
        wrong = pl.when(pl.col("truth") == "yes").then(1e-12).otherwise(1 - 1e-12)
        sure = pl.when(last).then(wrong).otherwise(pl.col("probability_yes"))
        return held.with_columns(sure.alias("probability_yes"), (1 - sure).alias("probability_no"))

    runs = [str(copied("plain", "a").path), str(copied("plain", "b", sure_of_one_error).path)]
    assert command(["compare", *runs, "--metric", "accuracy"]) == 0
    assert "≈" not in capsys.readouterr().out
    assert command(["compare", *runs, "--metric", "log_loss"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said if "≈" in line] == ["b", "≈"]
    assert "≈ these intervals cover less often than they claim" in said


def test_json_is_the_value_in_plain_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(folder / name) for name in ("plain", "ensemble")]
    assert command(["compare", *runs, "--metric", "brier", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(json.dumps(fw.compare(runs, metric="brier").as_json()))
    assert (found["version"], found["metric"], found["correction"]) == (1, "brier", "Bonferroni over 1")
    assert found["runs"][1]["verdict"] in ("better", "not distinguishable", "worse")


def test_a_comparison_prints_its_verdicts_and_shows_itself_in_a_notebook(folder: Path) -> None:
    found = fw.compare([folder / "plain", folder / "ensemble"])
    first, other = found.contenders
    assert other.against is not None
    assert str(found).splitlines() == [
        f"roc_auc on the same 45 test rows of t.csv: plain {first.figure}",
        f"ensemble {other.figure} is {other.against.verdict}, by {other.against.difference}",
    ]
    assert found._repr_svg_().startswith("<svg ")


def test_the_command_knows_every_theme() -> None:
    themes = get_args(get_type_hints(command_compare)["theme"])
    assert themes == get_args(ThemeName) == tuple(THEMES)


@pytest.mark.parametrize("name", ["c.svg", "c.png"])
def test_a_picture_is_drawn_when_asked_for(name: str, folder: Path, tmp_path: Path) -> None:
    runs = [str(folder / name) for name in ("plain", "ensemble")]
    assert command(["compare", *runs, "--output", str(tmp_path / name), "--theme", "dark"]) == 0
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith(b"<svg " if name == "c.svg" else b"\x89PNG")


@pytest.mark.parametrize(
    ("low", "high", "decimals"), [(0.8212, 0.8712, 3), (0.0, 0.0004, 5), (1200.0, 1900.0, 0), (1.0, 1.0, 2)]
)
def test_two_digits_of_the_narrowest_interval_are_shown(low: float, high: float, decimals: int, folder: Path) -> None:
    found = fw.compare([folder / "plain", folder / "plain"])
    first = found.contenders[0]
    figure = fw.metrics.Figure(value=low, low=low, high=high, method="")
    only = RunComparison(**(vars(found) | {"contenders": (type(first)(**(vars(first) | {"figure": figure})),)}))
    assert only.decimals == decimals
