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
    from fitwell.durations import left_of, seconds_of
    from fitwell.recipe import assignments as settings_in
    from fitwell.workflow import asked_recipe

    limit = seconds_of(time_limit, name="--time-limit")
    training = TRAINING_SHARE * limit if cure else limit
    asked = asked_recipe(
        recipe,
        settings_in(assignments),
        {
            "target": target or None,
            "task": task,
            "goal": goal,
            "members": members,
            "data.test": test,
            "data.group": group,
            "data.time": time,
            "data.series_id": series_id,
            "data.series_time": series_time,
            "data.weight": weight,
            "data.drop": drop or None,
            "data.folds": folds,
            "seed": seed,
            "device": device,
        },
    )
    from fitwell.cli.terminal import telling
    from fitwell.processes import is_first
    from fitwell.workflow import train as train_run  # last: what is asked wrong is refused before PyTorch is imported

    first = is_first(os.environ)
    with telling(quiet=quiet or not first) as listener:
        run = train_run(
            data,
            recipe=asked,
            out=out,
            time_limit=left_of(training, since=started),
            listener=listener,
        )
        usable = run.path
        if cure and first and run.state == "finished":
            from fitwell.curing import cure as cured

            better = cured(run, budget=left_of(CURE_SHARE * limit, since=started), listener=listener).run
            usable = run.path if better is None else better.path
    if quiet and first:
        typer.echo(str(usable))
    return 130 if run.state == "interrupted" else 0
