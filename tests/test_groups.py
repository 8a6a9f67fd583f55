"""Recipes of one shape train as one population, and a member of it is what its recipe says."""

from __future__ import annotations

from typing import Any

import pytest

from fitwell.errors import RecipeError
from fitwell.recipe import PER_MEMBER, Recipe, changed, described, from_yaml, grouped, own_recipe, setting, to_yaml
from fitwell.topics import find


def recipes(*changes: dict[str, Any]) -> list[Recipe]:
    return [changed(Recipe(), each) for each in changes]


def test_recipes_that_differ_in_a_members_settings_are_one_group_and_others_are_others() -> None:
    given = recipes(
        {"training.l2": 0.1}, {"network.hidden": [8]}, {"training.learning_rate": 0.01, "training.clip_norm": 1.0},
        {"network.hidden": [8], "training.l1": 0.5}, {"seed": 1}, {},
    )  # fmt: skip
    groups = grouped(given)
    assert [group.places for group in groups] == [(0, 2, 5), (1, 3), (4,)]
    assert [group.recipe.member_count for group in groups] == [len(group) for group in groups] == [3, 2, 1]
    for group in groups:
        for member, place in enumerate(group.places):
            own = own_recipe(group.recipe, member)
            for path in PER_MEMBER:
                if not path.startswith("seeds."):
                    assert setting(own, path) == setting(given[place], path), path
            assert own.network == given[place].network


def test_members_of_a_group_share_the_randomness_of_their_recipes_alone() -> None:
    (group,) = grouped(recipes({"seed": 5}, {"seed": 5, "training.l2": 0.1}, {"seed": 5, "seeds.order": 2}))
    seeds = [own_recipe(group.recipe, member).seeds.model_dump() for member in range(3)]
    assert seeds[:2] == [{"weights": 5, "order": 5, "noise": 5}] * 2
    assert seeds[2] == {"weights": 5, "order": 2, "noise": 5}


def test_a_recipe_alone_stays_as_it_is() -> None:
    (recipe,) = recipes({"training.execution": "eager", "seed": 4})
    assert grouped([recipe])[0].recipe == recipe
    assert grouped([]) == []


def test_settings_that_are_open_stay_open_in_a_group() -> None:
    (group,) = grouped(recipes({}, {"training.weight_decay": 0.5}, {"training.learning_rate": 0.1}))
    assert group.recipe.training.weight_decay == "auto"
    assert group.recipe.training.learning_rate == "usual"
    assert group.recipe.members == ({}, {"training.weight_decay": 0.5}, {"training.learning_rate": 0.1})


def test_rates_that_a_range_test_finds_are_a_group_of_their_own() -> None:
    groups = grouped(recipes({"training.learning_rate": "auto"}, {"training.learning_rate": 0.1}))
    assert [group.places for group in groups] == [(0,), (1,)]


@pytest.mark.parametrize("members", [2, [{"training.l2": 0.1}]])
def test_recipes_of_several_members_are_not_grouped(members: Any) -> None:
    with pytest.raises(RecipeError, match=r"must have one member each, but recipe 2 has "):
        grouped(recipes({}, {"members": members}))


def test_what_may_differ_is_what_is_explained() -> None:
    known = {path for path, _, _ in described()}
    listed = find("members").text.split("the same for all:")[1]
    assert {word.strip(",.") for word in listed.split()} & known == set(PER_MEMBER)


def test_members_are_written_an_entry_a_line_and_read_back() -> None:
    recipe = changed(Recipe(), {"members": [{}, {"training.l2": 0.5, "training.clip_norm": None}]})
    text = to_yaml(recipe, comments={"members": "two"})
    assert "members:  # two\n  - {}\n  - {training.l2: 0.5, training.clip_norm: null}\n" in text
    assert from_yaml(text) == recipe


REFUSED: dict[str, tuple[Any, str]] = {
    "no members": ([], r"members must be a list .*, or a whole number of at least 1 and at most 10,000, but is \[\]"),
    "an entry that is no mapping": ([3], r"members must be a list with a mapping for each member, or .*, but is \[3\]"),
    "a setting that does not exist": ([{"training.l3": 1}], r'entry 1: no setting of a member is called "training.l3"'),
    "a setting of all members": (
        [{}, {"training.batch_size": 4}],
        r"members, entry 2: training.batch_size is the same for all members, because it decides what is computed",
    ),
    "a group": (
        [{"training": {"l2": 1}}],
        r"members, entry 1: settings have dotted names there, but training is a group; write training.l2 and its value",
    ),
    "a value out of bounds": ([{"training.l2": -1}], r"entry 1: training.l2 must be a number of at least 0, but is -1"),
    "a word that leaves it open": ([{"training.learning_rate": "auto"}], r'must be a value, but is "auto"; leave it'),
    "a contradiction": ([{}, {"training.weight_decay": 0.1}], r"members, entry 2: training.weight_decay is 0.1, but a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_members_that_do_not_fit_are_refused_by_their_entry(name: str) -> None:
    members, wording = REFUSED[name]
    with pytest.raises(RecipeError, match=wording):
        changed(Recipe(), {"members": members, "training.optimizer": "adam"})
