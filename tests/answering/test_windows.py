"""Windows are those of Hugging Face's tokenizers, and the places of answers lead back to their words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fitwell.answering.squad import Stretch
from fitwell.answering.windows import Cutting, marks_of, pieces_of, places_of, windows_of
from fitwell.pretrained.folder import open_folder
from fitwell.pretrained.tokenizer import opened

TEXT = "the tree of the north . a house and a river lies red . the sky , a stone and the hill lies west of the river ."
QUESTION = "where lies the river ?"


@pytest.mark.parametrize(("longest", "overlap"), [(128, 8), (30, 8), (26, 3)])
def test_windows_are_those_of_transformers(encoder: Path, longest: int, overlap: int) -> None:
    import transformers

    tokenizer = opened(open_folder(encoder).tokenizer, source="the test")
    asked, texts = pieces_of(tokenizer, [QUESTION]), pieces_of(tokenizer, [TEXT])
    windows = windows_of(
        [(0, 0)], asked, texts, marks=marks_of(tokenizer), cutting=Cutting(longest=longest, overlap=overlap)
    )
    fast: Any = transformers.BertTokenizerFast
    theirs = fast(str(encoder / "vocab.txt"))(
        QUESTION,
        TEXT,
        truncation="only_second",
        max_length=longest,
        stride=overlap,
        return_overflowing_tokens=True,
    )
    assert [row[row > 0].tolist() for row in windows.pieces] == [
        [number + 1 for number in row] for row in theirs["input_ids"]
    ]
    segments = [
        [int(place >= lead) for place in range(int((row > 0).sum()))]
        for row, lead in zip(windows.pieces, windows.leads, strict=True)
    ]
    assert segments == theirs["token_type_ids"]


def test_every_answer_is_whole_in_a_window_that_says_where(encoder: Path) -> None:
    tokenizer = opened(open_folder(encoder).tokenizer, source="the test")
    words = [(match, TEXT.index(match)) for match in ("red", "a house and a river", "hill lies west")]
    asked, texts = pieces_of(tokenizer, [QUESTION]), pieces_of(tokenizer, [TEXT])
    windows = windows_of([(0, 0)] * 3, asked, texts, marks=marks_of(tokenizer), cutting=Cutting(longest=26, overlap=8))
    places = places_of(windows, texts, [Stretch(*each) for each in words])
    for pair, (word, _) in enumerate(words):
        rows = np.flatnonzero((windows.questions == pair) & (places[:, 1] > 0))
        assert len(rows)
        for row in rows:
            pieces = places[row] - windows.leads[row] + windows.shifts[row]
            assert TEXT[texts[0].starts[pieces[0]] : texts[0].ends[pieces[1]]] == word
