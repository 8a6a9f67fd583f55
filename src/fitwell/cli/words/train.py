"""`fitwell words train`: a corpus becomes word vectors, or an encoder that gives words their vectors in context."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fitwell.cli.words.language_model import cutting, language_model
from fitwell.cli.words.opening import compiling_told
from fitwell.cli.words.options import Field, Unit
from fitwell.cli.words.pretraining import pretrained
from fitwell.cli.words.showing_looks import INTERRUPTED, looks_shown

if TYPE_CHECKING:
    from fitwell.vectors import Vectors


class Method(NamedTuple):
    """A way to learn vectors: what is called how, and the settings that not every method has."""

    function: str
    fixed: dict[str, str]
    own: tuple[str, ...]


OF_WINDOWS = ("loss", "negative", "subsample")
OF_DEVICES = ("device",)
OF_PARTS = ("shortest", "longest", "buckets")
EVERYWHERE = ("corpus", "output", "method", "unit", "field", "seed", "quiet")  # options of every method
GOING_ON = ("start", "keep")
OF_COUNTS = ("x_max", "memory_mb")
OF_WORDS = ("window", "min_count", "token_pattern", "normalization", "threads", "checkpoint", "format")
OF_LANGUAGE = ("min_count", "token_pattern", "normalization", "threads", "checkpoint", "cells", "lanes")
OF_PIECES = ("layers", "heads", "length", "steps", "time_limit", "batch", "dropout", "masked", "held_out")
METHODS = {
    "skipgram": Method("word2vec", {"architecture": "skipgram"}, OF_WORDS + OF_WINDOWS + OF_DEVICES + GOING_ON),
    "cbow": Method("word2vec", {"architecture": "cbow"}, OF_WORDS + OF_WINDOWS + OF_DEVICES + GOING_ON),
    "fasttext": Method("fasttext", {"architecture": "skipgram"}, OF_WORDS + OF_WINDOWS + OF_PARTS + GOING_ON),
    "fasttext_cbow": Method("fasttext", {"architecture": "cbow"}, OF_WORDS + OF_WINDOWS + OF_PARTS + GOING_ON),
    "glove": Method("glove", {}, OF_WORDS + OF_COUNTS),
    "elmo": Method("elmo", {}, (*OF_LANGUAGE, "dropout", "held_out", "time_limit")),
    "bert": Method("pretrain", {}, (*OF_PIECES, "start")),
}


def train(
    corpus: Annotated[
        str,
        typer.Argument(help="Text file, plain or compressed, a folder of them, or what `fitwell words encode` wrote."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write, such as vectors.safetensors; for elmo and bert a folder."),
    ],
    method: Annotated[
        str, typer.Option(help="skipgram, cbow, fasttext, fasttext_cbow, glove, elmo, bert.")
    ] = "skipgram",
    dimension: Annotated[
        int | None, typer.Option(help="Numbers of a vector; 100, for elmo (each way) and bert 128.")
    ] = None,
    window: Annotated[int | None, typer.Option(help="Words to each side, at most; 5, for glove 10.")] = None,
    loss: Annotated[str | None, typer.Option(help="negative_sampling or hierarchical_softmax; not for glove.")] = None,
    negative: Annotated[int | None, typer.Option(help="Drawn words that a word is told from, 1 to 7; 5.")] = None,
    shortest: Annotated[int | None, typer.Option(help="Characters of a part of a word, for fasttext; 3.")] = None,
    longest: Annotated[int | None, typer.Option(help="The most characters of a part; 6.")] = None,
    buckets: Annotated[int | None, typer.Option(help="Vectors that all parts share; 2,000,000.")] = None,
    x_max: Annotated[float | None, typer.Option(help="Meetings from which on a pair counts fully, for glove.")] = None,
    memory_mb: Annotated[int | None, typer.Option(help="Memory that glove counts in, about; 1000.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="How often the corpus is read; 5, for glove 25, for bert 10.")
    ] = None,
    min_count: Annotated[int | None, typer.Option(help="Rarer words get no vector; 5, for elmo 2.")] = None,
    max_size: Annotated[
        int | None, typer.Option(help="Most words that get a vector; for bert the pieces of its vocabulary, 8192.")
    ] = None,
    subsample: Annotated[
        float | None, typer.Option(help="Share from which on frequent words are skipped, 0.001; 0 reads all.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Learning rate at first; 0.05, skipgram 0.025; the highest of elmo, 0.002, and bert, 0.001."),
    ] = None,
    cells: Annotated[int | None, typer.Option(help="Memory cells of a layer of elmo; as many as numbers.")] = None,
    lanes: Annotated[int | None, typer.Option(help="Stretches of text that elmo reads side by side; 32.")] = None,
    layers: Annotated[int | None, typer.Option(help="Layers of bert; 4.")] = None,
    heads: Annotated[int | None, typer.Option(help="Heads of each layer; one for each 64 numbers of a vector.")] = None,
    length: Annotated[int | None, typer.Option(help="Pieces that bert reads together; 128.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of bert, instead of epochs.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Time that elmo or bert may take, such as 90s, 10m or 2h: as many steps as fit.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Pieces of a step, about; 4096, of little text fewer.")] = None,
    masked: Annotated[float | None, typer.Option(help="Share of the pieces that bert has to tell; 0.15.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of what layers put out that is dropped; 0.1.")] = None,
    held_out: Annotated[
        float | None, typer.Option(help="Share of the texts that elmo and bert are measured on; 0.05.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads, 1; more than one give other bits each time.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda, for skipgram and cbow; cpu.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    start: Annotated[
        Path | None, typer.Option(help="File of an earlier training, to go on with new text; for bert an encoder.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="File to write, from which another training may go on.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that keeps the state; the same command goes on from it.")
    ] = None,
    unit: Unit = "line",
    field: Field = None,
    token_pattern: Annotated[
        str | None, typer.Option(help=r"Regular expression; every match is a token. By default \S+.")
    ] = None,
    lowercase: Annotated[
        bool | None, typer.Option("--lowercase/--no-lowercase", help="Lower the text first; a new bert does.")
    ] = None,
    normalization: Annotated[
        str | None, typer.Option(help="Normalize Unicode first: none, NFC, NFD, NFKC or NFKD.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="Format, where the ending of the file does not say it.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Learn a vector for each word of CORPUS from the words around it; Ctrl-C keeps what is learned."""
    # What these words may be is checked, and refused in a sentence, where they are used.
    options = dict(locals())
    given = {name: value for name, value in options.items() if name not in EVERYWHERE and value is not None}
    _require_of_method(method, given)
    given |= {"unit": unit, "field": field, "seed": seed}
    if method == "bert":
        return pretrained(corpus, output, given, quiet=quiet)
    if method == "elmo":
        return language_model(corpus, output, given, quiet=quiet)
    return _vectors(corpus, output, method, given, quiet=quiet)


