"""`fitwell words label`: a classifier tells the labels of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fitwell.cli.words.labelled import Text


def label(
    model: Annotated[Path, typer.Argument(help="Model that fitwell words classify or fastText wrote.")],
    texts: Annotated[str, typer.Argument(help="Table with a column of texts, or lines of text.")],
    text: Text = None,
    label: Annotated[str | None, typer.Option(help="Column of the true labels, to count errors.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; without it, CSV goes to standard output.")
    ] = None,
) -> None:
    """Tell the likeliest label of each of TEXTS and its probability; where labels are known, how many are right."""
    import sys

    import polars as pl

    from fitwell import words
    from fitwell.cli.words.labelled import read_labelled
    from fitwell.cli.words.opening import compiling_told
    from fitwell.data.write import write_table

    classifier = words.load_classifier(model)
    labelled = read_labelled(texts, text=text, label=label)
    with compiling_told():
        corpus = classifier.encoded(labelled.texts)
        found = classifier.probabilities_of(corpus)
        known = [{name} for name in labelled.labels] if labelled.labels else classifier.labels_in(corpus)
    best = found.argmax(axis=1)
    names = [classifier.labels[number] for number in best.tolist()]
    frame = pl.DataFrame({"prediction": names, "probability": found.max(axis=1)})
    if output is None:
        sys.stdout.write(frame.write_csv())
    else:
        write_table(frame, output)
        typer.echo(f"{frame.height:,} texts: {output}", err=True)
    right = [name in truth for name, truth in zip(names, known, strict=True) if truth]
    if right:
        typer.echo(accuracy_text(sum(right), len(right)), err=True)


def accuracy_text(right: int, texts: int) -> str:
    """Return the share of right labels with its interval, in a line."""
    from fitwell.metrics.intervals import wilson

    low, high = wilson(right / texts, size=texts, confidence=0.95)
    return f"accuracy {right / texts:.4f} [{low:.4f}, {high:.4f}], {right:,} of {texts:,}"
