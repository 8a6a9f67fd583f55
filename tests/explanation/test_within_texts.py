"""A text is cut into its words, and what is left of it without some of them is the rest as it stands."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fitwell.explanation.within_texts import WORD, cut_text


@given(st.text(max_size=60), st.integers(1, 5))
def test_parts_cover_all_words_in_order_and_all_of_them_are_the_text(text: str, most: int) -> None:
    cut = cut_text(text, most=most)
    assert len(cut.spans) <= most
    inside = [place for start, stop in cut.spans for place in range(start, stop)]
    assert inside == sorted(set(inside))
    assert {place for word in WORD.finditer(text) for place in range(*word.span())} <= set(inside)
    everything = np.ones((1, len(cut.spans)), dtype=bool)
    assert cut.left(everything) == [text]
    (nothing,) = cut.left(~everything)
    assert not WORD.search(nothing)
    assert len(nothing) == len(text) - len(inside)


def test_a_long_text_has_parts_of_as_many_neighbors() -> None:
    cut = cut_text(" ".join(f"w{number}" for number in range(100)), most=40)
    assert [cut.text[start:stop] for start, stop in cut.spans[:2]] == ["w0 w1 w2", "w3 w4 w5"]
    assert len(cut.spans) == 34
