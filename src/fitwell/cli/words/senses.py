"""`fitwell words senses`: a word's sentences, sorted by what it means in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fitwell.cli.words.opening import Json
from fitwell.cli.words.options import Corpus, Field, Unit

if TYPE_CHECKING:
    from fitwell.words import Senses

EXAMPLES = 3


def senses(
    word: Annotated[str, typer.Argument(metavar="WORD", help="The word, in lower case or not.")],
    corpus: Corpus,
    encoder: Annotated[
        Path, typer.Option("--encoder", help="Folder of an encoder: Hugging Face's, or one of `words train`.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Page to write: .html.")] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="File of static vectors to compare with; else learned from CORPUS.")
    ] = None,
    layer: Annotated[int, typer.Option(help="Layer of the encoder; -1 is the last.")] = -1,
    count: Annotated[int | None, typer.Option(help="How many senses; else as many as are found again.")] = None,
    most: Annotated[int, typer.Option(help="Sentences that are read, at most.")] = 2000,
    truth: Annotated[str | None, typer.Option(help="Field of JSONL records with the true sense, to judge by.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    unit: Unit = "line",
    field: Field = None,
    as_json: Json = False,
) -> None:
    """Sort the sentences of WORD by its vectors in context, beside what static vectors tell."""
    import json

    from fitwell import words
    from fitwell.cli.words.opening import compiling_told, opened
    from fitwell.errors import RequestError
    from fitwell.files import replace_atomically
    from fitwell.pretrained import open_encoder
    from fitwell.report.word_senses import senses_page
    from fitwell.words.bilm.model import is_elmo
    from fitwell.words.occurrences import texts_of

    if output is not None and output.suffix != ".html":
        raise RequestError(
            f'the page is written as .html, but "{output.name}" ends otherwise; name it {output.stem}.html'
        )
    if truth is not None and field is None:
        raise RequestError(f"--truth {truth} is a field of JSONL records, so --field must name that of the text too")
    with compiling_told():
        found = words.senses(
            word,
            corpus,
            encoder=words.load_elmo(encoder) if is_elmo(encoder) else open_encoder(encoder),
            layer=layer,
            vectors=None if vectors is None else opened(vectors),
            count=count,
            most=most,
            seed=seed,
            unit=cast(Any, unit),
            field=field,
        )
    judged = {} if truth is None else found.judged(list(texts_of(corpus, field=truth)))
    if output is not None:
        replace_atomically(output, senses_page(found, judged))
    if as_json:
        typer.echo(json.dumps(_plain(found, judged), ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(found, judged)))
    if output is not None:
        typer.echo(f"{len(found.occurrences):,} sentences: {output}", err=True)


def _lines(found: Senses, judged: dict[str, tuple[float, float]]) -> Iterator[str]:
    from fitwell.cli.lines import one_line
    from fitwell.report.words import counted

    yield f'"{one_line(found.word)}" has {counted(found.count, "sense")} in {len(found.occurrences):,} sentences'
    for sense in range(found.count):
        yield f"sense {sense + 1}, {counted(int((found.contextual.labels == sense).sum()), 'sentence')}"
        for each in found.examples(sense, EXAMPLES):
            marked = f"{each.text[: each.start]}[{each.text[each.start : each.end]}]{each.text[each.end :]}"
            yield f"  {one_line(marked.strip())}"
    if found.agreement:
        told = ", ".join(f"{tried}: {agreed:.2f}" for tried, agreed in found.agreement.items())
        yield f"agreement of halves for so many senses: {told}"
    for name, (index, accuracy) in judged.items():
        yield f"{name} vectors against the true senses: adjusted Rand index {index:.2f}, accuracy {accuracy:.2f}"


def _plain(found: Senses, judged: dict[str, tuple[float, float]]) -> dict[str, object]:
    return {
        "word": found.word,
        "senses": found.count,
        "agreement": {str(tried): agreed for tried, agreed in found.agreement.items()},
        "static_from": found.static_from,
        "judged": {name: {"adjusted_rand": index, "accuracy": accuracy} for name, (index, accuracy) in judged.items()},
        "sentences": [
            {
                "text": each.text,
                "start": each.start,
                "end": each.end,
                "source": each.source,
                "sense": int(found.contextual.labels[place]) + 1,
                "static_cluster": int(found.static.labels[place]) + 1,
                "point": found.contextual.points[place].tolist(),
                "static_point": found.static.points[place].tolist(),
            }
            for place, each in enumerate(found.occurrences)
        ],
    }
