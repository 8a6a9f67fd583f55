"""`fitwell train`: a file in, a trained and measured network out."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

Data = Annotated[
    str, typer.Argument(help="CSV, TSV, Parquet, JSONL, Arrow or Feather file, or a folder of Parquet files.")
]
Targets = Annotated[list[str], typer.Option("--target", help="Column to predict; several for several targets.")]
Assignments = Annotated[list[str], typer.Option("--set", help="A setting, such as training.learning_rate=0.01.")]


def train(
    data: Data,
    target: Targets = [],  # noqa: B006  (typer's way to say "none given")
    task: Annotated[str | None, typer.Option(help="binary, multiclass, multilabel or regression.")] = None,
    goal: Annotated[str | None, typer.Option(help="balanced, imbalanced, ranking, targeting or probability.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="YAML file of settings (see: fitwell recipe).")] = None,
    assignments: Assignments = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="Folder of the run; must not exist.")] = None,
    members: Annotated[int | None, typer.Option(help="Networks trained at once; they predict with their mean.")] = None,
    test: Annotated[str | None, typer.Option(help="File of test rows, used only to measure.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose equal values stay on one side of the split.")] = None,
    time: Annotated[str | None, typer.Option(help="Column that orders the rows; the latest are the test rows.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of row weights.")] = None,
    drop: Annotated[list[str], typer.Option(help="Column to leave out; may be given several times.")] = [],  # noqa: B006
    folds: Annotated[int | None, typer.Option(help="Cross-validate with so many folds.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Be done after so long, everything included: 90s, 10m, 2h.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the name of the run only.")] = False,
) -> int:
    """Train a network on DATA to predict --target, measure it, and leave a run that predicts."""
    started = perf_counter()  # importing torch counts too
    from fitwell.cli.terminal import telling
    from fitwell.recipe import assignments as asked
    from fitwell.workflow import train as train_run

    limit = None if time_limit is None else seconds_of(time_limit)
    with telling(quiet=quiet) as listener:
        run = train_run(
            data,
            target=target or None,
            task=task,
            goal=goal,
            recipe=recipe,
            settings=asked(assignments),
            out=out,
            members=members,
            test=test,
            group=group,
            time=time,
            weight=weight,
            drop=drop or None,
            folds=folds,
            time_limit=None if limit is None else limit - (perf_counter() - started),
            seed=seed,
            device=device,
            listener=listener,
        )
    if quiet:
        typer.echo(str(run.path))
    return 130 if run.state == "interrupted" else 0


def seconds_of(text: str) -> float:
    """Return the seconds that a duration like 90, 90s, 10m or 1.5h stands for.

    >>> seconds_of("10m"), seconds_of("1.5h"), seconds_of("90")
    (600.0, 5400.0, 90.0)
    """
    from fitwell.errors import RequestError

    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise RequestError(f'--time-limit must be a duration such as 90s, 10m or 2h, but is "{text}"')
    return seconds
