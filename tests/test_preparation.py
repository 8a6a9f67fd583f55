"""Rows are made ready by what the training rows say, and a resolved recipe makes them ready again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.encode import encoders_to_json
from fitwell.data.read import Table, read_table
from fitwell.errors import DataError, RequestError
from fitwell.preparation import Labelled, Prepared, divided, divided_in_folds, labelled_rows_of, planned, prepare
from fitwell.recipe import Recipe, changed, from_yaml, to_yaml

EXAMPLES = Path(__file__).parents[1] / "examples"


def labelled_of(data: object, test: object = None, **asked: Any) -> tuple[Labelled, Recipe]:
    settings: dict[str, Any] = {name.replace("__", "."): value for name, value in asked.items()}
    other: Table | None = None
    if test is not None:
        other, settings = read_table(test), settings | {"data.test": "test.csv"}
    return labelled_rows_of(read_table(data), changed(Recipe(), {"device": "cpu"} | settings), test=other)


def prepared_of(data: object, test: object = None, **asked: Any) -> Prepared:
    labelled, recipe = labelled_of(data, test, **asked)
    return prepare(labelled, recipe, split=divided(labelled, recipe))


def rows(count: int = 120, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age, area = random.normal(40, 10, count), random.choice(["a", "b", "c"], count)
    return pl.DataFrame({"age": age, "area": area, "price": age * 3 + 5 * (area == "b") + random.normal(0, 1, count)})


def parts(prepared: Prepared) -> list[list[int]]:
    split = prepared.split
    return [part.tolist() for part in (split.train, split.validation, split.test)]


DESCRIBED = {"why", "distinct", "missing_count"}  # of a column, in words and counts that decide nothing


def fitted(prepared: Prepared) -> list[dict[str, Any]]:
    encoders = encoders_to_json(prepared.encoders)["encoders"]
    return [
        encoder | {"column": {name: value for name, value in encoder["column"].items() if name not in DESCRIBED}}
        for encoder in encoders
    ]


def same(one: Prepared, other: Prepared) -> bool:
    return (
        parts(one) == parts(other)
        and fitted(one) == fitted(other)
        and one.labelled.coding == other.labelled.coding
        and one.recipe == other.recipe
        and all(np.array_equal(one.features[name], other.features[name]) for name in one.features)
    )


def test_another_recipe_is_planned_for_the_same_encoded_rows() -> None:
    asked: dict[str, Any] = {"network.activation": "tanh", "training.batch_size": 8}
    first = prepared_of(rows(), target=["price"])
    found = planned(first, changed(Recipe(device="cpu"), asked | {"target": ["price"], "data.numbers": "none"}))
    expected = prepared_of(rows(), target=["price"], **asked)
    assert same(found, expected)
    assert dict(found.reasons) == dict(expected.reasons)
    assert found.features is first.features


@pytest.mark.parametrize("part", ["test", "validation"])
def test_only_training_rows_decide_encoders_and_target_scaling(part: str) -> None:
    frame = rows()
    before = prepared_of(frame, target=["price"])
    chosen = np.zeros(len(frame), dtype=bool)
    chosen[getattr(before.split, part)] = True
    changes = pl.Series(chosen)
    strange = frame.with_columns(
        age=pl.when(changes).then(pl.col("age") * 1000).otherwise("age"),
        area=pl.when(changes).then(pl.lit("elsewhere")).otherwise("area"),
        price=pl.when(changes).then(pl.col("price") + 1e6).otherwise("price"),
    )
    after = prepared_of(strange, target=["price"])
    assert parts(after) == parts(before)
    assert fitted(after) == fitted(before)
    assert after.labelled.coding == before.labelled.coding
    train = before.split.train
    assert all(np.array_equal(after.features[name][train], block[train]) for name, block in before.features.items())
    center, scale = frame["price"].gather(train).mean(), frame["price"].gather(train).std(ddof=0)
    coding = before.labelled.coding
    assert [coding.centers[0], coding.scales[0]] == pytest.approx([center, scale])


def test_encoded_targets_have_zero_mean_and_unit_spread_in_training() -> None:
    prepared = prepared_of(rows(), target=["price"])
    targets = prepared.part(prepared.split.train, device="cpu").targets.double()
    assert float(targets.mean()) == pytest.approx(0, abs=1e-6)
    assert float(targets.std(correction=0)) == pytest.approx(1, abs=1e-6)


def test_the_rows_of_a_test_file_are_the_test_part_and_only_those() -> None:
    own, test = rows(100), rows(30, seed=1)
    prepared = prepared_of(own, test.select("price", "age", pl.lit(1).alias("extra"), "area"), target=["price"])
    assert prepared.split.test.tolist() == list(range(100, 130))
    assert sorted([*prepared.split.train, *prepared.split.validation]) == list(range(100))
    assert prepared.labelled.frame[100:].equals(test)
    assert prepared.recipe.data.split == "given"
    other = prepared_of(own, rows(30, seed=2), target=["price"])
    assert fitted(other) == fitted(prepared)
    assert other.labelled.coding == prepared.labelled.coding


def test_rows_without_a_target_are_left_out_and_counted_in_both_files() -> None:
    own = rows(100).with_columns(price=pl.when(pl.int_range(100) < 7).then(None).otherwise("price"))
    test = rows(30, seed=1).with_columns(price=pl.when(pl.int_range(30) < 4).then(None).otherwise("price"))
    labelled = prepared_of(own, test, target=["price"]).labelled
    assert (len(labelled.frame), labelled.given_test, labelled.without_target) == (93 + 26, 26, 11)
    assert labelled.frame.equals(pl.concat([own[7:], test[4:]]))


def test_a_test_file_without_a_target_in_any_row_is_refused() -> None:
    test = rows(30, seed=1).with_columns(price=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(DataError, match=r"the test file .* must have rows with a target, but none of its 30 has one"):
        prepared_of(rows(), test, target=["price"])


def test_a_test_file_without_the_columns_is_refused_by_their_names() -> None:
    with pytest.raises(DataError, match=r'must have the columns of .*, but lacks "area"; add them'):
        prepared_of(rows(), rows(30).drop("area"), target=["price"])
    with pytest.raises(DataError, match=r'but lacks "age" and 1 more; add them'):
        prepared_of(rows(), rows(30).drop("area", "age"), target=["price"])


def test_a_test_file_of_other_types_is_refused_in_words() -> None:
    test = rows(30).with_columns(age=pl.Series([date(2020, 1, 1)] * 30))
    with pytest.raises(DataError, match=r'"age" must hold the same type in .*, but holds Date, not Float64'):
        prepared_of(rows(), test, target=["price"])


@pytest.mark.parametrize(("part", "what"), [("train", "train on"), ("validation", "decide when"), ("test", "measure")])
def test_a_part_whose_weights_are_all_zero_is_refused(part: str, what: str) -> None:
    frame = rows()
    chosen = getattr(prepared_of(frame, target=["price"]).split, part)
    weight = np.ones(len(frame))
    weight[chosen] = 0
    weighted = frame.with_columns(weight=weight)
    with pytest.raises(DataError, match=rf"the rows to {what}.* need a weight above 0, but all {len(chosen)} of them"):
        prepared_of(weighted, target=["price"], data__weight="weight")


def test_weights_go_with_their_rows() -> None:
    frame = rows().with_columns(weight=pl.int_range(120) + 1)
    prepared = prepared_of(frame, target=["price"], data__weight="weight")
    of_test = prepared.part(prepared.split.test, device="cpu")
    assert of_test.weights is not None
    assert of_test.weights.tolist() == (prepared.split.test + 1).tolist()
    assert "weight" not in prepared.encoders.layout.names["numbers"]


@pytest.mark.parametrize("settings", [{}, {"data__group": "group"}])
def test_every_row_is_measured_in_exactly_one_fold(settings: dict[str, str]) -> None:
    frame = rows().with_columns(group=pl.int_range(120) // 4)
    labelled, recipe = labelled_of(frame, target=["price"], data__folds=5, **settings)
    splits = divided_in_folds(labelled, recipe)
    assert sorted(np.concatenate([split.test for split in splits]).tolist()) == list(range(120))
    for split in splits:
        assert sorted(np.concatenate([split.train, split.validation, split.test]).tolist()) == list(range(120))
        if settings:
            assert not {*(split.test // 4)} & {*(split.train // 4), *(split.validation // 4)}


def test_a_task_that_the_target_contradicts_is_refused() -> None:
    with pytest.raises(RequestError, match=r"task is multilabel, but .* makes it multiclass; leave task out"):
        labelled_of(rows(), target=["area"], task="multilabel")


TARGETS = {"german_credit": "class", "penguins": "species", "telco_churn": "Churn"}


def again(data: object, first: Prepared) -> Prepared:
    recipe = from_yaml(to_yaml(first.recipe, comments=dict(first.reasons)))
    labelled, decided = labelled_rows_of(read_table(data), recipe, test=None)
    return prepare(labelled, decided, split=divided(labelled, decided))


@pytest.mark.parametrize("name", TARGETS)
def test_a_resolved_recipe_prepares_an_example_again(name: str) -> None:
    path = EXAMPLES / f"{name}.csv"
    first = prepared_of(path, target=[TARGETS[name]])
    assert same(first, again(path, first))


def test_a_word_taken_for_missing_is_missing_again() -> None:
    cells = [*map(str, range(99)), "varies"]
    frame = pl.DataFrame({"size": cells, "price": [f"{value}.5" for value in range(100)]})
    first = prepared_of(frame, target=["price"])
    assert first.labelled.schema.features[0].missing == ("varies",)
    second = again(frame, first)
    assert all(np.array_equal(block, second.features[name]) for name, block in first.features.items())
    assert (parts(second), second.recipe) == (parts(first), first.recipe)


CELLS = {
    "number": st.sampled_from(["1.5", "2", "3,000", "?", "", "17", "-4", "1e3"]),
    "word": st.sampled_from(["red", "green", "blue", "NA", "", "unknown"]),
    "flag": st.sampled_from(["yes", "no", "yes", ""]),
    "date": st.sampled_from(["2020-01-05", "2021-06-30", "2022-02-28", ""]),
    "code": st.sampled_from(["1", "2", "3"]),
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    count = draw(st.integers(20, 50))
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    columns = {
        f"{place}_{kind}": draw(st.lists(CELLS[kind], min_size=count, max_size=count))
        for place, kind in enumerate(kinds)
    }
    target = draw(st.sampled_from([["a", "b"], ["0", "1"], ["x", "y", "z"], [f"{value}.5" for value in range(40)]]))
    columns["target"] = draw(st.lists(st.sampled_from(target), min_size=count, max_size=count))
    return pl.DataFrame(columns)


@given_settings(deadline=None, max_examples=20)
@given(tables(), st.integers(0, 5))
def test_a_resolved_recipe_prepares_any_table_again(frame: pl.DataFrame, seed: int) -> None:
    try:
        first = prepared_of(frame, target=["target"], seed=seed)
    except (DataError, RequestError):
        return  # refused in words, which is fine
    assert same(first, again(frame, first))


def test_a_target_whose_two_writings_are_one_class_is_refused() -> None:
    table = read_table({"x": ["a", "b"] * 11, "y": ["0"] * 20 + ["0.0"] * 2})
    with pytest.raises(DataError, match='the target "y" must have at least two classes, but its 22 rows'):
        labelled_rows_of(table, Recipe(target=("y",)), test=None)
