"""A run keeps the rows it was not trained on: their numbers in the file, their truth, and what was predicted."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score

from fitwell.errors import DataError
from fitwell.held_out import held_out_of
from fitwell.run import Run
from fitwell.tasks.task import TargetCoding
from fitwell.workflow import train

ROWS = 150
QUICK: dict[str, Any] = {"training.epochs": 2, "network.hidden": [8], "training.batch_size": 32}

Cell = Callable[[int, float], str]

# How the cells of each target are written, from the row's number and its feature.
CELLS: dict[str, dict[str, Cell]] = {
    "binary": {"y": lambda i, x: "yes" if x > 0 else "no"},
    "multiclass": {"y": lambda i, x: "ABC"[int(x > -0.5) + int(x > 0.5)]},
    "multilabel": {"y": lambda i, x: "1" if x > 0 else "0", "z": lambda i, x: "hot" if i % 3 else "cold"},
    "regression": {"y": lambda i, x: f"{3 * x + 1:.3f}"},
    "two targets": {"y": lambda i, x: f"{3 * x + 1:.3f}", "z": lambda i, x: f"{100 - i * 0.25 * x:.3f}"},
}


def missing(row: int) -> bool:
    """Every seventh row and the first three have no target."""
    return row % 7 == 0 or row < 3


def written(path: Path, kind: str, *, seed: int = 0) -> list[dict[str, str]]:
    """Write a table some of whose rows have no target, and return its rows as text."""
    random = np.random.default_rng(seed)
    rows = []
    for row in range(ROWS):
        x = random.normal()
        targets = {name: "" if missing(row) else cell(row, x) for name, cell in CELLS[kind].items()}
        rows.append({"x": f"{x:.6f}", "u": f"{random.normal():.6f}", "w": f"{1 + row % 4}", **targets})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


@pytest.fixture(scope="module", params=CELLS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run, Path]:
    folder = tmp_path_factory.mktemp("runs")
    written(folder / "t.csv", request.param)
    targets = list(CELLS[request.param])
    return request.param, train(folder / "t.csv", target=targets, settings=QUICK, out=folder / "run"), folder / "t.csv"


def test_each_row_is_found_in_the_file_by_its_number_with_its_truth(made: tuple[str, Run, Path]) -> None:
    kind, run, file = made
    names = list(CELLS[kind])
    with file.open() as lines:
        cells = list(csv.DictReader(lines))
    for entry in run.predictions.iter_rows(named=True):
        for name in names:
            truth = entry["truth" if len(names) == 1 else f"truth_{name}"]
            cell = cells[entry["row"]][name]
            assert truth == (cell if isinstance(truth, str) else float(cell))
    assert not any(missing(row) for row in run.predictions["row"])


def test_each_row_is_predicted_as_the_run_predicts_it_from_the_file(made: tuple[str, Run, Path]) -> None:
    _, run, file = made
    kept = run.predictions
    again = run.predict(file)[kept["row"].to_list()]
    assert kept.columns[-len(again.columns) :] == again.columns
    for name in again.columns:
        if again[name].dtype == pl.String:
            assert kept[name].to_list() == again[name].to_list()
        else:  # float32 in other company
            assert kept[name].to_numpy() == pytest.approx(again[name].to_numpy(), rel=1e-4, abs=1e-6)


def test_the_parts_are_those_of_the_split_and_in_order(made: tuple[str, Run, Path]) -> None:
    _, run, _ = made
    parts = run.predictions["part"].to_list()
    split = run.data["split"]
    assert parts == ["validation"] * split["validation"] + ["test"] * split["test"]
    for _, of_part in run.predictions.group_by("part", maintain_order=True):
        assert of_part["row"].is_sorted()
    assert run.predictions["row"].is_unique().all()


def test_the_figures_of_the_evaluation_follow_from_the_test_rows(made: tuple[str, Run, Path]) -> None:
    kind, run, _ = made
    test = run.predictions.filter(pl.col("part") == "test")
    figures = run.evaluation["metrics"]
    if kind == "binary":
        witness = roc_auc_score(test["truth"] == "yes", test["probability_yes"])
        assert figures["roc_auc"]["value"] == pytest.approx(witness, abs=1e-12)
    elif kind == "multiclass":
        assert figures["accuracy"]["value"] == pytest.approx(accuracy_score(test["truth"], test["prediction"]))
    elif kind == "multilabel":
        areas = [roc_auc_score(test[f"truth_{name}"] == yes, test[f"probability_{name}"]) for name, yes in POSITIVE]
        assert figures["roc_auc"]["value"] == pytest.approx(np.mean(areas), abs=1e-12)
    elif kind == "regression":
        assert figures["rmse"]["value"] == pytest.approx(mean_squared_error(test["truth"], test["prediction"]) ** 0.5)
    else:
        errors = [mean_squared_error(test[f"truth_{name}"], test[f"prediction_{name}"]) for name in "yz"]
        assert figures["rmse"]["value"] == pytest.approx(np.mean(np.sqrt(errors)))


POSITIVE = (("y", "1"), ("z", "cold"))  # the rarer of two words is the positive one


def test_the_rows_of_a_test_file_go_on_counting_after_the_data(tmp_path: Path) -> None:
    own, others = written(tmp_path / "t.csv", "regression"), written(tmp_path / "u.csv", "regression", seed=1)
    run = train(tmp_path / "t.csv", target="y", test=tmp_path / "u.csv", settings=QUICK, out=tmp_path / "run")
    cells = own + others
    test = run.predictions.filter(pl.col("part") == "test")
    assert test["row"].to_list() == [ROWS + row for row in range(ROWS) if not missing(row)]
    for row, truth in run.predictions.select("row", "truth").iter_rows():
        assert truth == float(cells[row]["y"])


def test_weights_and_disagreement_are_there_where_the_run_has_them(tmp_path: Path) -> None:
    cells = written(tmp_path / "t.csv", "binary")
    run = train(tmp_path / "t.csv", target="y", weight="w", members=2, settings=QUICK, out=tmp_path / "run")
    assert run.predictions.columns == [
        "row", "part", "weight", "truth", "prediction", "probability_no", "probability_yes", "disagreement",
    ]  # fmt: skip
    assert run.predictions["weight"].to_list() == [float(cells[row]["w"]) for row in run.predictions["row"]]


def test_without_a_test_part_the_validation_rows_are_kept(tmp_path: Path) -> None:
    written(tmp_path / "t.csv", "binary")
    run = train(tmp_path / "t.csv", target="y", settings=QUICK | {"data.test_share": 0}, out=tmp_path / "run")
    assert run.predictions["part"].unique().to_list() == ["validation"]
    assert run.evaluation["split"] == "validation"


def test_the_table_is_read_back_in_the_form_in_which_tasks_measure(made: tuple[str, Run, Path]) -> None:
    kind, run, _ = made
    table = run.predictions
    held = held_out_of(table, run.model.coding)
    figures = run.model.task.measure(held.truth, held.predictions, run.model.coding, None)
    assert figures.rows == len(table)
    assert held.rows.tolist() == table["row"].to_list()
    if kind == "multiclass":
        assert held.predictions[:, 1].tolist() == table["probability_B"].to_list()
        assert held.truth.tolist() == ["ABC".index(label) for label in table["truth"]]
        assert held.decisions is not None
        assert held.decisions.tolist() == ["ABC".index(label) for label in table["prediction"]]
    elif kind == "multilabel":
        assert held.truth[:, 1].tolist() == [label == "cold" for label in table["truth_z"]]
        assert held.predictions[:, 1].tolist() == table["probability_z"].to_list()
        assert held.decisions is not None
        assert held.decisions[:, 0].tolist() == [label == "1" for label in table["prediction_y"]]
    elif kind == "two targets":
        assert held.predictions[:, 1].tolist() == table["prediction_z"].to_list()
        assert held.decisions is None


@pytest.mark.parametrize(
    ("column", "spoilt", "says"),
    [
        ("truth", None, 'the column "truth" is missing'),
        ("truth", "D", 'the target "y" must be one of the classes known from training'),
        ("probability_B", None, 'the column "probability_B" is missing'),
        ("probability_B", float("nan"), '"probability_B" must hold finite numbers only'),
        ("probability_B", "high", '"probability_B" must hold finite numbers only'),
    ],
)
def test_a_table_with_other_columns_or_cells_is_refused(column: str, spoilt: object, says: str) -> None:
    coding = TargetCoding(names=("y",), classes=(("A", "B"),))
    table = pl.DataFrame(
        {"row": [0], "truth": ["A"], "prediction": ["B"], "probability_A": [0.4], "probability_B": [0.6]}
    )
    assert held_out_of(table, coding).predictions.tolist() == [[0.4, 0.6]]
    with pytest.raises(DataError, match=says):
        held_out_of(table.drop(column) if spoilt is None else table.with_columns(pl.lit(spoilt).alias(column)), coding)
