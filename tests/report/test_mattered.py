"""What mattered in a search is drawn comparison by comparison, with how many trials each has and how far they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fitwell.report.mattered import search_pictures
from fitwell.report.picture import Contents

MakeContents = Callable[[str], Contents]


@pytest.fixture
def contents(make_contents: MakeContents) -> Contents:
    return make_contents("binary")


@pytest.fixture
def turning(contents: Contents) -> Contents:
    """A search of 64 epochs where higher rates are ahead at first, and lower ones of those that are left."""
    rates = [2.0**place for place in range(16)]
    results = [
        {"epochs": 0.25, "losses": {str(trial): 16.0 - trial for trial in range(16)}, "kept": list(range(15, 7, -1))},
        {"epochs": 4, "losses": {str(trial): float(trial) for trial in range(8, 16)}, "kept": [8, 9]},
        {"epochs": 8, "losses": {"8": 0.8, "9": 0.7}, "kept": [9]},
    ]
    tried = {"low": 1.0, "high": 32768.0, "scale": "log", "among": []}
    share = {"value": 0.9, "low": 0.5, "high": 0.99, "matters": True}
    tuning = {
        **contents.tuning,
        "space": [{"setting": "training.learning_rate", "tried": tried}],
        "trials": [{"training.learning_rate": rate} for rate in rates],
        "results": results,
        "best": 9,
        "mattered": [
            {"epochs": each["epochs"], "trials": count, "shares": {"training.learning_rate": share | {"ahead": ahead}}}
            for each, count, ahead in zip(results[:2], (16, 8), ("higher", "lower"), strict=True)
        ],
    }
    return replace(contents, tuning=tuning, settings={**contents.settings, "training": {"epochs": 64}})


def panels(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {part["title"]["text"]: part["data"]["values"] for part in spec["vconcat"]}


def test_each_comparison_says_how_many_trials_it_has_and_how_far_these_were_trained(turning: Contents) -> None:
    first, rates = search_pictures(turning)
    assert list(panels(first.spec)) == ["16 trials after 0.25 of 64 epochs", "8 trials after 4 of 64 epochs"]
    assert [len(rows) for rows in panels(rates.spec).values()] == [16, 8, 2]
    assert list(panels(rates.spec))[2] == "2 trials after 8 of 64 epochs"


def test_what_is_ahead_at_first_and_falls_behind_later_is_seen_and_said(turning: Contents) -> None:
    first, rates = search_pictures(turning)
    assert first.says == (
        "Among 16 trials after 0.25 of 64 epochs, learning rate (90 % of the differences; higher is better) mattered. "
        "Among 8 trials after 4 of 64 epochs, learning rate (90 % of the differences; lower is better) mattered."
    )
    assert [rows[0]["ahead"] for rows in panels(first.spec).values()] == ["higher is better", "lower is better"]
    early, late, last = panels(rates.spec).values()
    ordered = [[row["x"] for row in sorted(rows, key=lambda row: row["y"])] for rows in (early, late)]
    assert ordered[0] == sorted(ordered[0], reverse=True)
    assert ordered[1] == sorted(ordered[1])
    assert [row["what"] for row in last] == ["fell behind", "won"]
    assert rates.says == "Of 2 trials after 8 of 64 epochs the one with 512 had the lowest validation loss, 0.7."


def test_all_comparisons_of_a_setting_share_one_axis(turning: Contents) -> None:
    _, rates = search_pictures(turning)
    domains = {tuple(part["encoding"]["x"]["scale"]["domain"]) for part in rates.spec["vconcat"]}
    assert domains == {(1.0, 32768.0)}
    labelled = [part["encoding"]["x"].get("axis", {}).get("labels", True) for part in rates.spec["vconcat"]]
    assert labelled == [False, False, True]


def test_trials_too_few_to_tell_what_mattered_are_drawn_all_the_same(turning: Contents) -> None:
    between = {"epochs": 6, "losses": {"8": 0.9, "9": 0.8, "10": 1.0}, "kept": [9, 8]}
    results = [*turning.tuning["results"][:2], between, turning.tuning["results"][2]]
    first, rates = search_pictures(replace(turning, tuning={**turning.tuning, "results": results}))
    assert len(panels(first.spec)) == 2
    assert [len(rows) for rows in panels(rates.spec).values()] == [16, 8, 3, 2]


def test_settings_are_drawn_from_what_matters_most_and_each_trial_is_a_dot(contents: Contents) -> None:
    first, *others = search_pictures(contents)
    (shares,) = panels(first.spec).values()
    assert [(row["name"], row["sure"]) for row in shares] == [("learning rate", True), ("hidden", False)]
    assert [picture.title for picture in others] == ["learning rate", "hidden", "activation"]
    rates, shapes, _ = (next(iter(panels(picture.spec).values())) for picture in others)
    assert [row["what"] for row in rates] == ["the recipe", "won", "fell behind", "went on", "fell behind"]
    assert len(shapes) == 4  # neither the trial that came to nothing nor the one whose shape was not varied


def test_where_nothing_surely_mattered_that_is_said(contents: Contents) -> None:
    (each,) = contents.tuning["mattered"]
    shares = {"network.hidden": each["shares"]["network.hidden"]}
    first, *_ = search_pictures(replace(contents, tuning={**contents.tuning, "mattered": [{**each, "shares": shares}]}))
    assert first.says == "Among 6 trials after 4 of 12 epochs, no setting surely mattered."
    assert first.table is not None
    assert [row[-1] for row in first.table.rows] == ["–"]


def test_a_trial_far_above_the_others_does_not_press_them_together(contents: Contents) -> None:
    _, rates, *_ = search_pictures(contents)
    low, high = rates.spec["vconcat"][0]["encoding"]["y"]["scale"]["domain"]
    assert low < 0.4
    assert 0.6 < high < 2.0


@pytest.mark.parametrize("tuning", [{}, {"mattered": None}, {"mattered": []}])
def test_a_run_without_a_search_or_with_too_small_a_one_has_no_such_pictures(
    tuning: dict[str, Any], contents: Contents
) -> None:
    assert list(search_pictures(replace(contents, tuning=tuning))) == []
