"""`fitwell compare`: is one run better than another, and what differs between them?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fitwell.cli.doors import is_run
from fitwell.cli.lines import aligned, one_line

if TYPE_CHECKING:
    from rich.console import Console

    from fitwell.comparison import Contender, RunComparison
    from fitwell.metrics import Comparison, Figure

STYLES = {"better": "green", "worse": "red"}
APPROXIMATE = "≈"  # stands behind an interval that is known to cover less often than it claims


def compare(
    runs: Annotated[
        list[Path], typer.Argument(callback=is_run, help="Folders of runs; the others are compared with the first.")
    ],
    metric: Annotated[
        str | None, typer.Option(help="Metric to compare by; without it, the one that decides for the first run.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Picture to draw: .svg or .png.")] = None,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="Colors of the picture.")] = "light",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare RUNS on the rows that none of them was trained on: differences with intervals, and what differs."""
    import json

    from fitwell.comparison import compare as compared

    comparison = compared(runs, metric)
    if output is not None:
        comparison.picture(output, theme=theme)
    if as_json:
        typer.echo(json.dumps(comparison.as_json(), indent=1))
        return
    from fitwell.cli.terminal import LastingConsole

    _show(LastingConsole(highlight=False, emoji=False, markup=False), comparison)


def _show(console: Console, comparison: RunComparison) -> None:
    from rich.text import Text

    def heading(text: str) -> None:
        console.print(Text(text, style="bold"))

    first, *others = comparison.contenders
    rows = f"the same {comparison.rows:,} {comparison.part} rows of {comparison.source}"
    heading(one_line(f"{comparison.metric} on {rows}"))
    for note in comparison.notes:
        console.print(Text(f"! {one_line(note)}", style="yellow"), soft_wrap=not console.is_terminal)
    console.print(Text(f"\n{_figures(comparison)}\n"), soft_wrap=True)
    heading(one_line(f"against {first.name} (above 0 is better; {_level(comparison)})"))
    for line, contender in zip(_differences(comparison).splitlines(), others, strict=True):
        verdict = _against(contender).verdict
        text = Text(line)
        text.stylize(STYLES.get(verdict, ""), len(line) - len(verdict))
        console.print(text, soft_wrap=True)
    if APPROXIMATE in _figures(comparison) + _differences(comparison):
        console.print(Text(f"{APPROXIMATE} these intervals cover less often than they claim", style="dim"))
    console.print()
    heading(one_line(f"what differs from {first.name}"))
    console.print(Text(_changes(others)), soft_wrap=True)
    if decided := sum(not change.asked for contender in others for change in contender.changes):
        settings = "1 setting" if decided == 1 else f"{decided} settings"
        console.print(Text(f"and {settings} left to Fitwell, which followed; --json lists them", style="dim"))


def _level(comparison: RunComparison) -> str:
    from fitwell.comparison import CONFIDENCE

    count, level = len(comparison.contenders) - 1, f"{100 * CONFIDENCE:g} %"
    if count == 1:
        return f"{level} interval"
    return f"{'both' if count == 2 else f'all {count}'} intervals hold at once with {level}"


def _figures(comparison: RunComparison) -> str:
    header = ("run", comparison.metric, "95 % interval", "weights", "epochs", "seconds")
    rows = [(each.name, *_cells(each.figure, comparison.decimals), *_effort(each)) for each in comparison.contenders]
    return aligned([header, *rows], right=(1, 3, 4, 5))


def _differences(comparison: RunComparison) -> str:
    rows = []
    for contender in comparison.contenders[1:]:
        against = _against(contender)
        cells = _cells(against.difference, comparison.decimals, sign="+")
        rows.append((contender.name, *cells, against.verdict))
    return aligned(rows, right=(1,))


def _changes(contenders: Sequence[Contender]) -> str:
    rows: list[Sequence[str]] = []
    for contender in contenders:
        asked = [change for change in contender.changes if change.asked]
        cells = [(change.setting, change.values) for change in asked]
        for place, each in enumerate(cells or [("nothing", "")]):
            rows.append((contender.name if place == 0 else "", *each))
    return aligned(rows)


def _effort(contender: Contender) -> Sequence[str]:
    effort = contender.effort
    weights = "" if effort.weights is None else f"{effort.weights:,}"
    members = f"{effort.members} x " if effort.members > 1 else ""
    return f"{members}{weights}", f"{effort.epochs:g}", f"{effort.seconds:,.1f}"


def _cells(figure: Figure, decimals: int, *, sign: str = "") -> Sequence[str]:
    """Return a value and its interval; a figure without value says why in the place of the interval."""
    if figure.value is None:
        return "-", figure.reason or ""
    value, low, high = (
        "" if each is None else f"{each:{sign},.{decimals}f}" for each in (figure.value, figure.low, figure.high)
    )
    return value, f"{low} to {high}{f' {APPROXIMATE}' if figure.approximate else ''}" if low else ""


def _against(contender: Contender) -> Comparison:
    assert contender.against is not None  # only the first has none
    return contender.against
