"""`fitwell runs`: the runs there are, with the figure that decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fitwell.run import Run

HEADER = ("run", "state", "target", "figure", "value", "95 % interval")


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs in FOLDER: what they predict, how they stand, and the figure that decides."""
    import json

    from fitwell.cli.lines import aligned
    from fitwell.run import all_runs

    found = [_summary(run) for run in all_runs(folder)]
    if as_json:
        typer.echo(json.dumps({"version": 1, "runs": found}, indent=1))
    elif not found:
        typer.echo(f"no runs in {folder}; train one with: fitwell train FILE --target NAME")
    else:
        typer.echo(aligned([HEADER, *map(_cells, found)]))


def _cells(summary: dict[str, Any]) -> tuple[str, ...]:
    from fitwell.cli.terminal import interval_text

    value = "" if summary["value"] is None else f"{summary['value']:.4g}"
    interval = interval_text(summary["low"], summary["high"])
    return (summary["run"], summary["state"], ", ".join(summary["target"]), summary["metric"] or "", value, interval)


def _summary(run: Run) -> dict[str, Any]:
    from fitwell.errors import FitwellError

    summary: dict[str, Any] = {"run": str(run.path), "state": "damaged", "task": None, "target": [], "metric": None}
    figure: dict[str, Any] = {}
    try:
        summary |= {"task": run.recipe.task, "target": list(run.recipe.target)}
        if (run.path / "evaluation.json").is_file():
            summary["metric"] = run.evaluation["primary"]["metric"]
            figure = run.evaluation["metrics"].get(summary["metric"]) or {}
        figure = {name: _number(run, figure, name) for name in ("value", "low", "high")}
        summary["state"] = run.state
    except FitwellError:
        figure = {}  # stays damaged, with what could be read
    return summary | {name: figure.get(name) for name in ("value", "low", "high")}


def _number(run: Run, figure: Any, name: str) -> float | None:
    from fitwell.errors import RunError

    value = figure.get(name) if isinstance(figure, dict) else figure
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise RunError(f"{run.path / 'evaluation.json'} is damaged: {name} must be a number, but is {value!r}")
    return value
