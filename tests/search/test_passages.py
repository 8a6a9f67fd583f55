"""Long texts are cut where paragraphs and sentences end, and nothing of them is lost."""

from __future__ import annotations

import numpy as np
import pytest

from fitwell.errors import RequestError
from fitwell.search.passages import passages_of, require_longest


def test_every_word_is_in_one_passage_and_none_is_too_long() -> None:
    generator = np.random.default_rng(0)
    ends = np.array([" ", "  ", ". ", "! ", "\n", "\n\n", ".\n\n"])
    for count in (0, 1, 10, 11, 200):
        words = [f"wört{number}" for number in range(count)]
        text = "".join(f"{word}{end}" for word, end in zip(words, generator.choice(ends, count), strict=True))
        passages = [text[start:end] for start, end in passages_of(text, longest=10)]
        assert " ".join(passages).split() == text.split()
        assert max(len(passage.split()) for passage in passages) <= 10


def test_a_paragraph_ends_a_passage_before_a_sentence_does_and_the_last_of_them_counts() -> None:
    text = "a b c d e.\n\nf g h. i j k l m n o p q r s t"
    cut = [text[start:end] for start, end in passages_of(text, longest=10)]
    assert cut == ["a b c d e.", "f g h. i j k l m n o", "p q r s t"]
    text = text.replace("\n\n", " ")
    cut = [text[start:end] for start, end in passages_of(text, longest=10)]
    assert cut == ["a b c d e. f g h.", "i j k l m n o p q r", "s t"]


def test_a_short_text_and_one_that_is_not_to_be_cut_stay_whole() -> None:
    assert passages_of(" a b ", longest=10) == [(0, 5)]
    assert passages_of("a " * 1000, longest=None) == [(0, 2000)]
    with pytest.raises(RequestError, match="a passage must have 10 words or more, but 9 were asked for; 150 are usual"):
        require_longest(9)
