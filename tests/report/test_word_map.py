"""A map of words shows each where its vector lies, and names those that have room."""

from __future__ import annotations

import numpy as np

from fitwell.report.pictures import THEMES, svg
from fitwell.report.word_map import word_map

LIGHT = THEMES["light"]
SHARES = np.array([0.5, 0.25])


def test_every_word_is_a_point_where_it_was_put() -> None:
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]])
    rows = word_map(["a", "b", "c"], points, SHARES, LIGHT)["data"]["values"]
    assert [(row["word"], row["x"], row["y"]) for row in rows] == [("a", 0, 1), ("b", 2, 3), ("c", 4, 0)]
    assert [row["name"] for row in rows] == ["a", "b", "c"]


def test_of_names_that_would_cover_one_another_the_earlier_is_shown() -> None:
    points = np.array([[0.0, 0.0], [0.01, 0.0], [0.01, 1.0], [1.0, 0.0]])
    rows = word_map(["first", "hidden", "above", "aside"], points, SHARES, LIGHT)["data"]["values"]
    assert [row["name"] for row in rows] == ["first", "", "above", "aside"]


def test_axes_tell_how_much_they_show() -> None:
    drawn = svg(word_map(["a", "b", "c"], np.eye(3, 2), SHARES, LIGHT))
    assert "first direction: 50 % of the spread" in drawn
    assert "second direction: 25 % of the spread" in drawn


def test_words_in_one_place_are_drawn() -> None:
    rows = word_map(["a", "b"], np.ones((2, 2)), SHARES, LIGHT)["data"]["values"]
    assert [row["name"] for row in rows] == ["a", ""]
