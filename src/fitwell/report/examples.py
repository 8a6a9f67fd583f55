"""Questions that a reader answered rightly and wrongly, with the sentences where it found its answers."""

from __future__ import annotations

from collections.abc import Iterator

from fitwell.report.picture import Contents, Table
from fitwell.report.words import fixed

CAPTIONS = {
    "right": "The surest answers that are right.",
    "wrong": "The surest answers that are wrong: look for what they have in common, and for mistakes in the data.",
}
HEADER = ("question", "answer", "right would be", "probability", "F1", "where it was found")


def example_tables(contents: Contents) -> Iterator[Table]:
    """Yield a table of right and one of wrong answers; none where a run answers no questions."""
    examples = contents.explanation.get("examples") or {}
    for kind, caption in CAPTIONS.items():
        rows = [
            [
                each["question"],
                each["answer"] or "none",
                each["truth"] or "none",
                fixed(each["probability"], 2),
                fixed(each["f1"], 2),
                each["sentence"],
            ]
            for each in examples.get(kind, ())
        ]
        if rows:
            yield Table(caption=caption, header=HEADER, rows=rows)
