"""Texts are divided among threads without gaps, evenly up to one text."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fitwell.words import encode
from fitwell.words.lesson import Lesson, divided, text_after
from fitwell.words.word2vec_settings import Word2VecSettings

SETTINGS = Word2VecSettings(
    architecture="skipgram",
    dimension=8,
    window=2,
    loss="negative_sampling",
    negative=2,
    epochs=1,
    min_count=1,
    max_size=None,
    subsample=0,
    rate=0.025,
    seed=1,
)


def lesson_of(lengths: list[int]) -> Lesson:
    corpus = encode([["a"] * length for length in lengths])
    return Lesson(
        corpus=corpus,
        blocks=np.array([0, len(lengths)]),
        keep=np.array([2**32 - 1], np.uint32),
        draws=np.zeros(1, np.int32),
        ways=None,
        parts=None,
        settings=SETTINGS,
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 5))
def test_stretches_are_all_of_the_texts_and_about_as_long(lengths: list[int], threads: int) -> None:
    lesson = lesson_of(lengths)
    stretches = divided(lesson, [(0, len(lengths))], threads)
    assert len(stretches) <= threads
    assert [first for first, _ in stretches[1:]] == [last for _, last in stretches[:-1]]
    assert (stretches[0][0], stretches[-1][1]) == (0, len(lengths))
    assert all(first < last for first, last in stretches)
    if threads == 2 and len(lengths) > 1:
        assert len(stretches) == 2
        one, other = (sum(lengths[first:last]) for first, last in stretches)
        assert abs(one - other) <= 2 * max(lengths)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 12))
def test_pieces_go_on_to_the_end_of_a_stretch(lengths: list[int], tokens: int) -> None:
    lesson, places = lesson_of(lengths), [0]
    while places[-1] < len(lengths):
        places.append(text_after(lesson, places[-1], len(lengths), tokens))
    for first, last in pairwise(places):
        assert sum(lengths[first : last - 1]) < tokens
