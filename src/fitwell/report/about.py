"""What there is to say about the data and about how scores become answers, as facts by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fitwell.report.picture import Contents, Table
from fitwell.report.words import counted, listed, metric_title, number, percent, value_text

COLUMNS = 200  # listed in the page; the run's data.json has all
NAMED = 6  # columns named in a sentence
KIND_WORDS = {"number": "numbers", "category": "categories", "boolean": "booleans", "date": "dates"}


def data_facts(contents: Contents) -> list[tuple[str, str]]:
    data, split = contents.data, contents.data["split"]
    parts = [f"{split[name]:,} {what}" for name, what in SPLIT_WORDS.items() if split.get(name)]
    facts = [("source", str(data["source"])), ("rows", f"{data['rows']:,}")]
    if data.get("rows_without_target"):
        facts.append(("left out", f"{counted(data['rows_without_target'], 'row')} without a target"))
    facts.append(("divided", f"{', '.join(parts)}: {split.get('why', split.get('method', ''))}"))
    if streamed := data.get("streamed"):
        facts.append(("streamed", _streamed_text(streamed)))
    if contents.task == "answer":
        return [*facts, ("texts", f"{data['texts']:,}"), ("without an answer", f"{data['unanswerable']:,} questions")]
    facts += _column_facts(data["schema"])
    if contents.task in ("binary", "multiclass"):
        facts.append(("classes", ", ".join(map(str, data["targets"]["classes"][0]))))
    return facts


def _streamed_text(streamed: Mapping[str, int]) -> str:
    typed, sample = streamed["typed_rows"], streamed["sample_rows"]
    return (
        f"rows were read from disk in each epoch; columns are typed by {counted(typed, 'row')}, and simple models and "
        f"the audit saw {sample:,} of the training rows"
    )


def _column_facts(schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    features, left_out = schema["features"], schema["left_out"]
    kinds = Counter(str(column["kind"]) for column in features)
    sorts = [f"{count:,} {KIND_WORDS.get(kind, kind) if count != 1 else kind}" for kind, count in kinds.items()]
    facts = [("columns used", sorts[0] if len(sorts) == 1 else f"{len(features):,}: {listed(sorts)}")]
    gaps = [column for column in (*schema["targets"], *features) if column["missing_count"]]
    if gaps:
        cells = sum(column["missing_count"] for column in gaps)
        facts.append(("missing", f"{counted(cells, 'cell')}, in {_named([column['name'] for column in gaps])}"))
    if left_out:
        facts.append(("left out", _named([f"{column['name']} ({column['kind']})" for column in left_out])))
    return facts


def _named(names: list[str]) -> str:
    """Return the first names, and how many more there are.

    >>> _named(["a", "b"]), _named(list("abcdefgh"))
    ('a and b', 'a, b, c, d, e, f and 2 more')
    """
    more = len(names) - NAMED
    return listed(names) if more <= 0 else listed([*names[:NAMED], f"{more} more"])


def decision_facts(contents: Contents) -> list[tuple[str, str]]:
    """Return how scores become answers: the threshold, the calibration, the intervals, each with its reason."""
    decision = contents.decision
    threshold, calibration, interval = (decision.get(name) for name in ("threshold", "calibration", "interval"))
    facts = []
    if threshold:
        facts.append(("threshold", f"{number(threshold['value'], digits=3)}: {threshold['why']}"))
    if calibration:
        facts.append(("calibration", f"{calibration['method']}: {calibration['why']}"))
        if calibration["method"] != "none":
            facts.append(("it changed", "; ".join(_changes(calibration))))
    if interval and interval.get("measured"):
        shares = listed([percent(each["value"]) for each in interval["measured"] if each["value"] is not None])
        facts.append(
            ("intervals", f"made to hold {percent(interval['coverage'])} of the true values; they hold {shares}")
        )
    return facts


def _changes(calibration: Mapping[str, Any]) -> list[str]:
    """Return how each figure of the probabilities changed."""
    before, after = calibration.get("before") or {}, calibration.get("after") or {}
    return [
        f"{metric_title(name)} {value_text(before[name])} to {value_text(after[name])}"
        for name in after
        if name in before
    ]


SPLIT_WORDS = {"train": "to train on", "validation": "to decide when to stop", "test": "to measure"}


def column_table(contents: Contents) -> Table:
    schema = contents.data["schema"]
    rows = [
        [column["name"], column["kind"], f"{column['distinct']:,}", f"{column['missing_count']:,}", use, column["why"]]
        for role, use in (("targets", "target"), ("features", "used"), ("left_out", "left out"))
        for column in schema[role]
    ]
    header = ("column", "kind", "different values", "missing", "use", "why")
    left = len(rows) - COLUMNS
    return Table(
        header=header,
        rows=rows[:COLUMNS],
        caption=f"{counted(left, 'more column')} are in data.json." if left > 0 else "",
    )
