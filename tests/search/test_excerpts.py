"""An excerpt is the stretch with most of the query's words, of no more than the width."""

from __future__ import annotations

import pytest

from fitwell.search import excerpt

TEXT = "One cat came. " + "It slept all day long. " * 6 + "A dog saw the cat sleep. " + "Then it went away. " * 6


@pytest.mark.parametrize("width", [20, 40, 80, 160])
@pytest.mark.parametrize("query", ["dog cat", "came", "away", "nothing of it", ""])
def test_an_excerpt_is_a_stretch_of_the_text_and_fits(query: str, width: int) -> None:
    shown = excerpt(TEXT, query, width=width)
    assert len(shown) <= width
    assert shown.removeprefix("… ").removesuffix(" …") in TEXT


def test_an_excerpt_has_most_of_the_words() -> None:
    assert "A dog saw the cat" in excerpt(TEXT, "dog or cat", width=40)
    assert excerpt("  short\ntext ", "text", width=40) == "short text"
    assert len(excerpt("x" * 1000, "x", width=40)) <= 40
