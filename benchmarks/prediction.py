"""How fast a run predicts a long file, and in how much memory.

    python benchmarks/prediction.py [--rows 1000000]

Trains the demo network on `examples/telco_churn.csv`, repeats its rows to a CSV file, and predicts that file into
another: reading, encoding, the network and writing included. Beside it stands what a user would write by hand: pandas
reads the file, scikit-learn's pipeline (one-hot, scaling, an MLP of the same widths) predicts, pandas writes.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import pandas as pd

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


def with_fitwell(path: Path, folder: Path) -> float:
    """Return the seconds that Fitwell takes, without loading the run."""
    import fitwell as fw

    run = fw.train(EXAMPLE, target="Churn", out=folder / "run")
    run.predict_file(EXAMPLE, folder / "warm.csv")
    started = time.perf_counter()
    run.predict_file(path, folder / "predictions.csv")
    return time.perf_counter() - started


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
    """Print rows per second and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = repeated(rows, folder)
        ours = with_fitwell(path, folder)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        theirs = by_hand(path, folder)
    print(f"fitwell                 {rows / ours:12,.0f} rows/s   peak memory {memory:,.0f} MB with torch")
    print(f"pandas + scikit-learn   {rows / theirs:12,.0f} rows/s   ratio {theirs / ours:.2f}")
    print(f"on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
