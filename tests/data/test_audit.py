"""The audit finds what was planted, says nothing about sound data, and gives figures that can be checked."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from fitwell.data.audit import CHECKS, Note, Subject, audit
from fitwell.data.read import read_table
from fitwell.data.schema import infer_schema, infer_task
from fitwell.data.split import split_rows
from fitwell.data.targets import target_cells
from fitwell.recipe import DataSettings, Recipe

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = {"german_credit": "class", "telco_churn": "Churn", "penguins": "species"}
BUNDLED = {"iris": load_iris, "wine": load_wine, "breast_cancer": load_breast_cancer, "diabetes": load_diabetes}


def subject_of(frame: pl.DataFrame, *target: str, data: DataSettings | None = None, seed: int = 0) -> Subject:
    """Put a frame through schema, targets and split, as a run does."""
    recipe = Recipe(target=target, data=data or DataSettings())
    table = read_table(frame)
    schema = infer_schema(table, recipe)
    task, _ = infer_task(schema.targets)
    names: list[str] = []
    columns = []
    for cells in target_cells(table.frame, schema):
        if task == "regression":
            columns.append(cells.cast(pl.Float64).to_numpy())
        else:
            names = sorted(cells.unique().to_list())
            columns.append(cells.replace_strict(names, list(range(len(names)))).to_numpy())
    targets = np.stack(columns, axis=1)
    labels = None if task == "regression" else targets if len(target) > 1 else targets[:, 0]
    times = None if recipe.data.time is None else table.frame[recipe.data.time].to_numpy()
    split = split_rows(len(frame), recipe.data, labels=labels, times=times, seed=seed)
    kept = targets[:, 0] if task in ("binary", "multiclass") else targets
    return Subject(
        frame=table.frame, schema=schema, split=split, targets=kept, task=task, names=[str(n) for n in names], seed=seed
    )


def example(name: str) -> pl.DataFrame:
    return pl.read_csv(EXAMPLES / f"{name}.csv", infer_schema_length=None, null_values=["NA"])


def bundled(name: str) -> pl.DataFrame:
    data = BUNDLED[name]()
    frame = pl.DataFrame({f"f{place}": column for place, column in enumerate(data.data.T)})
    return frame.with_columns(target=pl.Series(data.target if name == "diabetes" else [f"c{v}" for v in data.target]))


def noise(rows: int, *, seed: int = 0, columns: int = 4) -> pl.DataFrame:
    """Make numbers and a two-class target that only the first two numbers say a little about."""
    random = np.random.default_rng(seed)
    numbers = random.standard_normal((rows, columns))
    hit = numbers[:, 0] - 0.5 * numbers[:, 1] + random.standard_normal(rows) > 0
    frame = pl.DataFrame({f"x{place}": column for place, column in enumerate(numbers.T)})
    return frame.with_columns(y=pl.Series(np.where(hit, "yes", "no")))


def symptoms(notes: list[Note]) -> set[tuple[str, str | None]]:
    return {(note.symptom, note.column) for note in notes}


def only(check: str, subject: Subject) -> Note:
    (note,) = CHECKS[check](subject)
    return note


@pytest.mark.parametrize("name", [*TABLES, *BUNDLED])
def test_sound_tables_bring_no_note(name: str) -> None:
    frame, target = (example(name), TABLES[name]) if name in TABLES else (bundled(name), "target")
    frame = frame.filter(pl.col(target).is_not_null())
    for seed in range(3):
        assert audit(subject_of(frame, target, seed=seed)) == []


def test_notes_are_plain_values_ordered_by_severity() -> None:
    frame = noise(400).with_columns(
        copy=pl.col("y").replace_strict({"yes": "a", "no": "b"}),
        reading=pl.int_range(400) * 1 + 7,
        flat=(pl.int_range(400) == 9).cast(pl.Float64),
    )
    notes = audit(replace(subject_of(frame, "y"), parameters=10_000))
    assert [note.severity for note in notes] == ["critical", "warning", "info"]
    assert json.loads(json.dumps([asdict(note) for note in notes]))[0]["column"] == "copy"
    assert all(note.text and note.way_out for note in notes)


# --- target_leakage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plant", ["copy", "two percent wrong", "amount", "missing", "date"])
def test_a_column_made_from_the_target_is_named(plant: str) -> None:
    frame = example("german_credit")
    bad = (frame["class"] == 2).to_numpy()
    random = np.random.default_rng(0)
    amounts = random.gamma(2.0, 100.0, bad.size)
    days = np.where(bad, 200, 0) + random.integers(0, 100, bad.size)
    planted = {
        "copy": pl.Series(np.where(bad, "closed", "open")),
        "two percent wrong": pl.Series(np.where(bad ^ (random.random(bad.size) < 0.01), "closed", "open")),
        "amount": pl.Series(np.where(bad, amounts, 0.0)),
        "missing": pl.Series(np.where(bad, amounts, np.nan)).fill_nan(None),
        "date": pl.Series(np.datetime64("2020-01-01") + days),
    }
    note = only("target_leakage", subject_of(frame.with_columns(leak=planted[plant]), "class"))
    assert note.column == "leak"
    assert note.evidence["skill"] >= 0.95  # type: ignore[operator]
    assert 0.2 < note.evidence["skill_of_others"] < 0.8  # type: ignore[operator]


def test_two_leaks_do_not_hide_each_other() -> None:
    frame = noise(600).with_columns(
        a=pl.col("y") == "yes", b=pl.when(pl.col("y") == "yes").then(5.5).otherwise(pl.col("x3") / 9)
    )
    notes = list(CHECKS["target_leakage"](subject_of(frame, "y")))
    assert symptoms(notes) == {("target_leakage", "a"), ("target_leakage", "b")}


def test_a_number_made_from_a_number_is_named() -> None:
    random = np.random.default_rng(0)
    frame = bundled("diabetes").with_columns(leak=pl.col("target") * 1.1 + pl.Series(random.normal(0, 3, 442)))
    assert only("target_leakage", subject_of(frame, "target")).column == "leak"


def test_a_leak_of_one_label_names_the_label() -> None:
    frame = noise(600).with_columns(z=pl.Series(np.random.default_rng(3).random(600) < 0.4))
    frame = frame.with_columns(leak=pl.col("z").cast(pl.Int64) + pl.col("x3") / 100)
    note = only("target_leakage", subject_of(frame, "y", "z"))
    assert (note.column, note.evidence["target"]) == ("leak", "z")


def test_a_column_that_renames_the_classes_is_named_even_where_the_task_is_easy() -> None:
    frame = bundled("iris")
    renamed = frame.with_columns(code=pl.col("target").replace_strict({"c0": "p", "c1": "q", "c2": "r"}))
    assert only("target_leakage", subject_of(renamed, "target")).column == "code"


@pytest.mark.parametrize("chosen", ["c0", "c1", "c2"])
def test_petals_that_separate_a_species_are_no_leak(chosen: str) -> None:
    frame = bundled("iris").with_columns(pl.col("target") == chosen)
    for seed in range(4):
        assert list(CHECKS["target_leakage"](subject_of(frame, "target", seed=seed))) == []


def test_a_strong_honest_predictor_is_no_leak() -> None:
    random = np.random.default_rng(0)
    for seed in range(10):
        frame = noise(1000, seed=seed)
        strong = pl.Series(np.where(frame["y"] == "yes", 2.0, 0.0) + random.standard_normal(1000))  # AUC 0.92
        assert list(CHECKS["target_leakage"](subject_of(frame.with_columns(strong=strong), "y", seed=seed))) == []


def test_a_handful_of_rows_is_no_evidence_of_a_leak() -> None:
    frame = noise(40).with_columns(leak=pl.col("y") == "yes")
    assert list(CHECKS["target_leakage"](subject_of(frame, "y"))) == []


# --- split_leakage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_rows_copied_into_the_test_part_are_counted(name: str) -> None:
    frame = example(name).filter(pl.col(TABLES[name]).is_not_null())
    subject = subject_of(frame, TABLES[name])
    split = subject.split
    copies, place = split.train[: split.test.size // 2], np.arange(len(frame))
    place[split.test[: copies.size]] = copies
    note = only("split_leakage", replace(subject, frame=subject.frame[place]))
    assert note.severity == "critical"
    assert copies.size <= note.evidence["rows"] <= copies.size * 1.05  # type: ignore[operator]
    assert note.evidence["with_equal_target"] >= copies.size  # type: ignore[operator]


def test_copies_with_another_target_are_told_apart() -> None:
    subject = subject_of(noise(1000), "y")
    place = np.arange(1000)
    place[subject.split.test[:30]] = subject.split.train[:30]
    other = subject.frame["y"].replace_strict({"yes": "no", "no": "yes"})
    is_copy = pl.Series(np.isin(np.arange(1000), subject.split.test[:30]))
    frame = subject.frame[place].with_columns(y=other[place].zip_with(is_copy, subject.frame["y"][place]))
    note = only("split_leakage", replace(subject, frame=frame))
    assert (note.evidence["rows"], note.evidence["with_equal_target"], note.evidence["share"]) == (30, 0, 0.2)


@pytest.mark.parametrize("shares", [[0.5], [0.9, 0.1], [0.95, 0.05], [0.4, 0.3, 0.2, 0.1]])
def test_equal_rows_of_a_few_coarse_columns_are_a_coincidence(shares: list[float]) -> None:
    random = np.random.default_rng(0)
    shares = shares if len(shares) > 1 else [0.5, 0.5]
    frame = pl.DataFrame({f"x{place}": random.choice(list("abcd")[: len(shares)], 800, p=shares) for place in range(4)})
    frame = frame.with_columns(y=pl.Series(random.choice(["u", "v"], 800)))
    assert list(CHECKS["split_leakage"](subject_of(frame, "y"))) == []


# --- drift -----------------------------------------------------------------------------------------------------------


def test_random_splits_show_no_drift_over_fifty_seeds() -> None:
    german, penguins = (
        subject_of(example(name).drop_nulls(TABLES[name]), TABLES[name]) for name in ("german_credit", "penguins")
    )
    for seed in range(50):
        for subject in (german, penguins):
            drawn = split_rows(len(subject.frame), DataSettings(), labels=subject.targets, seed=seed)
            assert list(CHECKS["drift"](replace(subject, split=drawn, seed=seed))) == []


@pytest.mark.parametrize("change", ["place", "spread", "share"])
def test_test_rows_that_differ_in_one_column_are_told_and_the_column_named(change: str) -> None:
    frame = noise(1000).with_columns(c=pl.Series(np.random.default_rng(1).choice(list("abc"), 1000)))
    subject = subject_of(frame, "y")
    is_test = pl.Series(np.isin(np.arange(1000), subject.split.test))
    changed = {
        "place": pl.when(is_test).then(pl.col("x2") + 1.5).otherwise(pl.col("x2")).alias("x2"),
        "spread": pl.when(is_test).then(pl.col("x2") * 4).otherwise(pl.col("x2")).alias("x2"),
        "share": pl.when(is_test & (pl.col("c") == "a")).then(pl.lit("b")).otherwise(pl.col("c")).alias("c"),
    }
    note = only("drift", replace(subject, frame=subject.frame.with_columns(changed[change])))
    assert note.column == ("c" if change == "share" else "x2")
    assert note.severity == "warning"
    assert 0.55 < note.evidence["low"] < note.evidence["roc_auc"] < note.evidence["high"]  # type: ignore[operator]


def test_drift_along_time_is_for_information_and_time_itself_does_not_count() -> None:
    frame = noise(1000).with_columns(day=pl.Series(np.datetime64("2020-01-01") + np.arange(1000)))
    still = subject_of(frame, "y", data=DataSettings(time="day"))
    assert list(CHECKS["drift"](still)) == []
    moving = frame.with_columns(pl.col("x1") + pl.Series(np.arange(1000) / 200))
    assert only("drift", subject_of(moving, "y", data=DataSettings(time="day"))).severity == "info"


# --- the others ------------------------------------------------------------------------------------------------------


def test_names_and_running_numbers_that_are_features_are_identifiers() -> None:
    random = np.random.default_rng(0)
    frame = noise(200).with_columns(
        number=pl.Series(random.permutation(200) + 5000),
        name=pl.Series([f"p{value}" for value in random.permutation(200)]),
        price=pl.Series(random.permutation(200) * 17),
    )
    declared = DataSettings.model_validate({"columns": {"number": {"kind": "number"}, "name": {"kind": "category"}}})
    notes = list(CHECKS["identifier_feature"](subject_of(frame, "y", data=declared)))
    assert symptoms(notes) == {("identifier_feature", "number"), ("identifier_feature", "name")}


def test_a_column_that_hardly_varies_is_named_with_its_value() -> None:
    values = np.where(np.isin(np.arange(1000), [3, 500]), 7.0, 1.0)
    note = only("constant_column", subject_of(noise(1000).with_columns(flat=pl.Series(values)), "y"))
    assert (note.column, note.evidence["value"], note.evidence["of"]) == ("flat", "1.0", 700)


def test_one_class_in_training_is_critical_and_in_test_a_warning() -> None:
    subject = subject_of(noise(200), "y")
    same = np.zeros(200, dtype=np.int64)
    assert {note.severity for note in CHECKS["one_class"](replace(subject, targets=same))} == {"critical", "warning"}
    same[subject.split.train[:50]] = 1
    same[subject.split.validation[:5]] = 1
    note = only("one_class", replace(subject, targets=same))
    assert (note.severity, note.evidence) == ("warning", {"part": "test", "rows": 30})


@pytest.mark.parametrize(("rare", "speaks"), [(60, False), (30, True)])
def test_a_class_one_twentieth_of_the_other_is_extreme(rare: int, speaks: bool) -> None:
    frame = noise(1000, columns=2).with_columns(y=pl.Series(["rare"] * rare + ["usual"] * (1000 - rare)))
    notes = list(CHECKS["class_imbalance"](subject_of(frame, "y")))
    assert [note.evidence["class"] for note in notes] == (["rare"] if speaks else [])
    if speaks:
        assert notes[0].evidence["share"] == pytest.approx(0.03, abs=2 / 700)  # each held-out part rounds


def test_values_with_a_slipped_point_are_counted_and_placed_among_the_rows() -> None:
    draw = np.random.default_rng(3)
    prices = draw.normal(200, 40, 300)
    frame = noise(300).with_columns(y=pl.Series(prices))
    assert list(CHECKS["label_noise"](subject_of(frame, "y"))) == []
    prices[[4, 70, 200]] *= 100
    note = only("label_noise", subject_of(frame.with_columns(y=pl.Series(prices)), "y"))
    assert (note.symptom, note.column, note.evidence["rows"]) == ("label_noise", "y", 3)
    assert 'of 300 values of "y", 3 lie' in note.text
    assert "(row 5, 71, 201)" in note.text


@pytest.mark.parametrize(
    ("rows", "columns", "speaks"), [(70, 2, True), (74, 2, False), (400, 60, True), (440, 60, False)]
)
@pytest.mark.parametrize("parameters", [None, 9, 100_000])
def test_few_rows_are_fifty_or_five_a_column_however_many_weights(
    rows: int, columns: int, speaks: bool, parameters: int | None
) -> None:
    subject = replace(subject_of(noise(rows, columns=columns), "y"), parameters=parameters)
    notes = list(CHECKS["too_few_rows"](subject))
    assert [note.severity for note in notes] == ["warning"] * speaks
    if speaks:
        evidence = notes[0].evidence
        assert (evidence["rows"], evidence["columns"]) == (len(subject.split.train), columns)
        assert evidence.get("parameters") == parameters


@pytest.mark.parametrize("name", TABLES)
def test_real_tables_of_usual_size_have_rows_enough_for_a_large_network(name: str) -> None:
    subject = subject_of(example(name).drop_nulls(TABLES[name]), TABLES[name])
    assert list(CHECKS["too_few_rows"](replace(subject, parameters=400_000))) == []


def test_thirty_rows_of_twenty_columns_are_few() -> None:
    subject = replace(subject_of(noise(30, columns=20), "y"), parameters=5000)
    note, rows = only("too_few_rows", subject), len(subject.split.train)
    assert note.evidence == {"rows": rows, "columns": 20, "parameters": 5000}
    assert note.text == f"there are {rows} training rows of 20 columns for a network of 5,000 weights"
