"""What a run keeps of a search is read with suspicion: whatever is wrong with it is one error in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fitwell.errors import RunError
from fitwell.recipe import Range, Recipe
from fitwell.run import Run, create_run, write_tuning
from fitwell.space import dimension_of
from fitwell.tuning.mattering import Mattered, Share
from fitwell.tuning.record import Record, read_record, write_record
from fitwell.tuning.searching import Rung

RECORD = Record(
    stage="done",
    asked=Recipe(),
    space=(
        dimension_of("training.learning_rate", Range(low=1e-4, high=1.0, scale="log"), why="wide"),
        dimension_of("network.hidden", Range(among=((8,), (16, 16))), why="both"),
    ),
    trials=tuple({"training.learning_rate": 10.0**-place, "network.hidden": (8,)} for place in range(4)),
    rungs=(0.5, 4, 8),
    survivors=(2, 2, 1),
    loss="cross_entropy",
    results=(
        Rung(epochs=0.5, losses={0: 0.5, 1: 0.4, 2: float("inf"), 3: 0.6}, kept=(1, 0)),
        Rung(epochs=4, losses={0: 0.3, 1: 0.35}, kept=(0, 1)),
    ),
    best=0,
    ending="time",
    mattered=(
        Mattered(
            epochs=0.5,
            trials=4,
            shares={
                "training.learning_rate": Share(value=0.5, low=0.1, high=0.9, matters=True, ahead="higher"),
                "network.hidden": Share(value=0.5, low=0.1, high=0.9, matters=True, ahead=(16, 16)),
                "network.dropout": Share(value=None, low=None, high=None, matters=False),
            },
        ),
    ),
    comparison={"verdict": "worse"},
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return create_run(tmp_path_factory.mktemp("runs") / "run", source="rows", files={})


def damaged(run: Run, damage: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads(json.dumps(RECORD.as_json()))
    damage(values)
    write_tuning(run, values)


def test_a_record_is_read_as_it_was_written(run: Run) -> None:
    write_record(run, RECORD)
    assert read_record(run) == RECORD


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda values: values.pop("best"), r" \(KeyError: 'best'\)"),
        (lambda values: values.update(stage="sleeping"), r" \(KeyError: 'sleeping'\)"),
        (lambda values: values.update(best=4), ": there must be a number from 0 to 3, but it has 4;"),
        (
            lambda values: values.update(best=None),
            ": at stage done it must have the best trial, but it has None",
        ),
        (lambda values: values.update(ending="bored"), "must end as done or by time, but it has 'bored'"),
        (lambda values: values.update(comparison={"verdict": "nice"}), "must have a verdict, but it has {'verdict': "),
        (lambda values: values.update(rungs=[0.5, 0.5, 8]), r"its rungs must rise, but it has \(0\.5, 0\.5, 8\)"),
        (lambda values: values.update(rungs=[0.5, -4, 8]), "epochs must be a number above 0, but it has -4"),
        (lambda values: values.update(rungs=[0.5, "4", 8]), "epochs must be a number above 0, but it has '4'"),
        (
            lambda values: values.update(survivors=[2, 1]),
            r"each of its 3 rungs must have survivors, but it has \(2, 1\)",
        ),
        (lambda values: values.update(survivors=[2, 2, 0]), "there must be a number from 1 to 4, but it has 0"),
        (lambda values: values["results"][0].update(epochs=1), r"at the first of \(0\.5, 4, 8\), but it has \[1, 4\]"),
        (lambda values: values["results"][0]["losses"].update({"7": 0.1}), "number from 0 to 3, but it has 7"),
        (lambda values: values["results"][0]["losses"].update({"1": "low"}), "a number or null, but it has 'low'"),
        (lambda values: values["results"][0].update(kept=[]), r"some of those that were compared, but it has \(\)"),
        (lambda values: values["results"][1].update(kept=[0, 3]), r"that were compared, but it has \(0, 3\)"),
        (lambda values: values["results"][1].update(kept=[0, 0]), r"that were compared, but it has \(0, 0\)"),
        (
            lambda values: values["mattered"][0]["shares"]["network.hidden"].update(low=None),
            r"a share must be three numbers, but it has \(0\.5, None, 0\.9\)",
        ),
        (lambda values: values["asked"].update(training={"epochs": "many"}), "training.epochs must be"),
        (
            lambda values: values["space"][0].update(setting="training.luck"),
            "what is tried must be a setting, but it has 'training.luck'",
        ),
        (
            lambda values: values["trials"][3].update({"training.epochs": 3}),
            r"trials must be made of \['network\.hidden', 'training\.learning_rate'\], but it has",
        ),
    ],
)
def test_a_damaged_record_says_what_is_wrong(damage: Callable[[dict[str, Any]], None], words: str, run: Run) -> None:
    damaged(run, damage)
    with pytest.raises(RunError, match=rf"tuning\.json is damaged.*{words}"):
        read_record(run)


def places(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value within plain values, but for those of the recipe."""
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        yield (*path, key)
        if key != "asked":
            yield from places(value, (*path, key))


@pytest.mark.parametrize("wrong", ["x", -1, 0.5, None, [], {}, [None], [{}]], ids=repr)
def test_whatever_is_in_the_place_of_a_value_no_other_error_comes(
    wrong: object, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(run, RECORD)
    whole = json.loads(json.dumps(RECORD.as_json()))
    refused = 0
    for *path, key in places(whole):
        values = copy.deepcopy(whole)
        holder = values
        for step in path:
            holder = holder[step]
        holder[key] = wrong
        monkeypatch.setattr("fitwell.tuning.record.read_json", lambda *_, values=values: values)
        try:
            read_record(run)
        except RunError as error:
            refused += "tuning.json is damaged" in str(error)
    assert refused > 10
