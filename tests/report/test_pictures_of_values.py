"""Pictures of numbers show what the rows hold: counts, shares inside, means over members and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fitwell.report.coverage import coverage_bins
from fitwell.report.explained import importance_pictures
from fitwell.report.inside import inside_pictures
from fitwell.report.learning import best_epochs, learning_pictures
from fitwell.report.members import members_pictures
from fitwell.report.picture import Contents
from fitwell.report.several import class_table, confusion
from fitwell.report.shades import shade, sizes
from fitwell.report.standing import standing_pictures
from fitwell.report.values import value_pictures

MakeContents = Callable[[str], Contents]


def rows_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every row of data anywhere in a specification."""
    own = spec.get("data", {}).get("values", [])
    inner = [row for part in (*spec.get("layer", ()), *spec.get("vconcat", ())) for row in rows_of(part)]
    return [*own, *inner]


def test_few_rows_are_dots_and_many_are_counted(make_contents: MakeContents) -> None:
    contents = make_contents("regression")
    assert contents.predictions is not None
    cloud = next(iter(value_pictures(contents)))
    dots = {(row["x"], row["y"]) for row in rows_of(cloud.spec["layer"][0])}
    pairs = contents.predictions.select("prediction", "truth").rows()
    assert dots == {(float(f"{guess:.8g}"), float(f"{truth:.8g}")) for guess, truth in pairs}
    many = replace(contents, predictions=pl.concat([contents.predictions] * 3))
    cells = rows_of(next(iter(value_pictures(many))).spec["layer"][0])
    assert len(cells) < 1200
    assert all(cell["z"] != "less" for cell in cells)  # a cell that is drawn holds three rows at least


def test_coverage_is_the_share_of_rows_inside_by_a_loop() -> None:
    random = np.random.default_rng(0)
    guess, inside = random.normal(size=205), random.random(205) < 0.9
    bins = coverage_bins(guess, inside)
    pairs = sorted(zip(guess.tolist(), inside.tolist(), strict=True))
    assert len(bins) == 10
    assert sum(share for _, share in pairs[:21]) / 21 == pytest.approx(bins[0]["y"])
    assert sum(place for place, _ in pairs[:21]) / 21 == pytest.approx(bins[0]["x"])


def test_the_confusion_matrix_and_the_table_of_classes_are_those_of_scikit_learn(make_contents: MakeContents) -> None:
    contents = make_contents("multiclass")
    assert contents.predictions is not None
    found = confusion(contents)
    assert found is not None
    classes, cells = found
    truth, predicted = contents.predictions["truth"].to_list(), contents.predictions["prediction"].to_list()
    assert cells.tolist() == confusion_matrix(truth, predicted, labels=classes).tolist()
    table = class_table(contents, [])
    assert table is not None
    theirs = precision_recall_fscore_support(truth, predicted, labels=classes)
    for place, row in enumerate(table.rows):
        assert row[:2] == [classes[place], str(theirs[3][place])]
        assert [float(cell) for cell in row[2:5]] == pytest.approx([part[place] for part in theirs[:3]], abs=5e-4)


def test_the_best_of_a_figure_of_which_less_is_better_is_its_lowest(make_contents: MakeContents) -> None:
    contents = make_contents("regression")
    assert contents.history is not None
    errors = contents.history.with_columns(
        figure=pl.when((pl.col("epoch") == 0) & (pl.col("member") == 0)).then(900.0).otherwise(1 - pl.col("figure")),
        metric=pl.when(pl.col("figure").is_not_null()).then(pl.lit("rmse")),
    )
    _, picture = learning_pictures(replace(contents, history=errors))
    mean = errors.filter(pl.col("figure").is_not_null()).group_by("epoch").agg(pl.col("figure").mean()).sort("epoch")
    lowest, last = min(mean["figure"].to_list()), mean["figure"].to_list()[-1]
    assert picture.title == "RMSE on the validation rows"
    assert picture.says == f"The RMSE was {lowest:.3g} at its lowest and {last:.3g} at the end."
    (domain,) = {
        tuple(layer["encoding"]["y"]["scale"]["domain"])
        for layer in picture.spec["layer"]
        if layer["encoding"].get("y", {}).get("scale")
    }
    assert domain[0] == pytest.approx(lowest)
    assert domain[1] < 900  # one look of one member, far off, does not press the others together


def test_curves_are_means_over_members_and_the_best_epoch_has_the_lowest_loss(make_contents: MakeContents) -> None:
    contents = make_contents("binary")
    assert contents.history is not None
    losses = contents.history.filter(pl.col("split") == "validation")
    assert best_epochs(losses) == {0: 6.0, 1: 6.0}  # where the parabola of the history has its bottom
    picture = next(iter(learning_pictures(contents)))
    drawn = {row["x"]: row["y"] for row in rows_of(picture.spec) if row.get("s") == "validation" and "m" not in row}
    for epoch in (0.0, 6.0, 11.0):
        of_epoch = losses.filter(pl.col("epoch") == epoch)["loss"].to_list()
        assert drawn[epoch] == pytest.approx(sum(of_epoch) / len(of_epoch))
    assert "the best weights are those of epoch 6 of 11" in picture.says
    own = {"training": {"early_stopping": {"restore_best": False}}}
    last = replace(contents, settings={**contents.settings, **own})
    assert "the last weights are those of epoch 11 of 11" in next(iter(learning_pictures(last))).says


