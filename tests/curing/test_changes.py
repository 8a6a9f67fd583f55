"""What differs from Fitwell's own choices is found, and can be put right without contradicting the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell.curing import causes
from fitwell.curing.causes import CAUSES, cause_of, is_taste
from fitwell.curing.changes import (
    AS_ENCODED,
    MACHINE,
    OF_DATA,
    Subject,
    asked_with,
    headroom,
    possible_causes,
    subject_of,
)
from fitwell.data.read import read_table
from fitwell.preparation import Prepared, divided, labelled_rows_of, planned, prepare
from fitwell.recipe import Recipe, changed, described, setting
from fitwell.topics import names

ASKED: dict[str, Any] = {"device": "cpu", "target": ["y"]}


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=200), "y": random.choice(["yes", "no"], 200)})
    labelled, recipe = labelled_rows_of(read_table(frame), changed(Recipe(), ASKED), test=None)
    return prepare(labelled, recipe, split=divided(labelled, recipe))


def subject(prepared: Prepared, **settings: Any) -> Subject:
    """The subject of a run that was asked for these settings, all others left open."""
    asked = {name.replace("__", "."): value for name, value in settings.items()}
    recipe = changed(Recipe(), ASKED | asked)
    of_data = {path: value for path, value in asked.items() if path.startswith("data.")}
    whole = prepared
    if of_data:
        labelled = prepared.labelled
        whole = prepare(labelled, recipe, split=prepared.split)
    resolved = planned(whole, recipe).recipe
    left_open = [path for path, _, default in described() if default in ("auto", "usual") and path not in asked]
    return subject_of(resolved, whole, left_open=left_open)


def test_every_setting_of_network_and_training_has_a_cause_or_only_concerns_the_machine() -> None:
    assert set(possible_causes()) | set(OF_DATA) == set(CAUSES)
    known = {path for path, _, _ in described()}
    assert known >= MACHINE | AS_ENCODED
    assert not (MACHINE | AS_ENCODED) & set(CAUSES)


def test_every_symptom_of_a_cause_is_explained() -> None:
    told = {cause.symptom for cause in vars(causes).values() if isinstance(cause, causes.Cause)}
    assert told <= set(names())
    assert len(told) > 10


def test_fitwells_own_choices_leave_nothing_to_put_right(prepared: Prepared) -> None:
    assert subject(prepared).changes == ()


@pytest.mark.parametrize(
    ("settings", "differing"),
    [
        ({"training__learning_rate": 1e-6}, ["training.learning_rate"]),
        ({"network__activation": "sigmoid"}, ["network.activation"]),  # the initialization that follows is not named
        ({"training__epochs": 1}, ["training.epochs"]),  # nor is the patience
        ({"training__loss": "focal", "training__focal_gamma": 9.0}, ["training.loss", "training.focal_gamma"]),
        ({"data__numbers": "none"}, ["data.numbers"]),
        ({"data__numbers": "robust"}, []),  # asked for, and what Fitwell chooses itself
    ],
)
def test_what_was_asked_otherwise_is_named(prepared: Prepared, settings: dict[str, Any], differing: list[str]) -> None:
    assert [change.name for change in subject(prepared, **settings).changes] == differing


def test_without_changes_the_recipe_is_the_runs_own(prepared: Prepared) -> None:
    of_run = subject(prepared, training__learning_rate=0.5, network__hidden=[8, 8])
    assert setting(of_run.recipe(), "training.learning_rate") == 0.5
    assert of_run.recipe() is of_run.base
    assert (of_run.base.network.hidden, of_run.base.training.signals_every) == ((8, 8), 0)


def test_what_was_left_open_follows_what_is_put_right(prepared: Prepared) -> None:
    of_run = subject(prepared, network__activation="tanh", training__epochs=1)
    activation, epochs = of_run.changes
    assert of_run.base.network.initialization == "glorot_uniform"
    assert of_run.base.training.early_stopping.patience == 5
    put_right = planned(prepared, of_run.recipe([activation])).recipe
    assert (put_right.network.activation, put_right.network.initialization) == ("silu", "he_normal")
    assert put_right.training.epochs == 1
    longer = planned(prepared, of_run.recipe([epochs])).recipe
    assert (longer.training.epochs, longer.training.early_stopping.patience) == (64, 26)


def test_a_time_limit_that_left_fewer_epochs_is_a_change_although_nobody_asked(prepared: Prepared) -> None:
    resolved = planned(prepared, changed(Recipe(), ASKED)).recipe
    left_open = [path for path, _, default in described() if default in ("auto", "usual")]
    cut = changed(resolved, {"training.epochs": 3, "training.early_stopping.patience": 1})
    found = subject_of(cut, prepared, left_open=left_open)
    assert [change.name for change in found.changes] == ["training.epochs", "training.early_stopping.patience"]


def test_settings_that_lose_their_meaning_are_left_out(prepared: Prepared) -> None:
    of_run = subject(prepared, training__optimizer="sgd", training__momentum=0.99, training__learning_rate=1.0)
    by_name = {change.name: change for change in of_run.changes}
    put_right = planned(prepared, of_run.recipe([by_name["training.optimizer"]])).recipe
    assert (put_right.training.optimizer, put_right.training.momentum) == ("adamw", 0.9)
    assert put_right.training.learning_rate == 1.0


def test_headroom_is_wider_and_held_back_more(prepared: Prepared) -> None:
    resolved = planned(prepared, changed(Recipe(), ASKED | {"network.hidden": [8, 4]})).recipe
    wider, regularized = headroom(resolved)
    assert wider.values == {"network.hidden": (16, 8)}
    assert regularized.values["network.dropout"] == resolved.network.dropout + 0.2  # type: ignore[operator]


def test_a_cured_recipe_keeps_what_was_asked_and_opens_what_was_open(prepared: Prepared) -> None:
    members = [{"training.learning_rate": 0.5}, {"training.l2": 0.1}]
    resolved = planned(prepared, changed(Recipe(), ASKED | {"network.hidden": [8], "members": members})).recipe
    cured = asked_with(resolved, {"training.learning_rate": 0.01}, left_open=["network.activation"])
    assert cured.network.hidden == (8,)
    assert (cured.network.activation, cured.training.learning_rate) == ("auto", 0.01)
    assert cured.members == ({}, {"training.l2": 0.1})


@pytest.mark.parametrize(
    ("path", "old", "new", "symptom"),
    [
        ("training.learning_rate", 10.0, 0.001, "learning_rate_too_high"),
        ("training.learning_rate", 1e-7, 0.001, "learning_rate_too_low"),
        ("network.activation", "identity", "silu", "missing_activation"),
        ("network.activation", "sigmoid", "silu", "saturated_units"),
        ("network.hidden", (2,), (128, 128), "underfitting"),
        ("network.dropout", 0.9, 0.1, "underfitting"),
        ("training.weight_decay", 0.0, 0.1, "overfitting"),
        ("training.epochs", 1, 64, "stopped_too_early"),
        ("training.early_stopping.patience", 1, 26, "stopped_too_early"),
        ("training.early_stopping.restore_best", False, True, "overfitting"),
        ("training.early_stopping.restore_best", True, False, "stopped_too_early"),
        ("training.loss", "quantile", "squared_error", "wrong_loss"),
        ("training.clip_norm", 1e-6, None, "learning_rate_too_low"),
        ("training.schedule", "constant", "log_cosine", "unstable_loss"),
        ("training.schedule", "exponential", "log_cosine", "learning_rate_too_low"),
        ("data.numbers", "none", "robust", "unscaled_inputs"),
    ],
)
def test_a_cause_has_the_symptom_of_its_direction(path: str, old: Any, new: Any, symptom: str) -> None:
    base = changed(Recipe(), {"task": "regression"} if path == "training.loss" else {})
    assert cause_of(path, changed(base, {path: old}), changed(base, {path: new})).symptom == symptom


def test_a_rate_within_a_factor_of_ten_is_a_matter_of_taste() -> None:
    own, tenth, hundredth = (changed(Recipe(), {"training.learning_rate": rate}) for rate in (0.01, 0.001, 0.0001))
    assert is_taste("training.learning_rate", tenth, own)
    assert not is_taste("training.learning_rate", hundredth, own)
    assert not is_taste("network.activation", own, own)
    assert is_taste("network.number_embedding", own, own)
