"""`fitwell chat`: a FAQ or documents answer turn by turn, with sources; what is not sure is asked back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fitwell.conversing import Turn

PROMPT = "> "
LEAVING = frozenset({"quit", "exit", "bye"})


def chat(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="Folder of an index of a FAQ or of documents.")],
    reader: Annotated[
        Path | None, typer.Option(help="The run of task answer that reads the documents; it is remembered.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Way of ranking; all of the index, unless named.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Least confidence of an answer, 0 to 1; else chosen from the FAQ, or usual.")
    ] = None,
    wanted: Annotated[
        float, typer.Option(help="Share of a FAQ's answers that should be right; decides the threshold.")
    ] = 0.95,
    ask: Annotated[
        list[str] | None, typer.Option(help="Ask this instead of reading questions; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each turn.")] = False,
) -> None:
    """Answer questions, a line each, from INDEX; a number chooses what was offered, an empty line or quit ends."""
    import json
    import sys

    from fitwell.cli.words.opening import compiling_told
    from fitwell.conversing import chat as open_chat

    with compiling_told():
        opened = open_chat(index, reader=reader, by=by, threshold=threshold, wanted=wanted)
    if not as_json:
        given = "as asked" if threshold is not None else opened.routing.why
        judged = opened.reader is not None and threshold is None
        told = (
            "the reader judges when it knows" if judged else f"answers from confidence {opened.surest:.2f} on: {given}"
        )
        typer.echo(f"{opened.index}; {told}", err=True)
    turns: list[Turn] = []
    for question in ask or _questions(sys.stdin.isatty()):
        turn = opened.turn(question, turns)
        turns.append(turn)
        lines = [json.dumps({"version": 1, **turn.as_json()}, ensure_ascii=False)] if as_json else lines_of(turn)
        for line in lines:
            typer.echo(line)
        sys.stdout.flush()


def _questions(is_terminal: bool) -> Iterator[str]:
    """Yield what is asked: of a terminal until an empty line, of a pipe every line that is not empty."""
    import sys

    while True:
        if is_terminal:
            typer.echo(PROMPT, nl=False, err=True)
        line = sys.stdin.readline()
        asked = line.strip()
        if not line or asked.lower() in LEAVING or (is_terminal and not asked):
            return
        if asked:
            yield asked


def lines_of(turn: Turn) -> list[str]:
    """Return a turn as lines: the answer with its sources, or what is asked back."""
    from fitwell.cli.lines import one_line

    lines = [one_line(turn.answer)]
    for number, possibility in enumerate(turn.possibilities, start=1):
        lines.append(f"  {number}. {one_line(possibility.text)}")
    for source in turn.sources:
        place = "" if source.start is None else f", characters {source.start:,} to {source.end:,}"
        lines.append(
            f"  [{one_line(source.document)}{place}; confidence {turn.confidence:.2f}] {one_line(source.text)}"
        )
    if turn.understood != turn.question and not turn.possibilities:
        lines.append(f"  (understood as: {one_line(turn.understood)})")
    return lines
