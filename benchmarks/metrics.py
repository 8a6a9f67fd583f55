"""How long the figures of a binary target take, beside scikit-learn and torchmetrics.

    python benchmarks/metrics.py [--rows 10000000] [--loop 5]

Every program measures the same labels and scores: accuracy, precision, recall, F1, specificity, MCC, ROC-AUC, PR-AUC,
KS and log loss. Fitwell's time is that of `metrics.binary`, which measures more figures than these, and an interval for
each. scikit-learn's KS is read off its ROC curve. torchmetrics runs where it can be imported, in an environment of its
own, since it is no dependency.

Then 1,000 resamples of 100,000 scores: all figures by `metrics.bootstrap`, against scikit-learn called again for each
resample. Of that loop only a few rounds are run, and their mean is multiplied.

Times are CPU seconds, so that other programs on the machine count little; the programs take turns, and the least of
three counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from scipy.special import expit
from sklearn import metrics as sk

from fitwell import metrics

Values = dict[str, float]
Program = Callable[[np.ndarray, np.ndarray], Values]
RESAMPLED, DRAWS = 100_000, 1000


def rows_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Make labels, a tenth of them positive, and probabilities that know something."""
    generator = np.random.default_rng(0)
    labels = (generator.random(count) < 0.1).astype(np.int64)
    return labels, expit(generator.standard_normal(count) + 2 * labels - 2)


def with_fitwell(labels: np.ndarray, scores: np.ndarray) -> Values:
    """Measure with intervals."""
    figures = metrics.binary(labels, scores)
    return {name: figures[name].value for name in NAMES}  # type: ignore[union-attr,misc]


def with_scikit_learn(labels: np.ndarray, scores: np.ndarray) -> Values:
    """Call one function per figure, as its users do."""
    predicted = (scores >= 0.5).astype(np.int64)
    false, true, _ = sk.roc_curve(labels, scores)
    return {
        "accuracy": sk.accuracy_score(labels, predicted),
        "precision": sk.precision_score(labels, predicted),
        "recall": sk.recall_score(labels, predicted),
        "f1": sk.f1_score(labels, predicted),
        "specificity": sk.recall_score(labels, predicted, pos_label=0),
        "mcc": sk.matthews_corrcoef(labels, predicted),
        "roc_auc": sk.roc_auc_score(labels, scores),
        "pr_auc": sk.average_precision_score(labels, scores),
        "ks": float(np.max(true - false)),
        "log_loss": sk.log_loss(labels, scores),
    }


def with_torchmetrics(labels: np.ndarray, scores: np.ndarray) -> Values:
    """Call one function per figure; it has no KS and no log loss, whose place PyTorch's own takes."""
    import torch
    from torchmetrics.functional import classification as tm

    truth, given = torch.from_numpy(labels), torch.from_numpy(scores)
    false, true, _ = tm.binary_roc(given, truth)
    found = {
        "accuracy": tm.binary_accuracy(given, truth),
        "precision": tm.binary_precision(given, truth),
        "recall": tm.binary_recall(given, truth),
        "f1": tm.binary_f1_score(given, truth),
        "specificity": tm.binary_specificity(given, truth),
        "mcc": tm.binary_matthews_corrcoef(given, truth),
        "roc_auc": tm.binary_auroc(given, truth),
        "pr_auc": tm.binary_average_precision(given, truth),
        "ks": (true - false).max(),
        "log_loss": torch.nn.functional.binary_cross_entropy(given, truth.double()),
    }
    return {name: float(value) for name, value in found.items()}


NAMES = ("accuracy", "precision", "recall", "f1", "specificity", "mcc", "roc_auc", "pr_auc", "ks", "log_loss")
PROGRAMS: dict[str, Program] = {
    "fitwell, with intervals": with_fitwell,
    "scikit-learn": with_scikit_learn,
    "torchmetrics": with_torchmetrics,
}


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that some work takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


def compared(rows: int) -> None:
    """Print the least of three times for every program, and by how much their figures differ."""
    labels, scores = rows_of(rows)
    present = {name: run for name, run in PROGRAMS.items() if name != "torchmetrics" or find_spec("torchmetrics")}
    least = dict.fromkeys(present, float("inf"))
    values: dict[str, Values] = {}
    for run in present.values():  # imports and first calls
        run(labels[:1000], scores[:1000])
    for _ in range(3):
        for name, run in present.items():

            def work(name: str = name, run: Program = run) -> None:
                values[name] = run(labels, scores)

            least[name] = min(least[name], seconds(work))
    ours = next(iter(present))
    print(
        f"\n| ten figures of {rows:,} scores | CPU seconds | times Fitwell's | largest difference |\n|---|---|---|---|"
    )
    for name, taken in least.items():
        apart = max(abs(values[name][figure] - values[ours][figure]) for figure in NAMES)
        print(f"| {name} | {taken:.2f} | {taken / least[ours]:.1f} | {apart:.1g} |")


def resampled(loop: int) -> None:
    """Print the time of 1,000 resamples, and of scikit-learn's loop as a few of its rounds tell."""
    labels, scores = rows_of(RESAMPLED)
    metrics.bootstrap(labels[:1000], scores[:1000], draws=10)
    generator = np.random.default_rng(1)

    def one_round() -> None:
        chosen = generator.integers(0, RESAMPLED, RESAMPLED)
        with_scikit_learn(labels[chosen], scores[chosen])

    ours = min(seconds(lambda: metrics.bootstrap(labels, scores, draws=DRAWS)) for _ in range(3))
    theirs = min(seconds(one_round) for _ in range(loop)) * DRAWS
    print(f"\n| {DRAWS:,} resamples of {RESAMPLED:,} scores | CPU seconds | times Fitwell's |\n|---|---|---|")
    print(f"| fitwell, 15 figures and ten lifts | {ours:.2f} | 1 |")
    name = f"scikit-learn, ten figures, the least of {loop} rounds times {DRAWS:,}"
    print(f"| {name} | {theirs:.0f} | {theirs / ours:.0f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--loop", type=int, default=5)
    arguments = parser.parse_args()
    compared(arguments.rows)
    resampled(arguments.loop)


if __name__ == "__main__":
    main()
