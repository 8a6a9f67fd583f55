"""`fitwell explain-prediction`: what the predictions for single rows rest on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitwell.cli.doors import is_there
from fitwell.cli.lines import aligned, one_line
from fitwell.cli.options import RunFolder

if TYPE_CHECKING:
    from fitwell.explanation import Explanations
    from fitwell.explanation.single import Words

SHOWN = 8  # columns of each row; all are on the page and in JSON


def explain_prediction(
    run: RunFolder,
    data: Annotated[str, typer.Argument(callback=is_there, help="File of rows whose predictions are explained.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page to write; without it, lines on the terminal.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows to explain: the first ones of DATA.")] = 10,
    about: Annotated[
        str | None, typer.Option(help="Class, or one of several targets, to explain; without it each row's answer.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(callback=is_there, help="File of rows to compare with; without it, what the run was trained on."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say which columns, and which parts of texts, pictures, sounds or series, a prediction rests on; test it."""
    import json

    from fitwell.files import replace_atomically
    from fitwell.report.predictions import predictions_page
    from fitwell.run import load_run

    found = load_run(run).explain(data, rows=rows, about=about, against=against)
    if output is not None:
        replace_atomically(output, predictions_page(found, run=str(run), data=data))
        typer.echo(f"{len(found.rows)} predictions explained in {output}", err=as_json)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    elif output is None:
        typer.echo(explanations_text(found))


def explanations_text(found: Explanations) -> str:
    """Return the rows with what moved each prediction most, and how that stood the test."""
    lines = [f"{found.about}, compared with {found.others} other rows"]
    for row in found.rows:
        lines.append("")
        lines.append(f"row {row.row + 1}: {row.prediction}   {row.value:.4g}, on average {row.average:.4g}")
        if len(row.shares) > 1:
            shown = (
                (f"  {share.value:+.4f}", one_line(share.column), one_line(share.cell)) for share in row.shares[:SHOWN]
            )
            lines.append(aligned(shown))
        for regions in row.regions:
            place = int(regions.values.argmax())
            where = divmod(place, regions.values.shape[-1]) if regions.values.ndim == 2 else (place,)
            text = " and ".join(
                f"{number + 1} of {side} {way}"
                for number, side, way in zip(where, regions.values.shape, WAYS[regions.kind], strict=True)
            )
            lines.append(f"  {regions.values.max():+.4f}  {one_line(regions.column)}: most at part {text}")
        for words in row.texts:
            lines.append(f"  {one_line(words.column)}: {_words_told(words)}")
    if found.deleted is not None:
        lines.append("")
        lines.append(
            f"tested: without the half that was named first, the predictions lose {found.deleted.named:.4g}; "
            f"without as many others, {found.deleted.random:.4g}"
        )
    return "\n".join(lines)


def _words_told(words: Words) -> str:
    """Return the words that moved the prediction most, the strongest first."""
    first = sorted(words.words, key=lambda word: -abs(word.value))[:SHOWN]
    return "  ".join(f"{one_line(words.told(word))} {word.value:+.3f}" for word in first)


WAYS = {"image": ("down", "across"), "audio": ("from high pitch to low", "along"), "series": ("along",)}
