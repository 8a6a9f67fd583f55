"""A page says what an examination came to, also where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.report.conftest import MakeContents

from fitwell.report.examined import examined_sentence, experiments_table
from fitwell.report.page import page

DIAGNOSIS: dict[str, Any] = {
    "metric": "roc_auc",
    "why": "nothing that was changed brings roc_auc more than noise",
    "trainings": 6.5,
    "untried": ["labels and rows", "suspected leaks"],
    "experiments": [
        {"name": "as it is", "changes": {}, "seed": "own", "figure": 0.81, "trainings": 1.0},
        {"name": "wider", "changes": {}, "seed": "other 1", "figure": None, "trainings": 1.0},
    ],
}


def test_a_run_that_was_examined_and_is_healthy_says_so_and_why(make_contents: MakeContents) -> None:
    examined = replace(make_contents("binary"), findings=[], diagnosis=DIAGNOSIS)
    said = examined_sentence(examined)
    assert said == (
        "Examined by 6.5 trainings: healthy. Nothing that was changed brings roc_auc more than noise. "
        "The time did not allow labels and rows and suspected leaks."
    )
    assert said in page(examined).decode()
    table = experiments_table(examined)
    assert table is not None
    assert list(table.rows) == [("as it is", "the run's", "0.81"), ("wider", "other 1", "–")]


def test_a_run_that_was_not_examined_says_nothing_of_it(make_contents: MakeContents) -> None:
    plain = make_contents("binary")
    assert examined_sentence(plain) == ""
    assert experiments_table(plain) is None