def test_a_training_that_blew_up_is_drawn_as_far_as_it_goes(make_contents: MakeContents) -> None:
    contents = make_contents("regression")
    assert contents.history is not None
    lost = contents.history.with_columns(
        loss=pl.when(pl.col("epoch") > 3).then(float("nan")).otherwise(pl.col("loss")),
        figure=pl.when(pl.col("epoch") > 3).then(float("nan")).otherwise(pl.col("figure")),
    )
    pictures = list(learning_pictures(replace(contents, history=lost)))
    assert "were infinite or no number" in pictures[0].says
    assert max(row["x"] for row in rows_of(pictures[0].spec["vconcat"][0])) == 3.0
    nothing = contents.history.with_columns(loss=pl.lit(float("nan")), figure=pl.lit(float("inf")))
    assert [picture.name for picture in learning_pictures(replace(contents, history=nothing))] == ["loss"]


def test_maps_have_a_row_for_each_layer_from_the_inputs_to_the_head(make_contents: MakeContents) -> None:
    pictures = list(inside_pictures(make_contents("binary")))
    assert [picture.name for picture in pictures] == ["gradient-norm", "update-ratio", "zeros", "activation-spread"]
    assert pictures[0].spec["encoding"]["y"]["sort"] == ["inputs", "layer 1", "head"]
    # Twelve recorded steps, three layers.
    assert len(rows_of(pictures[0].spec)) == 36


def test_a_shade_says_where_it_begins() -> None:
    edges = sizes(0.003, 40.0)
    assert [shade(each, edges) for each in (0.001, *edges)] == ["less", *(f"{edge:.2g}+" for edge in edges)]


@pytest.mark.parametrize(("low", "high"), [(1e-9, 1e9), (0.5, 0.50001), (2.0, 3.0), (0.9, 2.0), (1.0, 1e4)])
def test_round_sizes_lie_between_and_are_few(low: float, high: float) -> None:
    found = sizes(low, high)
    assert 1 <= len(found) <= 5
    assert found == sorted(set(found))
    assert all(low <= each < high for each in found)


def test_what_members_gain_has_the_sign_of_the_metric(make_contents: MakeContents) -> None:
    contents = make_contents("regression")
    gain = {"value": 1.5, "low": 1.1, "high": 1.9, "method": "paired"}
    told = {
        "metric": "rmse", "members": 2, "compared": 2, "calibrated": False, "together": 3.0, "alone": [4.0, 5.0],
        "average": 4.5, "gain": gain, "verdict": "better", "disagreement": None,
    }  # fmt: skip
    with_members = replace(contents, evaluation={**(contents.evaluation or {}), "ensemble": told})
    (picture,) = members_pictures(with_members)
    assert (
        "reaches 3.00, 1.50 better than one of them on average (95 % interval of the gain 1.10 to 1.90)" in picture.says
    )
    assert len(rows_of(picture.spec)) == 3
    assert list(members_pictures(contents)) == []


@pytest.mark.parametrize(
    ("low", "use"), [(0.55, "Disagreement tells errors"), (0.45, "Disagreement is no sign of err")]
)
def test_disagreement_is_told_for_what_it_is(low: float, use: str, make_contents: MakeContents) -> None:
    groups = [
        {"rows": 80, "disagreement": 0.0, "error": 0.1, "low": 0.05, "high": 0.2},
        {"rows": 20, "disagreement": 0.3, "error": 0.4, "low": 0.25, "high": 0.6},
    ]
    figure = {"value": 0.65, "low": low, "high": 0.75, "method": "DeLong"}
    told = {
        "metric": "accuracy", "members": 40, "compared": 16, "calibrated": True, "together": 0.9, "alone": [0.8, 0.82],
        "average": 0.81, "gain": {"value": 0.09, "low": 0.05, "high": 0.13}, "verdict": "better",
        "disagreement": {
            "error": "share of wrong answers", "wrong": "rows with a wrong answer", "groups": groups,
            "tells_errors": figure, "doubt_tells_errors": {**figure, "value": 0.8, "low": 0.7, "high": 0.9},
            "difference": figure, "verdict": "worse",
        },
    }  # fmt: skip
    contents = make_contents("multiclass")
    first, second = members_pictures(replace(contents, evaluation={**(contents.evaluation or {}), "ensemble": told}))
    assert first.says.startswith("Alone the first 2 members reach 0.800 to 0.820; the mean of all predictions reaches")
    assert second.says.startswith(f"{use}")
    assert "is 10 % where they agree most and 40 % where they disagree most" in second.says
    assert "The predicted probability alone tells them better (80 %)" in second.says
    assert [row["y"] for row in rows_of(second.spec)] == [0.1, 0.4]
    assert second.table is not None
    assert [row[1] for row in second.table.rows] == ["80", "20"]


def test_columns_that_change_nothing_are_not_drawn(make_contents: MakeContents) -> None:
    contents = make_contents("binary")
    told = contents.explanation["importance"]
    nothing = [{**each, "value": 0.0, "low": 0.0, "high": 0.0} for each in told["columns"]]
    explanation = {**contents.explanation, "importance": {**told, "columns": nothing}}
    assert list(importance_pictures(replace(contents, explanation=explanation))) == []


def test_a_model_whose_figure_is_undefined_is_left_out_of_the_picture(make_contents: MakeContents) -> None:
    contents = make_contents("binary")
    evaluation = dict(contents.evaluation or {})
    undefined = {"value": None, "low": None, "high": None, "reason": "no row is positive"}
    majority = {**evaluation["baselines"]["majority"], "metrics": {"roc_auc": undefined}, "difference": undefined}
    evaluation["baselines"] = {**evaluation["baselines"], "majority": majority}
    (picture,) = standing_pictures(replace(contents, evaluation=evaluation))
    assert [row["name"] for row in picture.spec["data"]["values"]] == ["network", "a linear model"]
    assert picture.table is not None
    assert picture.table.rows[1][-1] == "not comparable"
