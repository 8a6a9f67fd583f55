"""`fitwell words train --method elmo`: a corpus becomes a language model that is read in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fitwell.cli.words.opening import compiling_told
from fitwell.cli.words.showing_looks import INTERRUPTED, looks_shown
from fitwell.durations import seconds_of

if TYPE_CHECKING:
    from fitwell.words import Elmo

CUTTING = {"token_pattern": "pattern", "lowercase": "lowercase", "normalization": "normalization"}


def language_model(corpus: str, output: Path, given: dict[str, Any], *, quiet: bool) -> int:
    """Learn a model as options say, and write its folder; return the exit code."""
    from fitwell import words
    from fitwell.words.bilm.model import require_new

    require_new(output)  # before the work, not after it
    if "time_limit" in given:
        given["time_limit"] = seconds_of(given["time_limit"], name="--time-limit")
    tokenization = words.Tokenization(**cutting(given))
    with compiling_told(), looks_shown(quiet=quiet, reading="reading the corpus") as progress:
        model = words.elmo(corpus, **given, tokenization=tokenization, progress=progress)
    model.save(output)
    for line in _told(model):
        typer.echo(line, err=True)
    done = float(str(model.made["epochs_done"]))
    typer.echo(f"{model.layers} layers of {model.width} numbers, after {done:g} epochs: {output}", err=True)
    return 0 if done >= float(str(model.made["epochs_planned"])) else INTERRUPTED


def cutting(given: dict[str, Any]) -> dict[str, Any]:
    """Take the settings of the tokenization out of those that were given, and return them."""
    return {setting: given.pop(name) for name, setting in CUTTING.items() if name in given}


def _told(model: Elmo) -> list[str]:
    """Return how well a model tells the words of held-out texts, in lines."""
    if "held_out_words" not in model.made:
        return ["no texts were held out to measure on"]
    forward, backward, guessed = (
        float(str(model.made[f"perplexity_{name}"])) for name in ("forward", "backward", "by_frequency")
    )
    return [
        f"{model.made['held_out_words']:,} words of held-out texts: perplexity {forward:,.1f} forward, {backward:,.1f} "
        "backward",
        f"by how frequent words are: perplexity {guessed:,.1f}",
    ]
