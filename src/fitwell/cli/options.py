"""Arguments and options that several commands share: what is trained on, and what decides the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fitwell.cli.doors import is_free, is_run, is_there

RunFolder = Annotated[Path, typer.Argument(callback=is_run, help="Folder of the run.")]
Data = Annotated[
    str,
    typer.Argument(
        callback=is_there,
        help="CSV, TSV, Parquet, JSONL, Arrow or Feather file, or a folder of Parquet files, or of pictures by class.",
    ),
]
Targets = Annotated[list[str], typer.Option("--target", help="Column to predict; several for several targets.")]
Task = Annotated[str | None, typer.Option(help="binary, multiclass, multilabel or regression.")]
Out = Annotated[Path | None, typer.Option(callback=is_free, help="Folder of the run; must not exist.")]
Goal = Annotated[str | None, typer.Option(help="balanced, imbalanced, ranking, targeting or probability.")]
RecipeFile = Annotated[Path | None, typer.Option(help="YAML file of settings (see: fitwell recipe).")]
Assignments = Annotated[list[str], typer.Option("--set", help="A setting, such as training.learning_rate=0.01.")]
Members = Annotated[int | None, typer.Option(help="Networks trained at once; they predict with their mean.")]
Test = Annotated[str | None, typer.Option(callback=is_there, help="File of test rows, used only to measure.")]
Group = Annotated[str | None, typer.Option(help="Column whose equal values stay on one side of the split.")]
Time = Annotated[str | None, typer.Option(help="Column that orders the rows; the latest are the test rows.")]
SeriesId = Annotated[
    str | None, typer.Option(help="Column of a long table whose equal values are the steps of one series.")
]
SeriesTime = Annotated[str | None, typer.Option(help="Column that orders the steps of a long table's series.")]
Weight = Annotated[str | None, typer.Option(help="Column of row weights.")]
Drop = Annotated[list[str], typer.Option(help="Column to leave out; may be given several times.")]
Folds = Annotated[int | None, typer.Option(help="Cross-validate with so many folds.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
