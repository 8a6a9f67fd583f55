"""A table that streams is prepared as the same rows in memory are, and what trains on it is a run like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from fitwell.data import survey as surveying
from fitwell.data.encode import encode_features, encoders_to_json
from fitwell.data.parquet import parquet_table
from fitwell.data.read import read_table
from fitwell.data.split import Split
from fitwell.errors import DataError, FitwellError, RecipeError, RunError
from fitwell.events import Event
from fitwell.narration import data_events
from fitwell.preparation import Prepared, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed
from fitwell.run import Run
from fitwell.streamed import prepare_streamed
from fitwell.training.loop import Seeds
from fitwell.workflow import resume, train

ROWS = 1200
TARGETS = {"binary": ["class"], "multiclass": ["kind"], "regression": ["price", "size"], "multilabel": ["a", "b"]}


def rows(count: int = ROWS, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age, area = random.normal(40, 10, count), random.choice([*"abcdefghijkl"], count)
    skewed = np.where(random.random(count) < 0.7, 0.0, random.exponential(size=count))
    return pl.DataFrame(
        {
            "age": pl.Series(age).set(pl.Series(random.random(count) < 0.1), None),
            "area": area,
            "yes": random.choice(["yes", "no"], count),
            "skewed": skewed,
            "when": pl.Series(random.integers(0, 10**12, count)).cast(pl.Datetime("ms")),
            "weight": random.integers(1, 4, count),
            "group": np.arange(count) // 5,
            "price": age * 3 + 5 * (area == "b") + random.normal(0, 1, count),
            "size": random.normal(size=count) + skewed,
            "class": np.where(age + random.normal(0, 5, count) > 42, "old", "young"),
            "kind": np.where(skewed > 0, random.choice(["x", "z"], count), "y"),
            "a": random.integers(0, 2, count),
            "b": np.where(area == "a", "on", "off"),
        }
    ).with_columns(pl.when(pl.int_range(pl.len()) % 97 == 5).then(None).otherwise(pl.col("class")).alias("class"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "rows"
    path.mkdir()
    rows()[:700].write_parquet(path / "1.parquet", row_group_size=90)
    rows()[700:].write_parquet(path / "2.parquet", row_group_size=90)
    return path


def asked_of(target: list[str], **settings: Any) -> Recipe:
    others = [name for each in TARGETS.values() for name in each if name not in target]
    left_out = [*others, *({"weight", "group"} - {str(settings.get("weight")), str(settings.get("group"))})]
    given = {f"data.{name}": value for name, value in settings.items()}
    fixed = {"device": "cpu", "target": target, "data.drop": left_out, "data.streaming": "always"}
    return changed(Recipe(), fixed | {"data.shuffle_buffer": 300} | given)


def in_memory(prepared: Prepared, asked: Recipe, folder: Path) -> Prepared:
    """Return the same rows, divided in the same way, prepared in memory."""
    table = read_table(folder)
    recipe = changed(asked, {"data.streaming": "never", "data.shuffle_buffer": "auto"})
    labelled, recipe = labelled_rows_of(table, recipe, test=None)
    place = {row: place for place, row in enumerate(labelled.source_rows.tolist())}
    held = {
        part: np.array([place[row] for row in prepared.labelled.source_rows[rows].tolist()], dtype=np.int64)
        for part, rows in prepared.split.held_out.items()
    }
    train = np.setdiff1d(np.arange(len(labelled.frame)), np.concatenate(list(held.values())))
    test = held.get("test", np.empty(0, dtype=np.int64))
    split = Split(train=train, validation=held["validation"], test=test, method="random", why="given")
    return prepare(labelled, changed(recipe, {"data.group": None}), split=split)


def fitted(prepared: Prepared) -> list[dict[str, Any]]:
    return [
        encoder | {"column": (encoder["column"]["name"], encoder["column"]["kind"], encoder["column"]["format"])}
        for encoder in encoders_to_json(prepared.encoders)["encoders"]
    ]


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("settings", [{}, {"weight": "weight"}, {"group": "group", "numbers": "quantile"}], ids=str)
def test_rows_are_prepared_as_in_memory(task: str, settings: dict[str, Any], folder: Path) -> None:
    asked = asked_of(TARGETS[task], **settings)
    found = prepare_streamed(parquet_table(folder), asked, test=None)
    memory = in_memory(found, asked, folder)
    assert found.recipe.task == task
    assert fitted(found) == fitted(memory)
    assert found.labelled.without_target == memory.labelled.without_target
    assert found.rows == memory.rows
    if task == "regression":  # whose moments are summed in another order
        for name in ("centers", "scales", "lows", "highs"):
            assert getattr(found.labelled.coding, name) == pytest.approx(getattr(memory.labelled.coding, name))
    else:
        assert found.labelled.coding == memory.labelled.coding
    for part, of_part in found.split.held_out.items():
        one, other = found.part(of_part, device="cpu"), memory.part(memory.split.held_out[part], device="cpu")
        assert all(torch.equal(one.features[name], other.features[name]) for name in other.features)
        assert torch.allclose(one.targets, other.targets, rtol=1e-6)


def as_rows(blocks: list[np.ndarray]) -> np.ndarray:
    """Return blocks side by side as one sorted table."""
    table = np.concatenate([block.reshape(len(block), -1).astype(np.float64) for block in blocks], axis=1)
    return table[np.lexsort(table.T)]


@pytest.mark.parametrize("weight", [None, "weight"])
def test_training_sees_every_training_row_once_in_an_epoch(weight: str | None, folder: Path) -> None:
    asked = asked_of(["kind"], weight=weight)
    found = prepare_streamed(parquet_table(folder), asked, test=None)
    memory = in_memory(found, asked, folder)
    expected = memory.part(memory.split.train, device="cpu")
    training = found.training(device="cpu")
    assert len(training) == len(expected) == found.rows["train"]
    batches = list(training.batches([Seeds(noise=0, order=1)], epoch=0, batch_rows=1))
    parts = [expected.targets, *expected.features.values(), *([] if weight is None else [expected.weights])]
    seen = [
        torch.cat([batch.targets[0] for batch in batches]),
        *(torch.cat([batch.features[name][0] for batch in batches]) for name in expected.features),
        *([] if weight is None else [torch.cat([batch.weights[0] for batch in batches if batch.weights is not None])]),
    ]
    assert np.array_equal(as_rows([part.numpy() for part in seen]), as_rows([part.numpy() for part in parts]))  # type: ignore[union-attr]


def test_a_row_goes_where_its_number_and_the_seed_say(folder: Path) -> None:
    table, asked = parquet_table(folder), asked_of(["price"])
    one, again = (prepare_streamed(table, asked, test=None) for _ in range(2))
    other = prepare_streamed(table, changed(asked, {"seed": 1}), test=None)
    tests = [set(each.labelled.source_rows[each.split.test].tolist()) for each in (one, again, other)]
    assert tests[0] == tests[1] != tests[2]
    # Of 1200 rows 180 are expected in a part, with a standard deviation of 12.
    assert all(abs(count - 180) < 60 for count in (one.rows["validation"], one.rows["test"]))
    assert sum(one.rows.values()) == ROWS
    assert "a hash of its number" in one.reasons["data.split"]


def test_groups_stay_whole(folder: Path) -> None:
    found = prepare_streamed(parquet_table(folder), asked_of(["price"], group="group"), test=None)
    held = [set((found.labelled.source_rows[part] // 5).tolist()) for part in found.split.held_out.values()]
    assert not held[0] & held[1]
    assert [len(part) for part in found.split.held_out.values()] == [5 * len(groups) for groups in held]
    assert found.recipe.data.split == "grouped"


def test_held_out_rows_and_the_sample_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "HELD_ROWS", 50)
    found = prepare_streamed(parquet_table(folder), asked_of(["price"]), test=None)
    # 50 are expected of each, with a standard deviation of 7.
    assert all(20 < len(part) < 85 for part in (found.split.train, found.split.validation, found.split.test))
    assert found.rows["train"] == ROWS - len(found.split.validation) - len(found.split.test)
    assert len(found.training(device="cpu")) == found.rows["train"]
    assert "fewer are held out than the shares ask for" in found.split.why


def test_of_whole_groups_that_are_held_out_some_rows_are_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "HELD_ROWS", 60)
    found = prepare_streamed(parquet_table(folder), asked_of(["price"], group="group"), test=None)
    held = [set((found.labelled.source_rows[part] // 5).tolist()) for part in found.split.held_out.values()]
    training = set((found.labelled.source_rows[found.split.train] // 5).tolist())
    assert not held[0] & held[1]
    assert not training & (held[0] | held[1])
    assert all(20 < len(part) < 110 for part in found.split.held_out.values())  # of some 180
    assert 700 < found.rows["train"] < 980  # 840 are expected, in groups of 5
    assert "of the rows that groups hold out are measured" in found.split.why


def test_a_test_file_is_measured_and_the_rest_divided(folder: Path, tmp_path: Path) -> None:
    rows(80, seed=5).with_columns(pl.lit("other").alias("kind")).write_csv(tmp_path / "test.csv")
    test = read_table(tmp_path / "test.csv")
    asked = asked_of(["kind"], test=str(tmp_path / "test.csv"))
    found = prepare_streamed(parquet_table(folder), asked, test=test)
    assert (len(found.split.test), found.labelled.given_test, found.recipe.data.split) == (80, 80, "given")
    assert found.labelled.source_rows[found.split.test].tolist() == list(range(ROWS, ROWS + 80))
    assert found.labelled.coding.classes == (("other", "x", "y", "z"),)
    assert abs(found.rows["validation"] - ROWS * 0.15 / 0.85) < 70


def test_a_class_that_no_typed_row_has_is_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fitwell.data import parquet

    monkeypatch.setattr(parquet, "TYPED_ROWS", 60)
    frame = rows(600).with_columns(pl.Series("kind", ["x"] * 299 + ["rare"] + ["x"] * 300))
    frame.write_parquet(tmp_path / "x.parquet", row_group_size=100)
    found = prepare_streamed(parquet_table(tmp_path / "x.parquet"), asked_of(["kind"]), test=None)
    assert found.recipe.task == "binary"
    assert set(found.labelled.coding.classes[0]) == {"rare", "x"}


def spoilt(folder: Path, name: str, cell: object, row: int) -> Path:
    frame = rows().with_columns(pl.col(name).cast(pl.String))
    path = folder / "spoilt.parquet"
    frame.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.lit(cell)).otherwise(pl.col(name)).alias(name)
    ).write_parquet(path, row_group_size=100)
    return path


def test_a_cell_that_cannot_be_read_is_named_by_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fitwell.data import parquet

    monkeypatch.setattr(parquet, "TYPED_ROWS", 100)
    path = spoilt(tmp_path, "size", "many", 777)
    with pytest.raises(DataError, match=r'"size" holds numbers, but row 778 reads "many"'):
        prepare_streamed(parquet_table(path), asked_of(["kind"], drop=["price", "class", "a", "b"]), test=None)


def test_a_missing_group_and_a_negative_weight_are_named_by_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame = rows().with_columns(pl.when(pl.int_range(pl.len()) == 555).then(None).otherwise("group").alias("group"))
    frame.write_parquet(path, row_group_size=100)
    with pytest.raises(DataError, match=r'every row needs a group, but 1 cells of "group" are missing .* in row 556'):
        prepare_streamed(parquet_table(path), asked_of(["kind"], group="group"), test=None)
    frame = rows().with_columns(pl.when(pl.int_range(pl.len()) == 432).then(-2).otherwise("weight").alias("weight"))
    frame.write_parquet(path, row_group_size=100)
    with pytest.raises(DataError, match=r'at least 0, but "weight" is -2\.0 in row 433'):
        prepare_streamed(parquet_table(path), asked_of(["kind"], weight="weight"), test=None)


def test_one_group_is_too_few_and_groups_of_too_many_rows_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    rows().with_columns(pl.lit(1).alias("group")).write_parquet(path, row_group_size=100)
    with pytest.raises(DataError, match=r'none of the groups of "group" came to that part; bring more groups'):
        prepare_streamed(parquet_table(path), asked_of(["kind"], group="group"), test=None)
    monkeypatch.setattr(surveying, "HELD_ROWS", 60)
    monkeypatch.setattr(surveying, "TOO_MANY", 0.03)  # of at least 1,000 rows
    with pytest.raises(DataError, match=r'groups of "group" stay whole and brought 3\d of them to one part'):
        prepare_streamed(parquet_table(folder), asked_of(["kind"], group="group"), test=None)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"data.folds": 3}, r"data\.folds is 3, but a table that streams is not divided in folds"),
        ({"data.time": "when"}, r'data\.time is "when", but rows that stream are not in the order of time'),
        ({"data.split": "stratified"}, r"data\.split is stratified, but where a table streams"),
        ({"training.batch_size": "full"}, r"training\.batch_size is full, but a table that streams is not held"),
    ],
    ids=str,
)
def test_what_needs_all_rows_at_once_is_refused(settings: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RecipeError, match=refusal):
        changed(Recipe(), {"data.streaming": "always"} | settings)


SETTINGS = {
    "data.streaming": "always",
    "data.shuffle_buffer": 200,
    "data.drop": ["price", "size", "kind", "a", "b", "group", "weight"],
    "training.epochs": 3,
    "training.batch_size": 64,
    "training.learning_rate": 0.01,
    "training.early_stopping.patience": 0,
    "training.checkpoint_seconds": 1e-6,
    "network.hidden": [8, 8],
}


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Event]]:
    heard: list[Event] = []
    out = tmp_path_factory.mktemp("runs") / "whole"
    return train(folder, target="class", settings=SETTINGS, members=2, out=out, listener=heard.append), heard


def test_a_run_of_a_table_that_streams_is_like_any_other(whole: tuple[Run, list[Event]], folder: Path) -> None:
    run, heard = whole
    said = [event.text for event in heard if event.kind == "streaming"]
    assert said[0] == "rows streams from disk: 1,200 rows, read in 14 pieces (as asked)"
    assert said[1].startswith("columns are typed by 1,200 rows; simple models and the audit see")
    assert run.state == "finished"
    assert (run.recipe.data.streaming, run.recipe.data.shuffle_buffer) == ("always", 200)
    assert run.data["fingerprint"] == read_table(folder).fingerprint
    parts = {name: run.data["split"][name] for name in ("train", "validation", "test")}
    assert sum(parts.values()) == run.data["rows"] == ROWS - run.data["rows_without_target"]
    held = run.predictions
    assert held["part"].value_counts().sort("part").rows() == [
        ("test", parts["test"]),
        ("validation", parts["validation"]),
    ]
    frame = read_table(folder).frame
    assert held["truth"].to_list() == frame[held["row"].to_numpy()]["class"].to_list()
    again = run.predict(frame[held["row"].to_numpy()])
    assert again["probability_old"].to_numpy() == pytest.approx(held["probability_old"].to_numpy(), abs=1e-6)
    assert run.evaluation["metrics"]["roc_auc"]["value"] > 0.8
    assert set(run.evaluation["baselines"]) == {"majority", "linear", "trees"}
    assert (run.path / "report.html").stat().st_size > 10_000
    assert (run.path / "explanation.json").is_file()


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def cut_off(after: int) -> Callable[[Any, Any], None]:
    """Return a stand-in for writing a checkpoint, which pulls the plug after so many."""
    left = after

    def write(run: Run, content: bytes) -> None:
        nonlocal left
        from fitwell.run import write_checkpoint

        write_checkpoint(run, content)
        left -= 1
        if left == 0:
            raise SystemExit("the plug was pulled")

    return write


def test_a_run_that_was_cut_off_is_resumed_to_the_same_bits(
    whole: tuple[Run, list[Event]], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("fitwell.workflow.carrying_out.write_checkpoint", cut_off(17))
        with pytest.raises(SystemExit):
            train(folder, target="class", settings=SETTINGS, members=2, out=tmp_path / "run")
    run = resume(tmp_path / "run")
    assert run.state == "finished"
    assert weights(run) == weights(whole[0])
    for name in ("encoders.json", "evaluation.json", "predictions.parquet"):
        assert (run.path / name).read_bytes() == (whole[0].path / name).read_bytes()


def test_data_that_changed_is_not_resumed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitwell.workflow.carrying_out.write_checkpoint", cut_off(2))
    with pytest.raises(SystemExit):
        train(folder, target="class", settings=SETTINGS, out=tmp_path / "run")
    other = tmp_path / "other.parquet"
    rows(seed=9).write_parquet(other)
    with pytest.raises(RunError, match="has changed since"):
        resume(tmp_path / "run", data=other)


def test_auto_streams_what_does_not_fit_and_is_recorded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitwell.workflow.beginning.available_bytes", lambda: 1000)
    heard: list[Event] = []
    settings = {name: value for name, value in SETTINGS.items() if name != "data.streaming"}
    asked = settings | {"training.epochs": 1}
    run = train(folder, target="class", settings=asked, out=tmp_path / "run", listener=heard.append)
    assert "free" in next(event.text for event in heard if event.kind == "streaming")
    assert run.recipe.data.streaming == "always"
    monkeypatch.setattr("fitwell.workflow.beginning.available_bytes", lambda: 10**12)
    again = train(folder, recipe=run.path / "recipe.yaml", out=tmp_path / "again")
    assert weights(again) == weights(run)
    monkeypatch.setattr("fitwell.workflow.beginning.available_bytes", lambda: 1000)
    with pytest.raises(FitwellError, match=r"data\.folds is 3"):
        train(folder, target="class", folds=3)


def test_rows_that_lie_in_the_order_of_the_target_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    found = []
    for target, task in (("price", "regression"), ("class", "binary")):
        for frame in (rows(), rows().sort(target)):
            frame.write_parquet(path, row_group_size=100)
            prepared = prepare_streamed(parquet_table(path), asked_of([target]), test=None)
            assert prepared.recipe.task == task
            heard = [event.text for event in data_events(parquet_table(path), prepared)]
            told = [text for text in heard if "the rows lie in an order that tells" in text]
            assert bool(told) == (frame[target].to_list() != rows()[target].to_list())
            found.append(prepared.streamed.ordered if prepared.streamed else 0.0)
    assert found[0] < 0.01 < 0.8 < found[1]
    assert found[2] < 0.01 < 0.8 < found[3]


def test_encoding_is_the_same_for_a_stretch_as_for_the_whole(folder: Path) -> None:
    found = prepare_streamed(parquet_table(folder), asked_of(["kind"]), test=None)
    frame = read_table(folder).frame
    whole = encode_features(frame, found.encoders)
    part = encode_features(frame[90:180], found.encoders, first_row=90)
    assert all(np.array_equal(whole[name][90:180], part[name]) for name in whole)
    assert replace(found, features={}).rows == found.rows
