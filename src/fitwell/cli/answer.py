"""`fitwell answer`: a reader finds the answer to a question in a text, or among many documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fitwell.answering.asking import Answer

ALTERNATIVES = 2  # that are told beside an answer that is not sure


def answer(
    where: Annotated[Path, typer.Argument(metavar="RUN-or-INDEX", help="Folder of a run of task answer, or an index.")],
    question: Annotated[str, typer.Argument(help="What to answer.")],
    context: Annotated[
        str | None, typer.Option(help="File or folder of texts to find the answer in; else those of the training.")
    ] = None,
    reader: Annotated[Path | None, typer.Option(help="With an index: the run that reads; it is remembered.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the answer to QUESTION, with its place and a probability, or say that it is not known."""
    import json

    from fitwell.cli.words.opening import compiling_told
    from fitwell.conversing import answer as find

    with compiling_told():
        found = find(where, question, context=context, reader=reader, alternatives=ALTERNATIVES)
    if as_json:
        typer.echo(json.dumps({"version": 1, **found.as_json()}, ensure_ascii=False, indent=1))
        return
    for line in lines_of(found):
        typer.echo(line)


def lines_of(found: Answer) -> list[str]:
    """Return an answer as lines: its words, where they stand and how sure they are; or why there is none."""
    from fitwell.cli.lines import one_line

    lines = [one_line(found.text) if found.text is not None else f"I do not know: {one_line(found.why)}"]
    if found.best is not None:
        best = found.best
        nearest = "" if found.answered else f'nearest: "{one_line(best.text)}", '
        where = f"{one_line(best.document)}, characters {best.start:,} to {best.end:,}"
        lines += [f"  {nearest}probability {best.probability:.2f}, in {where}:", f"  {one_line(best.sentence)}"]
    return lines
