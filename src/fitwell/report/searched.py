"""What a search found: whether it was worth it, and how the trials fared that came furthest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitwell.report.picture import Contents, Table
from fitwell.report.words import counted, fixed, metric_title, number, places_of, setting_name, setting_text

TRIALS = 20  # listed; trials.parquet has all
VERDICTS = {"better": "better than", "worse": "worse than", "not distinguishable": "not distinguishable from"}


def search_sentence(contents: Contents) -> str:
    """Return whether the settings that were found are better on rows that the search never saw; else nothing."""
    tuning = contents.tuning
    if not tuning.get("results"):
        return ""
    trials = f"Of {len(tuning['trials'])} trials"
    if tuning.get("best") == 0:
        return f"{trials} none had a lower validation loss than the recipe as it was, which this run was trained with."
    compared = tuning.get("comparison")
    if not compared:
        return f"{trials} the best gave this run its settings; they have not been compared with the recipe as it was."
    figure, verdict = metric_title(compared["metric"]), VERDICTS[compared["verdict"]]
    said = (
        f"{trials} the best gave this run its settings. On {compared['rows']:,} {compared['part']} rows that the "
        f"search never saw, its {figure} is {verdict} that of the recipe as it was{_figures(compared)}."
    )
    return said if compared["verdict"] == "better" else f"{said} Nothing speaks for the tuned settings."


def _figures(compared: Mapping[str, Any]) -> str:
    difference = compared["difference"]
    if difference["value"] is None or difference["low"] is None:
        return ""
    places = places_of(difference["low"], difference["high"])
    tuned, before, gain, low, high = (
        fixed(value, places)
        for value in (
            compared["tuned"]["value"],
            compared["default"]["value"],
            difference["value"],
            difference["low"],
            difference["high"],
        )
    )
    return f": {tuned} against {before}, a gain of {gain} ({low} to {high})"


def trials_table(contents: Contents) -> Table | None:
    """Return the trials that came furthest, the best first."""
    tuning = contents.tuning
    if not tuning.get("results"):
        return None
    furthest = {
        int(trial): (rung["epochs"], loss)
        for rung in tuning["results"]
        for trial, loss in rung["losses"].items()
        if loss is not None
    }
    order = sorted(furthest, key=lambda trial: (-furthest[trial][0], furthest[trial][1]))
    paths = [each["setting"] for each in tuning["space"]]
    rows = [
        [
            f"{trial}" if trial else "the recipe",
            *(setting_text(tuning["trials"][trial].get(path)) for path in paths),
            number(furthest[trial][0]),
            number(furthest[trial][1]),
        ]
        for trial in order[:TRIALS]
    ]
    left = len(tuning["trials"]) - len(rows)
    return Table(
        header=("trial", *map(setting_name, paths), "epochs", "lowest validation loss"),
        rows=rows,
        caption=f"{counted(left, 'more trial')} in trials.parquet." if left else "",
    )
