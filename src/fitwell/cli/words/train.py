"""`fitwell words train`: a corpus becomes word vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import typer

from fitwell.cli.words.opening import compiling_told
from fitwell.cli.words.options import Field, Lowercase, Normalization, Pattern, Unit
from fitwell.cli.words.showing_looks import looks_shown

if TYPE_CHECKING:
    from fitwell.vectors import Vectors

INTERRUPTED = 130


class Method(NamedTuple):
    """A way to learn vectors: what is called how, and the settings that not every method has."""

    function: str
    fixed: dict[str, str]
    own: tuple[str, ...]


OF_WINDOWS = ("loss", "negative", "subsample")
OF_PARTS = ("shortest", "longest", "buckets")
GOING_ON = ("start", "keep")
OF_COUNTS = ("x_max", "memory_mb")
METHODS = {
    "skipgram": Method("word2vec", {"architecture": "skipgram"}, OF_WINDOWS + GOING_ON),
    "cbow": Method("word2vec", {"architecture": "cbow"}, OF_WINDOWS + GOING_ON),
    "fasttext": Method("fasttext", {"architecture": "skipgram"}, OF_WINDOWS + OF_PARTS + GOING_ON),
    "fasttext_cbow": Method("fasttext", {"architecture": "cbow"}, OF_WINDOWS + OF_PARTS + GOING_ON),
    "glove": Method("glove", {}, OF_COUNTS),
}


def train(
    corpus: Annotated[
        str,
        typer.Argument(help="Text file, plain or compressed, a folder of them, or what `fitwell words encode` wrote."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, such as vectors.safetensors.")],
    method: Annotated[str, typer.Option(help="skipgram, cbow, fasttext, fasttext_cbow or glove.")] = "skipgram",
    dimension: Annotated[int, typer.Option(help="Numbers of a vector.")] = 100,
    window: Annotated[int | None, typer.Option(help="Words to each side, at most; 5, for glove 10.")] = None,
    loss: Annotated[str | None, typer.Option(help="negative_sampling or hierarchical_softmax; not for glove.")] = None,
    negative: Annotated[int | None, typer.Option(help="Drawn words that a word is told from, 1 to 7; 5.")] = None,
    shortest: Annotated[int | None, typer.Option(help="Characters of a part of a word, for fasttext; 3.")] = None,
    longest: Annotated[int | None, typer.Option(help="The most characters of a part; 6.")] = None,
    buckets: Annotated[int | None, typer.Option(help="Vectors that all parts share; 2,000,000.")] = None,
    x_max: Annotated[float | None, typer.Option(help="Meetings from which on a pair counts fully, for glove.")] = None,
    memory_mb: Annotated[int | None, typer.Option(help="Memory that glove counts in, about; 1000.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often the corpus is read; 5, for glove 25.")] = None,
    min_count: Annotated[int, typer.Option(help="Rarer words get no vector.")] = 5,
    max_size: Annotated[int | None, typer.Option(help="Most words that get a vector.")] = None,
    subsample: Annotated[
        float | None, typer.Option(help="Share from which on frequent words are skipped, 0.001; 0 reads all.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate at first; 0.05, for skipgram 0.025.")] = None,
    threads: Annotated[int, typer.Option(help="Threads; more than one give other bits each time.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    start: Annotated[Path | None, typer.Option(help="File of an earlier training, to go on with new text.")] = None,
    keep: Annotated[Path | None, typer.Option(help="File to write, from which another training may go on.")] = None,
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
        "window": window,
        "epochs": epochs,
        "rate": rate,
        "loss": loss,
        "negative": negative,
        "subsample": subsample,
        "shortest": shortest,
        "longest": longest,
        "buckets": buckets,
        "x_max": x_max,
        "memory_mb": memory_mb,
        "start": start,
        "keep": keep,
    }
    learn = _trainer(method, {name: value for name, value in given.items() if value is not None})
    with compiling_told(), looks_shown(quiet=quiet, reading="reading the corpus") as progress:
        vectors = learn(
            corpus,
            dimension=dimension,
            min_count=min_count,
            max_size=max_size,
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
    return 0 if done >= float(str(vectors.made["epochs"])) else INTERRUPTED


def _trainer(method: str, given: dict[str, Any]) -> Callable[..., Vectors]:
    """Return the function of a method, with the settings that were given and that not every method has."""
    from fitwell import words
    from fitwell.errors import RequestError

    if method not in METHODS:
        raise RequestError(f'method must be one of {", ".join(METHODS)}, but is "{method}"')
    chosen = METHODS[method]
    for name in (*OF_WINDOWS, *OF_PARTS, *GOING_ON, *OF_COUNTS):
        if name in given and name not in chosen.own:
            others = ", ".join(other for other in METHODS if name in METHODS[other].own)
            option = name.replace("_", "-")
            raise RequestError(f"--{option} is for the methods {others}, and does nothing for {method}; leave it out")
    learn: Callable[..., Vectors] = getattr(words, chosen.function)
    return partial(learn, **chosen.fixed, **given)
