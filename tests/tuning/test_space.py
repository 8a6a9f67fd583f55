"""What a search tries: usual ranges follow from the chosen recipe, and senseless ranges are refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitwell.errors import RecipeError
from fitwell.recipe import NOT_TUNED, Range, Recipe, changed, described, from_yaml, parse, setting, to_yaml
from fitwell.space import USUAL, dimension_of, space_of, usual_ranges, with_effect

CHOSEN = parse(
    {
        "network": {"hidden": [128, 128, 128], "activation": "silu", "dropout": 0.1},
        "training": {"learning_rate": 0.002, "weight_decay": 0.1, "optimizer": "adamw", "batch_size": 64},
    }
)


def with_ranges(ranges: dict[str, Any]) -> Recipe:
    return parse({"tune": {"ranges": ranges}})


def test_usual_ranges_hold_what_was_chosen() -> None:
    for dimension in space_of(Recipe(), CHOSEN):
        value = setting(CHOSEN, dimension.path)
        assert value in dimension.tried.among or 0 <= dimension.place(value) <= 1, dimension
        assert dimension.why


def test_usual_ranges_leave_what_was_made_alone() -> None:
    asked = parse({"network": {"dropout": 0.2}, "training": {"learning_rate": 0.01}})
    assert set(USUAL) - set(usual_ranges(asked, CHOSEN)) == {"network.dropout", "training.learning_rate"}


def test_named_ranges_vary_what_was_made_too() -> None:
    asked = changed(with_ranges({"network.dropout": {"low": 0, "high": 0.9}}), {"network.dropout": 0.2})
    assert [each.path for each in space_of(asked, CHOSEN)] == ["network.dropout"]


def test_a_recipe_that_makes_everything_leaves_nothing_to_search() -> None:
    made = changed(CHOSEN, {"network.dropout": 0.1})
    with pytest.raises(
        RecipeError, match="a search needs a setting to vary, but the recipe makes all that are usually"
    ):
        space_of(made, made)


def test_a_network_without_hidden_layers_has_no_shape_to_vary() -> None:
    linear = changed(CHOSEN, {"network.hidden": []})
    assert set(usual_ranges(Recipe(), linear)) == {"training.learning_rate", "training.weight_decay"}


@given(
    ends=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)).filter(lambda ends: ends[0] < ends[1]),
    place=st.floats(0, 1, exclude_max=True),
    scale=st.sampled_from(["linear", "log"]),
)
def test_a_value_lies_between_the_ends_and_has_the_place_it_came_from(
    ends: tuple[float, float], place: float, scale: Any
) -> None:
    tried = Range(low=ends[0], high=ends[1], scale=scale)
    dimension = dimension_of("training.l2", tried, why="")
    value = dimension.value(place)
    assert ends[0] <= value <= ends[1]
    spread = abs(dimension.place(1.01 * value) - dimension.place(value))  # values are rounded to three digits
    assert abs(dimension.place(value) - place) <= spread + 1e-9


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_whole_numbers_stay_whole_and_all_of_them_come(scale: Any) -> None:
    dimension = dimension_of("training.batch_size", Range(low=2, high=5, scale=scale), why="")
    values = [dimension.value(place / 100) for place in range(100)]
    assert set(values) == {2, 3, 4, 5}
    assert all(isinstance(value, int) for value in values)


def test_words_and_shapes_share_the_places_evenly() -> None:
    dimension = dimension_of("network.hidden", Range(among=((8,), (8, 8), (16,))), why="")
    assert [dimension.value(place / 6) for place in range(6)] == [(8,), (8,), (8, 8), (8, 8), (16,), (16,)]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "upside down": ({"network.dropout": {"low": 0.5, "high": 0.1}}, "low below its high, but has low 0.5, high 0.1"),
    "only one end": ({"network.dropout": {"low": 0.5}}, "low and high, or a list in among, but has low 0.5"),
    "nothing": ({"network.dropout": {}}, "low and high, or a list in among, but has nothing"),
    "both": ({"network.dropout": {"low": 0, "high": 0.5, "among": [0, 0.5]}}, "but has both"),
    "a ratio of nothing": ({"training.l2": {"low": 0, "high": 1, "scale": "log"}}, "above 0 for the scale log"),
    "a list of one": ({"network.activation": {"among": ["relu"]}}, r"at least two values .* lists \['relu'\]"),
    "one twice": ({"network.activation": {"among": ["relu", "relu"]}}, "each once, but lists"),
    "a misspelled setting": ({"network.dropuot": {"low": 0, "high": 1}}, 'did you mean "network.dropout"'),
    "what is learned from": ({"data.rare_count": {"low": 1, "high": 9}}, "names data.rare_count, which cannot be"),
    "the measure": ({"training.loss": {"among": ["focal", "cross_entropy"]}}, "changes what the validation loss means"),
    "the seed": ({"seed": {"low": 0, "high": 9}}, "names seed, which cannot be searched"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_senseless_range_is_refused_where_the_recipe_is_read(case: str) -> None:
    ranges, words = REFUSED[case]
    with pytest.raises(RecipeError, match=words):
        with_ranges(ranges)


REFUSED_LATER: dict[str, tuple[dict[str, Any], str]] = {
    "too large": ({"network.dropout": {"low": 0, "high": 1.5}}, "network.dropout must be .* below 1, .* is 1.5"),
    "half a row": ({"training.batch_size": {"low": 16.5, "high": 99}}, "training.batch_size must be a whole number"),
    "an unknown word": ({"network.activation": {"among": ["relu", "rleu"]}}, 'did you mean "relu"'),
    "a word for another": ({"network.hidden": {"among": ["auto", [8]]}}, "lists auto, which stands for one of them"),
    "without effect": ({"training.momentum": {"low": 0, "high": 0.9}}, "no effect while training.optimizer is adamw"),
}


@pytest.mark.parametrize("case", REFUSED_LATER)
def test_a_range_that_its_setting_does_not_take_is_refused_before_the_search(case: str) -> None:
    ranges, words = REFUSED_LATER[case]
    with pytest.raises(RecipeError, match=words):
        space_of(with_ranges(ranges), CHOSEN)


def test_a_setting_that_depends_on_another_is_left_out_where_it_has_no_effect() -> None:
    asked = with_ranges(
        {"training.momentum": {"low": 0, "high": 0.9}, "training.optimizer": {"among": ["sgd", "adamw"]}}
    )
    assert len(space_of(asked, CHOSEN)) == 2
    values = {"training.momentum": 0.5, "training.optimizer": "sgd"}
    assert with_effect(values, chosen=CHOSEN) == values
    assert with_effect(values | {"training.optimizer": "adamw"}, chosen=CHOSEN) == {"training.optimizer": "adamw"}


def test_ranges_survive_yaml() -> None:
    recipe = with_ranges(
        {
            "network.hidden": {"among": [[8, 8], [16]]},
            "network.residual": {"among": [True, False]},
            "training.learning_rate": {"low": 0.001, "high": 0.1, "scale": "log"},
        }
    )
    text = to_yaml(recipe, comments={"tune.ranges.network.hidden": "why"})
    assert "    network.hidden: {among: [[8, 8], [16]]}  # why" in text
    assert from_yaml(text) == recipe


def test_every_setting_that_cannot_be_searched_exists() -> None:
    assert set(NOT_TUNED) <= {path for path, _, _ in described()}