def _vectors(corpus: str, output: Path, method: str, given: dict[str, Any], *, quiet: bool) -> int:
    """Learn vectors and write them; return the exit code."""
    from fitwell import words
    from fitwell.errors import SurroundingsError
    from fitwell.vectors.formats import chosen_format

    # Before the work, not after it.
    format = given.pop("format", None)
    chosen_format(output, format)
    if not output.absolute().parent.is_dir():
        raise SurroundingsError(f"{output} cannot be written: there is no folder {output.parent}; make it first")
    tokenization = words.Tokenization(**cutting(given))
    learn: Callable[..., Vectors] = getattr(words, METHODS[method].function)
    with compiling_told(), looks_shown(quiet=quiet, reading="reading the corpus") as progress:
        vectors = learn(corpus, **METHODS[method].fixed, **given, tokenization=tokenization, progress=progress)
    vectors.save(output, format=format)
    done = float(str(vectors.made["epochs_done"]))
    typer.echo(f"{len(vectors.words):,} words, {vectors.width} numbers each, after {done:g} epochs: {output}", err=True)
    return 0 if done >= float(str(vectors.made["epochs"])) else INTERRUPTED


def _require_of_method(method: str, given: dict[str, Any]) -> None:
    """Refuse an unknown method, and options that do nothing for one."""
    from fitwell.errors import RequestError

    if method not in METHODS:
        raise RequestError(f'method must be one of {", ".join(METHODS)}, but is "{method}"')
    for name in given:
        having = [other for other in METHODS if name in METHODS[other].own]
        if having and method not in having:
            raise RequestError(
                f"--{name.replace('_', '-')} is for the methods {', '.join(having)}, and does nothing for {method}; "
                "leave it out"
            )
