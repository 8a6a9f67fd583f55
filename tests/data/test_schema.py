"""Schemas: real tables read as their authors meant them, and refusals that name what to change."""

import json
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from fitwell.data.columns.cells import Column
from fitwell.data.read import Table
from fitwell.data.schema import Schema, infer_schema, infer_task, schema_from_json, schema_to_json
from fitwell.errors import DataError, RequestError
from fitwell.recipe import KindName, parse

EXAMPLES = Path(__file__).parents[2] / "examples"


def schema_of(data: dict[str, Any] | pl.DataFrame, target: str | list[str] = "y", **settings: Any) -> Schema:
    frame = data if isinstance(data, pl.DataFrame) else pl.DataFrame(data)
    table = Table(frame=frame, source="test", path=None, format="dict", fingerprint="")
    targets = [target] if isinstance(target, str) else target
    task = settings.pop("task", "auto")
    return infer_schema(table, parse({"target": targets, "task": task, "data": settings}))


def example(name: str) -> pl.DataFrame:
    return pl.read_csv(EXAMPLES / name, infer_schema=False)


def kinds_of(schema: Schema) -> dict[str, str]:
    return {column.name: column.kind for column in schema.features}


def numbers(rows: int = 40) -> list[float]:
    return [place * 0.37 % 1 for place in range(rows)]


def classes(rows: int = 40) -> list[str]:
    return ["no" if place % 3 else "yes" for place in range(rows)]


def test_telco_churn_is_read_as_its_authors_meant_it() -> None:
    schema = schema_of(example("telco_churn.csv"), "Churn")
    kinds = kinds_of(schema)
    assert [column.name for column in schema.left_out] == ["customerID"]
    assert schema.left_out[0].kind == "identifier"
    assert {name for name, kind in kinds.items() if kind == "number"} == {"tenure", "MonthlyCharges", "TotalCharges"}
    assert {name for name, kind in kinds.items() if kind == "boolean"} == {
        *("SeniorCitizen", "Partner", "Dependents", "PhoneService", "PaperlessBilling")
    }
    total = next(column for column in schema.features if column.name == "TotalCharges")
    assert total.missing_count == 11
    assert total.why == "7032 of 7043 cells read as numbers; 11 of 7043 are missing (empty)"
    assert (schema.targets[0].kind, schema.targets[0].distinct) == ("category", 2)


def test_german_credit_keeps_its_codes_and_amounts_apart() -> None:
    schema = schema_of(example("german_credit.csv"), "class")
    kinds = kinds_of(schema)
    amounts = {"duration", "credit_amount", "installment_rate", "residence_since", "age", "existing_credits"}
    assert {name for name, kind in kinds.items() if kind == "number"} == amounts
    assert infer_task(schema.targets)[0] == "binary"
    assert not schema.left_out


def test_penguins_are_three_classes_with_missing_sexes() -> None:
    schema = schema_of(example("penguins.csv"), "species")
    assert infer_task(schema.targets) == ("multiclass", '"species" has 3 classes')
    assert next(column.missing_count for column in schema.features if column.name == "sex") == 11


@pytest.mark.parametrize(
    ("cells", "task", "kind", "evidence"),
    [
        (
            [place % 7 + 3 for place in range(40)],
            "auto",
            "category",
            "7 different values in 40 rows, whole numbers taken for classes",
        ),
        ([place % 7 + 3 for place in range(40)], "regression", "number", "the task is regression"),
        (list(range(0, 80, 2)), "auto", "number", "40 different whole numbers"),
        ([0.5, 1.5, 2.0, 3.5] * 10, "auto", "number", "not all whole"),
        ([1.5, 2.5] * 20, "auto", "category", "2 different values"),
        (["a", "b", "c", "Unknown"] * 10, "auto", "category", "4 different values"),
        (["1,5", "2,25", "3"] * 10 + ["4"] * 10, "auto", "number", "not all whole"),
    ],
)
def test_targets_are_numbers_or_classes_and_say_why(cells: list[Any], task: str, kind: str, evidence: str) -> None:
    (target,) = schema_of({"x": numbers(), "y": cells}, task=task).targets
    assert target.kind == kind
    assert evidence in target.why


