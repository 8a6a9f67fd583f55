"""`fitwell words train`: a corpus becomes word vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fitwell.cli.words.opening import compiling_told
from fitwell.cli.words.options import Field, Lowercase, Normalization, Pattern, Unit
from fitwell.cli.words.showing_looks import looks_shown

if TYPE_CHECKING:
    from fitwell.vectors import Vectors

INTERRUPTED = 130
# What is told from what, and whether words have parts.
METHODS = {
    "skipgram": ("skipgram", False),
    "cbow": ("cbow", False),
    "fasttext": ("skipgram", True),
    "fasttext_cbow": ("cbow", True),
}


def train(
    corpus: Annotated[
        str,
        typer.Argument(help="Text file, plain or compressed, a folder of them, or what `fitwell words encode` wrote."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, such as vectors.safetensors.")],
    method: Annotated[str, typer.Option(help="skipgram, cbow, fasttext or fasttext_cbow.")] = "skipgram",
    dimension: Annotated[int, typer.Option(help="Numbers of a vector.")] = 100,
    window: Annotated[int, typer.Option(help="Words to each side, at most.")] = 5,
    loss: Annotated[str, typer.Option(help="negative_sampling or hierarchical_softmax.")] = "negative_sampling",
    negative: Annotated[int, typer.Option(help="Drawn words that a window's word is told from, 1 to 7.")] = 5,
    shortest: Annotated[int | None, typer.Option(help="Characters of a part of a word, for fasttext; 3.")] = None,
    longest: Annotated[int | None, typer.Option(help="The most characters of a part; 6.")] = None,
    buckets: Annotated[int | None, typer.Option(help="Vectors that all parts share; 2,000,000.")] = None,
    epochs: Annotated[int, typer.Option(help="How often the corpus is read.")] = 5,
    min_count: Annotated[int, typer.Option(help="Rarer words get no vector.")] = 5,
    max_size: Annotated[int | None, typer.Option(help="Most words that get a vector.")] = None,
    subsample: Annotated[
        float, typer.Option(help="Share from which on frequent words are skipped; 0 reads all.")
    ] = 1e-3,
    rate: Annotated[float | None, typer.Option(help="Learning rate at the beginning; 0.025, otherwise 0.05.")] = None,
    threads: Annotated[int, typer.Option(help="Threads; more than one give other bits each time.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that keeps the state; the same command goes on from it.")
    ] = None,
    unit: Unit = "line",
    field: Field = None,
    pattern: Pattern = r"\S+",
    lowercase: Lowercase = False,
    normalization: Normalization = "none",
    format: Annotated[str | None, typer.Option(help="Format, where the ending of the file does not say it.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Learn a vector for each word of CORPUS from the words around it; Ctrl-C keeps what is learned."""
    from fitwell import words
    from fitwell.errors import SurroundingsError
    from fitwell.vectors.formats import chosen_format

    # Before the work, not after it.
    chosen_format(output, format)
    if not output.absolute().parent.is_dir():
        raise SurroundingsError(f"{output} cannot be written: there is no folder {output.parent}; make it first")
    # What these words may be is checked, and refused in a sentence, where they are used.
    given = {
        "rate": rate,
        "shortest": shortest,
        "longest": longest,
        "buckets": buckets,
    }
    learn = _trainer(method, {name: value for name, value in given.items() if value is not None})
    with compiling_told(), looks_shown(quiet=quiet, reading="reading the corpus") as progress:
        vectors = learn(
            corpus,
            dimension=dimension,
            window=window,
            loss=loss,
            negative=negative,
            epochs=epochs,
            min_count=min_count,
            max_size=max_size,
            subsample=subsample,
            threads=threads,
            seed=seed,
            tokenization=words.Tokenization(
                pattern=pattern, lowercase=lowercase, normalization=cast(Any, normalization)
            ),
            unit=cast(Any, unit),
            field=field,
            checkpoint=checkpoint,
            progress=progress,
        )
    vectors.save(output, format=format)
    done = float(str(vectors.made["epochs_done"]))
    typer.echo(f"{len(vectors.words):,} words, {dimension} numbers each, after {done:g} epochs: {output}", err=True)
    return 0 if done >= epochs else INTERRUPTED


def _trainer(method: str, given: dict[str, Any]) -> Callable[..., Vectors]:
    """Return the function of a method, with the settings that were given and that not every method has."""
    from fitwell import words
    from fitwell.errors import RequestError

    if method not in METHODS:
        raise RequestError(f'method must be one of {", ".join(METHODS)}, but is "{method}"')
    architecture, of_parts = METHODS[method]
    for name in ("shortest", "longest", "buckets"):
        if name in given and not of_parts:
            raise RequestError(f"--{name} is for parts of words, but {method} has none; try --method fasttext")
    learn: Callable[..., Vectors] = words.fasttext if of_parts else words.word2vec
    return partial(learn, architecture=architecture, **given)
