"""`fitwell words train --method bert`: a corpus becomes an encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fitwell.cli.words.showing_looks import INTERRUPTED, shown_in_lines
from fitwell.durations import seconds_of

if TYPE_CHECKING:
    from fitwell.pretrained import PretrainingLook

OF_SHAPE = {
    "layers": "layers",
    "dimension": "width",
    "heads": "heads",
    "max_size": "vocabulary",
    "lowercase": "lowercase",
}
OF_LEARNING = ("epochs", "steps", "length", "batch", "rate", "masked", "dropout", "held_out", "seed")


def pretrained(corpus: str, output: Path, given: Mapping[str, Any], *, quiet: bool) -> int:
    """Pretrain an encoder as options say, and write its folder; return the exit code."""
    from fitwell.pretrained import Learning, Shape, pretrain

    shape = {setting: given[option] for option, setting in OF_SHAPE.items() if option in given}
    learning = Learning(**{name: given[name] for name in OF_LEARNING if name in given})
    with shown_in_lines(_line(), _is_due, quiet=quiet, reading="reading the corpus") as progress:
        made = pretrain(
            corpus,
            output,
            shape=Shape(**shape) if shape else None,
            learning=learning,
            start=given.get("start"),
            time_limit=seconds_of(given["time_limit"], name="--time-limit") if "time_limit" in given else None,
            unit=given["unit"],
            field=given["field"],
            progress=progress,
        )
    typer.echo(f"masked pieces of held-out texts: perplexity {made.perplexity}, {made.accuracy} of them told", err=True)
    typer.echo(
        f"by how frequent pieces are: perplexity {made.unigram_perplexity}, {made.unigram_accuracy} of them told",
        err=True,
    )
    typer.echo(f"{made.steps:,} steps, {made.epochs:.3g} epochs: {output}", err=True)
    if not made.is_finished:
        typer.echo("the same command goes on from here", err=True)
    return 0 if made.is_finished or not made.is_interrupted else INTERRUPTED


def _line() -> Callable[[PretrainingLook], str]:
    """Return what tells how a pretraining stands, with the last perplexity of held-out texts."""
    perplexity = ""

    def told(look: PretrainingLook) -> str:
        nonlocal perplexity
        if look.held_out is not None:
            perplexity = f"  held-out perplexity {exp(look.held_out):,.1f}"
        return look_text(look) + perplexity

    return told


def _is_due(look: PretrainingLook) -> bool:
    return look.held_out is not None


def look_text(look: PretrainingLook) -> str:
    """Return how a pretraining stands, in a line."""
    minutes, seconds = divmod(round(look.seconds_left), 60)
    return (
        f"step {look.step:,}/{look.steps:,}  loss {look.loss:.4f}  rate {look.rate:.6f}  "
        f"{look.per_second:,.0f} pieces/s  {minutes}:{seconds:02} left"
    )
