"""`fitwell train`: a file in, a trained and measured network out."""

from __future__ import annotations

import os
from time import perf_counter, process_time
from typing import Annotated

import typer

from fitwell.cli.options import (
    Assignments,
    Data,
    Device,
    Drop,
    Folds,
    Goal,
    Group,
    Members,
    Out,
    RecipeFile,
    Seed,
    SeriesId,
    SeriesTime,
    Targets,
    Task,
    Test,
    Time,
    Weight,
)

# Of a time limit, with --cure: what training takes, and when experiments must be over. The rest is for the cured run.
TRAINING_SHARE, CURE_SHARE = 0.15, 0.8


def train(
    data: Data,
    target: Targets = [],  # noqa: B006  (typer's way to say "none given")
    task: Task = None,
    goal: Goal = None,
    recipe: RecipeFile = None,
    assignments: Assignments = [],  # noqa: B006
    out: Out = None,
    members: Members = None,
    test: Test = None,
    group: Group = None,
    time: Time = None,
    series_id: SeriesId = None,
    series_time: SeriesTime = None,
    weight: Weight = None,
    drop: Drop = [],  # noqa: B006
    folds: Folds = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Be done after so long, everything included: 90s, 10m, 2h.")
    ] = None,
    seed: Seed = None,
    device: Device = None,
    cure: Annotated[
        bool, typer.Option("--cure", help="Then examine the run, and train a better one where something is wrong.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the name of the run only.")] = False,
) -> int:
    """Train a network on DATA to predict --target, measure it, and leave a run that predicts."""
    started = perf_counter() - process_time()  # what starting Python took counts too, and importing torch
    from fitwell.cli.terminal import telling
    from fitwell.processes import is_first
    from fitwell.recipe import assignments as asked
    from fitwell.workflow import train as train_run

    limit = None if time_limit is None else seconds_of(time_limit)
    training = limit if limit is None or not cure else TRAINING_SHARE * limit
    first = is_first(os.environ)
    with telling(quiet=quiet or not first) as listener:
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
            series_id=series_id,
            series_time=series_time,
            weight=weight,
            drop=drop or None,
            folds=folds,
            time_limit=None if training is None else training - (perf_counter() - started),
            seed=seed,
            device=device,
            listener=listener,
        )
        usable = run.path
        if cure and first and run.state == "finished":
            from fitwell.curing import cure as cured

            left = None if limit is None else CURE_SHARE * limit - (perf_counter() - started)
            better = cured(run, budget=left, listener=listener).run
            usable = run.path if better is None else better.path
    if quiet and first:
        typer.echo(str(usable))
    return 130 if run.state == "interrupted" else 0


def seconds_of(text: str, *, option: str = "--time-limit") -> float:
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
        raise RequestError(f'{option} must be a duration such as 90s, 10m or 2h, but is "{text}"')
    return seconds
