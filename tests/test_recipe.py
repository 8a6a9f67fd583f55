"""A recipe is one value: written and read back the same, with every setting in its one place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fitwell.errors import RecipeError
from fitwell.recipe import (
    APPLIES,
    Recipe,
    assignments,
    changed,
    choices_of,
    described,
    from_yaml,
    parse,
    setting,
    to_yaml,
)

PATHS = [path for path, _, _ in described()]


@pytest.mark.parametrize("path", PATHS)
def test_every_setting_has_its_sentence_and_its_default(path: str) -> None:
    sentence, default = next((sentence, default) for name, sentence, default in described() if name == path)
    assert sentence.endswith(".")
    assert setting(Recipe(), path) == default


@pytest.mark.parametrize("path", [path for path in PATHS if choices_of(path) and path != "version"])
def test_every_word_of_a_setting_is_read_back(path: str) -> None:
    for word in choices_of(path):
        others: dict[str, Any] = {}
        others |= {"data.group": "g", "data.test": "f"} if (path, word) == ("data.split", "grouped") else {}
        others |= {"data.time": "t"} if (path, word) == ("data.split", "time") else {}
        others |= {"data.test": "f"} if (path, word) == ("data.split", "given") else {}
        others |= {"decision.at_least": 0.9} if path == "decision.threshold" and word in ("precision", "recall") else {}
        costs = {"decision.false_positive_cost": 1.0, "decision.false_negative_cost": 5.0}
        others |= costs if (path, word) == ("decision.threshold", "cost") else {}
        kind = "image" if path == "network.image.family" else "text"
        others |= {f"data.{kind}_encoder": "folder"} if word in ("pieces", "pretrained") else {}
        recipe = changed(Recipe(), {path: word} | others)
        assert setting(from_yaml(to_yaml(recipe)), path) == word


@pytest.mark.parametrize("path", PATHS)
def test_a_value_of_the_wrong_type_is_refused_by_name(path: str) -> None:
    with pytest.raises(RecipeError, match=rf"^{path} must be .*, but (is|entry 1 is) "):
        changed(Recipe(), {path: [object()]})


@pytest.mark.parametrize("path", APPLIES)
def test_a_setting_without_effect_depends_on_words_that_exist(path: str) -> None:
    other, words = APPLIES[path]
    assert path in PATHS
    assert words <= set(choices_of(other))


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=10)


@given(target=names, column=names, marker=names, comment=st.text(max_size=20))
@example(target="y", column="\xa0`", marker="-", comment="")  # a blank that YAML takes for a letter
@settings(deadline=None)
def test_any_name_survives_yaml(target: str, column: str, marker: str, comment: str) -> None:
    columns = {column: {"kind": "number", "missing": [marker, "?"]}}
    recipe = changed(Recipe(), {"target": [target], "data.columns": columns})
    text = to_yaml(recipe, comments={"target": comment, f"data.columns.{column}": comment})
    assert from_yaml(text) == recipe


READ = {
    "a fraction without a point": ("training.learning_rate=1e-3", "training.learning_rate", 0.001),
    "a list": ("network.hidden=[64, 32]", "network.hidden", (64, 32)),
    "a word": ("training.optimizer=muon", "training.optimizer", "muon"),
    "nothing": ("training.clip_norm=null", "training.clip_norm", None),
    "classes called by numbers": (
        "training.class_weights={0: 1, 1: 5}",
        "training.class_weights",
        {"0": 1.0, "1": 5.0},
    ),
    "a column whose name has dots": ("data.columns.a.b.kind=date", "data.columns", None),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_set_is_read_as_it_is_meant(name: str) -> None:
    text, path, expected = READ[name]
    recipe = changed(Recipe(), assignments([text]))
    if path == "data.columns":
        assert recipe.data.columns["a.b"].kind == "date"
    else:
        assert setting(recipe, path) == expected


def test_what_is_not_set_stays() -> None:
    recipe = parse({"seed": 3, "training": {"epochs": 5}})
    assert changed(recipe, {"training.batch_size": 7}).training.epochs == 5
    assert changed(recipe, {}) == recipe


def test_an_empty_text_is_the_default_recipe() -> None:
    assert from_yaml("") == Recipe()
    assert from_yaml("# nothing but a comment\n") == Recipe()


def test_a_recipe_cannot_be_changed_in_place() -> None:
    recipe: Any = Recipe()
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 1
