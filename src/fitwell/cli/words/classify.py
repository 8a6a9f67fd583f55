"""`fitwell words classify`: texts with labels become a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from fitwell.cli.words.labelled import Label, Text
from fitwell.cli.words.opening import compiling_told
from fitwell.cli.words.showing_looks import INTERRUPTED, looks_shown


def classify(
    texts: Annotated[
        str,
        typer.Argument(help="Table with a column of texts and one of labels, or lines with words __label__NAME."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, a model of fastText: model.bin.")],
    text: Text = None,
    label: Label = None,
    dimension: Annotated[int, typer.Option(help="Numbers of a vector.")] = 100,
    loss: Annotated[
        str, typer.Option(help="softmax, one_vs_all, negative_sampling or hierarchical_softmax.")
    ] = "softmax",
    negative: Annotated[int, typer.Option(help="Drawn labels that a text's label is told from.")] = 5,
    ngrams: Annotated[int, typer.Option(help="Words of the longest run of words that has a vector.")] = 1,
    shortest: Annotated[int, typer.Option(help="Characters of a part of a word, at least.")] = 3,
    longest: Annotated[int, typer.Option(help="Characters of a part of a word, at most; 0: no parts.")] = 0,
    buckets: Annotated[int, typer.Option(help="Vectors that all runs and parts share.")] = 2_000_000,
    epochs: Annotated[int, typer.Option(help="How often the texts are read.")] = 5,
    min_count: Annotated[int, typer.Option(help="Rarer words get no vector.")] = 1,
    rate: Annotated[float, typer.Option(help="Learning rate at the beginning.")] = 0.1,
    threads: Annotated[int, typer.Option(help="Threads; more than one give other bits each time.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that keeps the state; the same command goes on from it.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Learn to tell TEXTS by their labels; Ctrl-C keeps what is learned."""
    from fitwell import words
    from fitwell.cli.words.labelled import read_labelled
    from fitwell.errors import SurroundingsError

    if not output.absolute().parent.is_dir():  # before the work, not after it
        raise SurroundingsError(f"{output} cannot be written: there is no folder {output.parent}; make it first")
    labelled = read_labelled(texts, text=text, label=label)
    done = [0.0]
    with compiling_told(), looks_shown(quiet=quiet, reading="reading the texts") as progress:

        def listen(look: words.Look) -> None:
            done[0] = look.epoch
            progress(look)

        made = words.classifier(
            labelled.texts,
            labelled.labels,
            dimension=dimension,
            loss=cast(Any, loss),  # checked, and refused in a sentence, where it is used
            negative=negative,
            ngrams=ngrams,
            shortest=shortest,
            longest=longest,
            buckets=buckets,
            epochs=epochs,
            min_count=min_count,
            rate=rate,
            threads=threads,
            seed=seed,
            checkpoint=checkpoint,
            progress=listen,
        )
    made.save(output)
    told = f"{len(made.labels):,} labels, {len(made.model.words):,} words, after {done[0]:g} epochs"
    typer.echo(f"{told}: {output}", err=True)
    return 0 if done[0] >= epochs else INTERRUPTED
