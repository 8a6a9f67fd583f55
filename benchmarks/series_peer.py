"""What a Python with aeon tells `modalities.py`: a set of series as JSON, and how ROCKET does on its given split.

    PYTHON benchmarks/series_peer.py NAME FOLDER [--rocket]

`train.json` and `test.json` in FOLDER hold a series (of one channel: numbers; of several: a list for each step) and a
label in each row. With `--rocket` the accuracy of aeon's ROCKET with its defaults is printed, and its CPU seconds;
series of unequal lengths are filled up with zeros for it (the padding of Ruiz et al. 2021, The great multivariate time
series classification bake off).

Only what aeon brings is imported, so that the environment needs nothing of Fitwell's.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np


def main() -> None:
    """Write the two parts, and print what ROCKET reaches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rocket", action="store_true")
    asked = parser.parse_args()
    from aeon.datasets import load_classification

    parts = {part: load_classification(asked.name, split=part) for part in ("train", "test")}
    for part, (series, labels) in parts.items():
        cells = [each[0].tolist() if len(each) == 1 else each.T.tolist() for each in series]
        told = {"series": cells, "label": [str(label) for label in labels]}
        (asked.folder / f"{part}.json").write_text(json.dumps(told))
    if asked.rocket:
        from aeon.classification.convolution_based import RocketClassifier

        longest = max(each.shape[1] for series, _ in parts.values() for each in series)
        (series, labels), (others, truth) = ((filled(cells, longest), labels) for cells, labels in parts.values())
        started = time.process_time()
        accuracy = RocketClassifier(random_state=0).fit(series, labels).score(others, truth)
        print(json.dumps({"accuracy": float(accuracy), "seconds": time.process_time() - started}))


def filled(series: list[np.ndarray] | np.ndarray, steps: int) -> np.ndarray:
    """Return series of one length (rows, channels, steps), with zeros at the end of shorter ones."""
    return np.stack([np.pad(each, ((0, 0), (0, steps - each.shape[1]))) for each in series])


if __name__ == "__main__":
    main()