def test_the_task_follows_from_the_targets() -> None:
    two = schema_of({"x": numbers(), "a": classes(), "b": [0, 1] * 20}, ["a", "b"])
    assert infer_task(two.targets) == ("multilabel", '"a", "b" have two classes each')
    values = schema_of({"x": numbers(), "a": numbers()[::-1], "b": numbers()}, ["a", "b"])
    assert infer_task(values.targets) == ("regression", '"a", "b" hold numbers')
    mixed = schema_of({"x": numbers(), "a": numbers()[::-1], "b": classes()}, ["a", "b"])
    with pytest.raises(RequestError, match='"a" holds numbers, "b" holds classes; train one run for each'):
        infer_task(mixed.targets)
    three = schema_of({"x": numbers(), "a": classes(), "b": ["a", "b", "c", "d"] * 10}, ["a", "b"])
    with pytest.raises(RequestError, match='two classes each, but "b" has 4'):
        infer_task(three.targets)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (["", "?", None, "NA"] * 10, 'target "y" must have values, but all 40 cells are missing'),
        (["a", "a", "a", None] * 10, 'at least two different values, but all are "a"'),
        ([7.5] * 40, 'at least two different values, but all are "7.5"'),
        ([f"name {place}" for place in range(40)], "classes that repeat, but its 40 rows are all different"),
        ([f"2024-01-{place % 28 + 1:02d}" for place in range(40)], 'target "y" holds dates, which are not predicted'),
        ([[1, 2]] * 40, r'target "y" holds cells of type List\(Int64\)'),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(target: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        schema_of({"x": numbers(), "y": target})


@pytest.mark.parametrize("role", ["weight", "group", "time"])
def test_columns_that_do_not_exist_are_refused_with_the_nearest_name(role: str) -> None:
    data = {"amount": numbers(), "y": classes()}
    with pytest.raises(RequestError, match=rf'data.{role} names the column "amounts", .*did you mean "amount"'):
        schema_of(data, **{role: "amounts"})


def test_unknown_targets_drops_and_column_settings_are_refused_with_the_nearest_name() -> None:
    data = {"amount": numbers(), "y": classes()}
    with pytest.raises(RequestError, match=r'target names the column "Y", which does not exist; did you mean "y"'):
        schema_of(data, "Y")
    with pytest.raises(
        RequestError, match=r'data.drop names the column "zzz", which does not exist; there are "amount", "y"'
    ):
        schema_of(data, drop=["zzz"])
    with pytest.raises(RequestError, match=r'data.columns names the column "amunt", .*did you mean "amount"'):
        schema_of(data, columns={"amunt": {"kind": "number"}})
    with pytest.raises(RequestError, match="a target must be named"):
        schema_of(data, [])


def test_text_where_numbers_were_declared_is_refused_by_cell_and_row() -> None:
    data = {"x": ["1", "2", "three", "4"] * 10, "y": classes()}
    with pytest.raises(DataError, match='column "x" is declared a number, but row 3 reads "three"'):
        schema_of(data, columns={"x": {"kind": "number"}})


def test_no_features_left_says_why_each_column_is_out() -> None:
    data = {"id": list(range(40)), "same": ["a"] * 40, "z": numbers(), "y": classes()}
    message = r'"id": counts the rows, from 0 to 39; "same": all cells .* are "a"; "z": left out by data.drop'
    with pytest.raises(DataError, match=message):
        schema_of(data, drop=["z"])
    with pytest.raises(DataError, match="no columns besides the target"):
        schema_of({"y": classes()})


def test_the_way_out_of_having_no_features_fits_what_was_left_out() -> None:
    with pytest.raises(DataError, match=r"amounts, set data\.columns\.id\.kind to number"):
        schema_of({"id": list(range(40)), "y": classes()})
    with pytest.raises(DataError, match=r"left out.*; add columns whose values differ"):
        schema_of({"same": ["a"] * 40, "y": classes()})
    with pytest.raises(DataError, match=r"left out by data\.drop; leave one in"):
        schema_of({"x": numbers(), "y": classes()}, drop=["x"])


def test_text_alone_is_enough() -> None:
    text = {"sms": [f"call {place} now to win {place % 9} prizes" for place in range(40)], "y": classes()}
    assert kinds_of(schema_of(text)) == {"sms": "text"}


def test_roles_are_no_features_but_a_date_of_the_time_is() -> None:
    days = [f"2024-{place % 12 + 1:02d}-{place % 28 + 1:02d}" for place in range(40)]
    data = {"x": numbers(), "w": numbers(), "g": ["a", "b", "c", "d"] * 10, "t": days, "n": range(40), "y": classes()}
    schema = schema_of(data, weight="w", time="t", drop=["g", "n"])
    assert kinds_of(schema) == {"x": "number", "t": "date"}
    assert schema.weight is not None
    assert schema.weight.kind == "number"
    assert kinds_of(schema_of(data, group="g", drop=["t", "w", "n"])) == {"x": "number"}
    by_number = schema_of(data, time="n", drop=["t", "w", "g"])
    assert kinds_of(by_number) == {"x": "number"}
    assert by_number.time is not None
    assert by_number.time.kind == "number"
    with pytest.raises(
        DataError, match=r'data.time names "g", which must hold dates or numbers, but its kind is category'
    ):
        schema_of(data, time="g")
    with pytest.raises(DataError, match=r'data.weight names "g", which must hold numbers: .*row 1 reads "a"'):
        schema_of(data, weight="g")


def test_declared_identifiers_are_left_out() -> None:
    schema = schema_of({"x": numbers(), "z": numbers(), "y": classes()}, columns={"z": {"kind": "identifier"}})
    assert kinds_of(schema) == {"x": "number"}
    assert [column.why for column in schema.left_out] == ["declared an identifier in the recipe, which is no feature"]


columns = st.builds(
    Column,
    name=st.text(),
    kind=st.sampled_from(get_args(KindName)),
    why=st.text(),
    missing=st.lists(st.text()).map(tuple),
    missing_count=st.integers(0),
    distinct=st.integers(0),
    format=st.dictionaries(st.text(), st.text()),
)
many = st.lists(columns, max_size=3).map(tuple)
optional = st.none() | columns


@given_settings(deadline=None, max_examples=50)
@given(st.builds(Schema, features=many, targets=many, left_out=many, weight=optional, group=optional, time=optional))
def test_schemas_survive_json(schema: Schema) -> None:
    assert schema_from_json(json.loads(json.dumps(schema_to_json(schema)))) == schema
