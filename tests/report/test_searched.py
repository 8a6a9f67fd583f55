"""What a search found is told in words and as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fitwell.report.picture import Contents
from fitwell.report.searched import search_sentence, trials_table

MakeContents = Callable[[str], Contents]


@pytest.fixture
def contents(make_contents: MakeContents) -> Contents:
    return make_contents("binary")


def test_the_sentence_says_the_verdict_with_its_interval(contents: Contents) -> None:
    assert search_sentence(contents) == (
        "Of 6 trials the best gave this run its settings. On 400 test rows that the search never saw, its ROC-AUC is "
        "not distinguishable from that of the recipe as it was: 0.800 against 0.800, a gain of 0.010 (−0.020 to "
        "0.040). Nothing speaks for the tuned settings."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"best": 0}, "Of 6 trials none had a lower validation loss than the recipe as it was"),
        ({"comparison": None}, "they have not been compared with the recipe as it was."),
        ({"results": []}, ""),
    ],
)
def test_a_search_that_is_not_over_or_found_nothing_says_so(
    found: dict[str, Any], said: str, contents: Contents
) -> None:
    told = search_sentence(replace(contents, tuning={**contents.tuning, **found}))
    assert told.endswith(said) or said in told
    assert bool(told) == bool(said)


def test_the_trials_that_came_furthest_are_listed_first(contents: Contents) -> None:
    table = trials_table(contents)
    assert table is not None
    assert table.header == ("trial", "learning rate", "activation", "hidden", "epochs", "lowest validation loss")
    assert [row[0] for row in table.rows] == ["1", "4", "5", "the recipe", "3"]
    assert table.rows[0][-2:] == ["12", "0.3"]
    assert table.rows[3][3] == "–"
    assert table.caption == "1 more trial in trials.parquet."


def test_a_run_without_a_search_has_no_such_section(contents: Contents) -> None:
    plain = replace(contents, tuning={})
    assert trials_table(plain) is None
    assert search_sentence(plain) == ""
