"""A model predicts from cells what its members' networks say, and comes back from its tensors to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import expit

import fitwell as fw
from fitwell.errors import DataError
from fitwell.networks.build import build_network
from fitwell.prediction import Model, encoded, model_from_tensors, model_tensors, prediction_table, predictions_for
from fitwell.recipe import Recipe
from fitwell.training.pieces import unflatten
from fitwell.training.program import Population


def frame(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age, group = random.normal(40, 10, rows), random.choice(["a", "b", "c"], rows)
    return pl.DataFrame({"age": age, "group": group, "bought": np.where(age + 5 * (group == "a") > 42, "yes", "no")})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    settings: dict[str, Any] = {
        "network.hidden": [8], "network.normalization": "batch", "network.number_embedding": "piecewise_linear",
        "training.epochs": 2, "training.batch_size": 32,
    }  # fmt: skip
    run = fw.train(frame(200, 0), target="bought", settings=settings, members=3, out=tmp_path_factory.mktemp("a") / "r")
    found: Model = run.model
    return found


def parts(model: Model) -> dict[str, Any]:
    """All that is saved beside the tensors."""
    return {name: getattr(model, name) for name in ("recipe", "encoders", "coding", "decision")}


def test_predictions_are_the_means_of_each_members_own_network(model: Model) -> None:
    features = encoded(model, frame(50, 1))
    found = predictions_for(model, features)
    expected = []
    for member in range(3):
        network = build_network(model.recipe, model.encoders.layout, 1, sample=None, seed=9).eval()
        tensors = unflatten(model.population.weights[member], model.pieces)
        buffers = {name: buffer[member] for name, buffer in model.population.buffers.items()}
        network.load_state_dict(tensors | buffers)
        with torch.no_grad():
            expected.append(expit(network(features, None)[:, 0].double().numpy()))
        assert found.of_members[member][:, 1] == pytest.approx(expected[-1], rel=1e-6)
    assert found.mean[:, 1] == pytest.approx(np.mean(expected, axis=0), rel=1e-6)
    table = prediction_table(model, features)
    assert table.columns == ["prediction", "probability_no", "probability_yes", "disagreement"]
    assert table["probability_yes"].to_numpy() == pytest.approx(np.mean(expected, axis=0), rel=1e-6)
    assert table["disagreement"].to_numpy() == pytest.approx(np.std(expected, axis=0), rel=1e-4, abs=1e-7)
    assert (table["prediction"] == "yes").to_list() == [value >= 0.5 for value in table["probability_yes"]]


def test_a_model_comes_back_from_its_tensors_to_the_bit(model: Model) -> None:
    tensors = model_tensors(model)
    again = model_from_tensors(tensors, **parts(model))
    assert torch.equal(again.population.weights, model.population.weights)
    features = encoded(model, frame(50, 2))
    assert prediction_table(again, features).equals(prediction_table(model, features))
    assert set(tensors) == {piece.name for piece in model.pieces} | {
        f"buffers.{name}" for name, _ in model.network.named_buffers()
    }
    assert all(len(tensor) == 3 for tensor in tensors.values())


def test_one_member_does_not_disagree_with_itself(model: Model) -> None:
    single = Population(
        weights=model.population.weights[:1],
        buffers={name: buffer[:1] for name, buffer in model.population.buffers.items()},
        slots={},
    )
    table = prediction_table(replace(model, population=single), encoded(model, frame(5, 1)))
    assert table.columns == ["prediction", "probability_no", "probability_yes"]


def test_a_row_is_predicted_alike_whatever_rows_and_columns_stand_beside_it(model: Model) -> None:
    rows = frame(50, 3)
    whole = prediction_table(model, encoded(model, rows))
    other = rows.drop("bought").with_columns(extra=pl.lit(1)).select("extra", "group", "age")
    alone = pl.concat([prediction_table(model, encoded(model, other[place])) for place in range(50)])
    assert alone["probability_yes"].to_numpy() == pytest.approx(whole["probability_yes"].to_numpy(), rel=1e-5)


def test_no_rows_give_no_predictions(model: Model) -> None:
    table = prediction_table(model, encoded(model, frame(5, 1)[:0]))
    assert (len(table), table.columns[0]) == (0, "prediction")


def test_unseen_categories_and_missing_cells_are_predicted(model: Model) -> None:
    strange = pl.DataFrame({"age": [None, 41.0], "group": ["new", None]})
    assert prediction_table(model, encoded(model, strange))["probability_yes"].is_finite().all()


def test_a_missing_column_is_refused_by_its_name(model: Model) -> None:
    assert model.columns == ("age", "group")
    with pytest.raises(DataError, match='"age"'):
        encoded(model, frame(5, 1).drop("age"))


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_tensors_that_do_not_fit_the_recipe_are_no_model(change: str, model: Model) -> None:
    tensors, recipe = model_tensors(model), model.recipe
    if change == "missing":
        del tensors["head.bias"]
        with pytest.raises(KeyError, match=r"head\.bias"):
            model_from_tensors(tensors, **parts(model))
    else:
        other = Recipe.model_validate(recipe.model_dump() | {"members": 2})
        with pytest.raises(ValueError, match=r"has shape \(3, .*\), not \(2, "):
            model_from_tensors(tensors, **parts(replace(model, recipe=other)))
