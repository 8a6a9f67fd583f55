"""`fitwell runs`: the runs there are, with the figure that decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs in FOLDER: what they predict, how they stand, and the figure that decides."""
    import json

    from fitwell.run import all_runs

    found = [_summary(run) for run in all_runs(folder)]
    if as_json:
        typer.echo(json.dumps({"version": 1, "runs": found}, indent=1))
    elif not found:
        typer.echo(f"no runs in {folder}; train one with: fitwell train FILE --target NAME")
    for summary in () if as_json else found:
        figure = "" if summary["value"] is None else f"{summary['metric']} {summary['value']:.4g}"
        if summary["low"] is not None:
            figure += f" ({summary['low']:.4g} to {summary['high']:.4g})"
        typer.echo(f"{summary['run']}  {summary['state']}  {', '.join(summary['target'])}  {figure}".rstrip())


def _summary(run: Any) -> dict[str, Any]:
    from fitwell.errors import RunError

    figure: dict[str, Any] = {}
    metric = None
    try:
        recipe, state = run.recipe, run.state
        if (run.path / "evaluation.json").is_file():
            metric = run.evaluation["primary"]["metric"]
            figure = run.evaluation["metrics"].get(metric) or {}
    except RunError:
        return {"run": str(run.path), "state": "damaged", "task": None, "target": [], "metric": None} | _values({})
    named = {"run": str(run.path), "state": state, "task": recipe.task, "target": list(recipe.target), "metric": metric}
    return named | _values(figure)


def _values(figure: dict[str, Any]) -> dict[str, Any]:
    return {name: figure.get(name) for name in ("value", "low", "high")}
