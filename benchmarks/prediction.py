"""How fast a run predicts a long file, and in how much memory.

    python benchmarks/prediction.py [--rows 1000000] [--repeats 3]

Trains the demo network on `examples/telco_churn.csv`, repeats its rows to a CSV file, and predicts that file into
another: reading, encoding, the network and writing included. Beside it stands what a user would write by hand: pandas
reads the file, scikit-learn's pipeline (one-hot, scaling, an MLP of the same widths) predicts, pandas writes. Then the
same stages one after another, in CPU seconds, which tell more than the clock where other programs run too.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import pandas as pd

import fitwell as fw
from fitwell.data.read import read_batches
from fitwell.prediction import encoded, predictions_for, table_of
from fitwell.run import Run
from fitwell.run.value import PREDICTED_AT_ONCE

Result = TypeVar("Result")

EXAMPLE = Path(__file__).parents[1] / "examples" / "telco_churn.csv"


def repeated(rows: int, folder: Path) -> Path:
    """Return a CSV file with so many rows, the example's again and again."""
    header, *lines = EXAMPLE.read_text().splitlines()
    path = folder / "rows.csv"
    with path.open("w") as file:
        file.write(header + "\n")
        for start in range(0, rows, len(lines)):
            file.write("\n".join(lines[: rows - start]) + "\n")
    return path


def with_fitwell(run: Run, path: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds that Fitwell takes by the clock and of the cores, without loading the run."""
    run.predict_file(EXAMPLE, folder / "warm.csv")
    started, worked = time.perf_counter(), time.process_time()
    run.predict_file(path, folder / "predictions.csv")
    return time.perf_counter() - started, time.process_time() - worked


def stages(run: Run, path: Path) -> dict[str, float]:
    """Return the CPU seconds of each stage, when one batch after another goes through all of them."""
    model, batches = run.model, read_batches(path, rows=PREDICTED_AT_ONCE, columns=run.model.columns)
    seconds = dict.fromkeys(("reading", "encoding", "the network", "the table of predictions", "writing"), 0.0)

    def timed(stage: str, work: Callable[[], Result]) -> Result:
        started = time.process_time()
        result = work()
        seconds[stage] += time.process_time() - started
        return result

    while (frame := timed("reading", partial(next, batches, None))) is not None:
        features = timed("encoding", partial(encoded, model, frame))
        predictions = timed("the network", partial(predictions_for, model, features))
        table = timed(
            "the table of predictions", partial(table_of, predictions, model.task, model.coding, model.decision)
        )
        timed("writing", partial(table.write_csv, io.BytesIO()))
    return seconds


def by_hand(path: Path, folder: Path) -> float:
    """Return the seconds of pandas and scikit-learn with a network of the same widths."""
    from sklearn.compose import make_column_transformer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.read_csv(EXAMPLE, na_values=" ").dropna()
    numbers = ["tenure", "MonthlyCharges", "TotalCharges"]
    words = [name for name in frame.columns if name not in (*numbers, "customerID", "Churn")]
    columns = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), words))
    network = MLPClassifier((128, 128, 128), max_iter=5, early_stopping=True)
    model = make_pipeline(columns, network).fit(frame[[*numbers, *words]], frame["Churn"])
    started = time.perf_counter()
    rows = pd.read_csv(path, na_values=" ").fillna(0)
    probabilities = model.predict_proba(rows[[*numbers, *words]])
    pd.DataFrame({"probability": probabilities[:, 1]}).to_csv(folder / "by_hand.csv", index=False)
    return time.perf_counter() - started


def main() -> None:
    """Print rows per second, peak memory and the work of each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows, repeats = options.rows, options.repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = repeated(rows, folder)
        run = fw.train(EXAMPLE, target="Churn", out=folder / "run")
        times = [with_fitwell(run, path, folder) for _ in range(repeats)]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        parts = [stages(run, path) for _ in range(repeats)]
        theirs = by_hand(path, folder)
    clock, work = ([seconds[place] for seconds in times] for place in (0, 1))
    print(f"fitwell, best           {rows / min(clock):12,.0f} rows/s   {min(work):.2f} CPU seconds")
    print(f"fitwell, median         {rows / median(clock):12,.0f} rows/s   {median(work):.2f} CPU seconds")
    print(f"pandas + scikit-learn   {rows / theirs:12,.0f} rows/s")
    print(f"on {os.cpu_count()} cores; peak memory of Fitwell with torch {memory:,.0f} MB")
    print("CPU seconds, best and median:")
    for stage in parts[0]:
        of_stage = [seconds[stage] for seconds in parts]
        print(f"  {stage:26} {min(of_stage):.2f}   {median(of_stage):.2f}")


if __name__ == "__main__":
    main()
