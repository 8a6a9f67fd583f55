"""Members with settings of their own, from the recipe to the run: recorded, reproduced, resumed, and used."""

from __future__ import annotations

import signal
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fitwell.data.read import read_table
from fitwell.events import Event, unheard
from fitwell.learning import Clock, Learned, learn, set_up
from fitwell.narration import member_events
from fitwell.preparation import Prepared, divided, labelled_rows_of, planned, prepare
from fitwell.recipe import Recipe, changed, from_yaml, grouped, own_recipe
from fitwell.run import Run, load_run
from fitwell.workflow import resume, train

PENGUINS = Path(__file__).parents[1] / "examples" / "penguins.csv"
SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "target": ["species"],
    "network.hidden": [8],
    "training.epochs": 6,
    "training.batch_size": 32,
    "training.early_stopping.patience": 0,
    "training.checkpoint_seconds": 1e-6,
}
MEMBERS: list[dict[str, Any]] = [
    {},
    {"network.dropout": 0.4, "training.learning_rate": 0.02, "training.schedule": "cosine"},
    {"training.label_smoothing": 0.1, "training.input_noise": 0.2, "network.input_factor": 2.0},
    {"training.learning_rate": 0.5, "training.early_stopping.patience": 1, "training.class_weights": "balanced"},
]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    labelled, recipe = labelled_rows_of(read_table(PENGUINS), changed(Recipe(), SETTINGS), test=None)
    return prepare(labelled, recipe, split=divided(labelled, recipe))


def learned(prepared: Prepared, recipe: Recipe) -> Learned:
    own = planned(prepared, recipe)
    return learn(set_up(own, own.recipe), own, clock=Clock(perf_counter()), listener=unheard)


def test_recipes_train_together_as_each_does_alone(prepared: Prepared) -> None:
    recipes = [changed(Recipe(), SETTINGS | own) for own in MEMBERS]
    recipes.insert(2, changed(Recipe(), SETTINGS | {"network.hidden": [4, 4]}))
    groups = grouped(recipes)
    assert [group.places for group in groups] == [(0, 1, 3, 4), (2,)]
    for group in groups:
        together = learned(prepared, group.recipe)
        for member, place in enumerate(group.places):
            alone = learned(prepared, recipes[place])
            found, expected = together.state.marks[member], alone.state.marks[0]
            # float32 through some sixty steps
            assert found.losses == pytest.approx(expected.losses, rel=1e-3)
            assert (found.best_epoch, found.stopped) == (expected.best_epoch, expected.stopped)
            of_member = together.history.filter(pl.col("member") == member)
            one, other = (history.drop("member", "seconds") for history in (of_member, alone.history))
            assert_frame_equal(one, other, rel_tol=2e-2, abs_tol=1e-3)
    stopped = [mark.stopped for mark in learned(prepared, groups[0].recipe).state.marks]
    assert stopped[:3] == [None] * 3
    assert str(stopped[3]).startswith("no better validation loss")


def test_a_range_test_finds_each_member_a_rate_that_suits_its_settings(prepared: Prepared) -> None:
    members = [{}, {"network.input_factor": 30.0}, {"training.learning_rate": 0.25}]
    descent = {"training.optimizer": "sgd", "training.learning_rate": "auto"}  # whose steps are as long as gradients
    asked = changed(Recipe(), SETTINGS | descent | {"members": members})
    own = planned(prepared, asked)
    setup = set_up(own, own.recipe)
    first, second, third = (float(own_recipe(setup.recipe, member).training.learning_rate) for member in range(3))
    assert list(setup.rates) == [first, second, third]
    assert third == 0.25
    assert second < first / 2  # larger inputs make larger gradients
    assert setup.recipe.training.learning_rate == first
    assert "members have a test each" in setup.reasons["training.learning_rate"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return train(PENGUINS, target="species", settings=SETTINGS | {"members": MEMBERS}, out=out)


def test_a_run_records_what_its_members_have_of_their_own(run: Run) -> None:
    text = (run.path / "recipe.yaml").read_text(encoding="utf-8")
    assert "  - {network.dropout: 0.4, training.learning_rate: 0.02, training.schedule: cosine}\n" in text
    assert from_yaml(text).differences == run.recipe.differences == tuple(MEMBERS)
    assert run.history["member"].unique().to_list() == [0, 1, 2, 3]
    (plan,) = (event for event in run.events if event["event"] == "plan")
    rate = run.recipe.training.learning_rate
    assert "4 members of 8, silu" in plan["text"]
    assert f"adamw at {rate:g} to 0.5, log_cosine" in plan["text"]
    assert "; members differ in network.dropout, network.input_factor, training.class_weights" in plan["text"]


@pytest.mark.parametrize(("metric", "first"), [("r2", 1), ("rmse", 0)])
def test_the_best_member_is_told_first_whichever_way_is_better(metric: str, first: int) -> None:
    looks = {"epoch": 1.0, "split": "validation", "metric": metric}
    rows = [looks | {"member": member, "loss": 0.5, "figure": 0.2 + 0.1 * member} for member in (0, 1)]
    recipe = changed(Recipe(), {"members": [{}, {"network.dropout": 0.4}]})
    told = list(member_events(recipe, pl.DataFrame(rows), metric=metric))
    assert [event.values["member"] for event in told] == [first, 1 - first]


def test_it_is_told_how_each_member_did_when_it_was_best(run: Run) -> None:
    told = [event for event in run.events if event["event"] == "member"]
    looks = run.history.filter(pl.col("split") == "validation")
    assert sorted(event["member"] for event in told) == [0, 1, 2, 3]
    figures = [event["figure"] for event in told]
    assert figures == sorted(figures, reverse=True)
    for event in told:
        of_member = looks.filter(pl.col("member") == event["member"])
        lowest = of_member.filter(pl.col("loss") == of_member["loss"].min()).row(0, named=True)
        assert (event["figure"], event["epoch"]) == (lowest["figure"], lowest["epoch"])
    first = next(event for event in told if event["member"] == 0)
    assert first["text"].startswith("member 0 (nothing of its own): accuracy 0.")
    second = next(event for event in told if event["member"] == 1)
    assert '(network.dropout 0.4, training.learning_rate 0.02, training.schedule "cosine"): acc' in second["text"]


def test_a_run_of_members_that_differ_is_reproduced_by_its_recipe_and_resumed_to_the_same_bits(
    run: Run, tmp_path: Path
) -> None:
    def interrupt(event: Event) -> None:
        if event.kind == "stopped":  # the others are packed then
            signal.raise_signal(signal.SIGINT)

    cut = train(PENGUINS, recipe=run.path / "recipe.yaml", out=tmp_path / "cut", listener=interrupt)
    assert cut.state == "interrupted"
    resumed = resume(cut.path)
    assert (resumed.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()
    assert_frame_equal(load_run(resumed.path).predict(PENGUINS), run.predict(PENGUINS), check_exact=True)
    assert run.predict(PENGUINS)["disagreement"].max() > 0  # type: ignore[operator]
