"""Parts of words are cut, hashed and averaged as fastText does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vectors.conftest import ORIGINALS

from fitwell.errors import DataError
from fitwell.vectors import Subwords, Vectors, load
from fitwell.vectors.subwords import buckets_of, fnv1a, parts_of, seen_vectors


def made(width: int = 3, *, shortest: int = 2, longest: int = 4, words: int = 4) -> Subwords:
    """Make random vectors of parts."""
    generator = np.random.default_rng(1)
    buckets, own = generator.standard_normal((11, width)), generator.standard_normal((words, width))
    return Subwords(shortest=shortest, longest=longest, buckets=buckets.astype(np.float32), own=own.astype(np.float32))


def test_parts_are_those_that_fasttext_cuts(said: dict[str, Any]) -> None:
    assert parts_of("naïve", shortest=2, longest=4) == said["fasttext"]["parts_of_naïve"][1:]  # the first is the word


def test_plain_ascii_is_hashed_by_the_published_function() -> None:
    # FNV-1a, 32 bits, from the test vectors of its authors
    assert [fnv1a(text) for text in (b"", b"a", b"foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]


@settings(max_examples=60, deadline=None)
@given(
    word=st.text(min_size=1, max_size=8).filter(lambda word: word.isprintable()),
    sizes=st.tuples(st.integers(1, 3), st.integers(0, 3)),
)
def test_the_compiled_loop_gives_the_bits_of_the_plain_one(word: str, sizes: tuple[int, int]) -> None:
    subwords = made(shortest=sizes[0], longest=sum(sizes), words=1)
    total = subwords.own[0]
    buckets = buckets_of(word, subwords)
    for bucket in buckets:
        total = total + subwords.buckets[bucket]
    expected = total * np.float32(1 / (1 + len(buckets)))
    assert seen_vectors((word,), subwords)[0].tobytes() == expected.tobytes()


def test_the_end_of_a_sentence_has_no_parts() -> None:
    subwords = made(words=1)
    assert parts_of("</s>", shortest=1, longest=3) == []
    assert (seen_vectors(("</s>",), subwords)[0] == subwords.own[0]).all()


def test_seen_and_unseen_words_have_the_vectors_that_fasttext_gives(said: dict[str, Any]) -> None:
    vectors = load(ORIGINALS / "fasttext.bin")
    assert list(vectors.words) == said["fasttext"]["words"]
    assert (vectors.matrix == np.array(said["fasttext"]["values"], np.float32)).all()
    for word, values in said["fasttext"]["unseen"].items():
        assert (vectors.vector(word) == np.array(values, np.float32)).all(), word


def test_an_unseen_word_has_neighbors(said: dict[str, Any]) -> None:
    vectors = load(ORIGINALS / "fasttext.bin")
    (nearest, *_) = vectors.neighbors("womanly", 3)
    of_it = np.array(said["fasttext"]["unseen"]["womanly"])
    table = np.array(said["fasttext"]["values"])
    cosines = table @ of_it / np.linalg.norm(table, axis=1) / np.linalg.norm(of_it)
    assert nearest.word == said["fasttext"]["words"][int(cosines.argmax())]
    assert nearest.similarity == pytest.approx(cosines.max())


@pytest.mark.parametrize(("shortest", "longest"), [(0, 3), (4, 3)])
def test_parts_that_no_word_has_are_refused(shortest: int, longest: int) -> None:
    with pytest.raises(DataError, match=f"but are {shortest} to {longest} characters in 11 buckets"):
        made(shortest=shortest, longest=longest)


def test_vectors_tell_that_they_know_parts() -> None:
    vectors = Vectors(("a", "b", "c", "d"), np.eye(4, 3, dtype=np.float32), subwords=made())
    assert repr(vectors) == "Vectors(4 words, width 3, parts of words)"
