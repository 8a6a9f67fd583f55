"""What the decisions of a run bring: calibration, thresholds by cost, and the coverage of prediction intervals.

    python benchmarks/decisions.py [FILE:TARGET ...] [--seeds 20]

A network is trained on each table with each seed, by defaults, on a third of the rows; half of the rows are left to
measure. The validation rows stop the training and decide, as in every run. Without tables, those of `examples/`.

- Two classes: log loss on the test rows without and with calibration where it helps; and the cost of a row (a false
  positive 1, a false negative 5) with the threshold at one half, at the best on the validation rows, and at the
  break-even probability 1/6 of calibrated probabilities.
- Numbers: the share of test rows in the 90 % intervals, and how far it stays below what exchangeable rows would give,
  ⌈(n + 1) c⌉ / (n + 1): validation rows that also stopped the training are not quite exchangeable with new ones.

Printed are means over the seeds and their standard errors; differences are taken seed by seed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from fitwell.data.read import read_table
from fitwell.decision import Scored, decide
from fitwell.decision.calibration import row_log_losses
from fitwell.events import unheard
from fitwell.learning import Clock, learn, set_up
from fitwell.measuring import Decided, decided_network, held_out_predictions
from fitwell.preparation import divided, labelled_rows_of, prepare
from fitwell.recipe import DecisionSettings, Recipe, changed

EXAMPLES = Path(__file__).parents[1] / "examples"
TABLES = [
    f"{EXAMPLES}/german_credit.csv:class",
    f"{EXAMPLES}/telco_churn.csv:Churn",
    f"{EXAMPLES}/german_credit.csv:credit_amount",
]
SHARES = {"data.validation_share": 0.15, "data.test_share": 0.5}
COSTS = {"false_positive_cost": 1.0, "false_negative_cost": 5.0}
COVERAGE = 0.9


def held_out(path: str, target: str, seed: int) -> Decided:
    """Train one network and return what it says of the rows that were held out."""
    asked = changed(Recipe(), {"target": [target], "seed": seed, **SHARES})
    labelled, recipe = labelled_rows_of(read_table(path), asked, test=None)
    prepared = prepare(labelled, recipe, split=divided(labelled, recipe))
    setup = set_up(prepared, prepared.recipe)
    learned = learn(setup, prepared, clock=Clock(perf_counter()), listener=unheard)
    return decided_network(prepared, setup.recipe, held_out_predictions(prepared, setup, learned))


def cost(rows: Scored, predictions: np.ndarray, threshold: float) -> float:
    """Return the mean cost of a row."""
    says, is_positive = predictions[:, 1] >= threshold, rows.truth == 1
    paid = COSTS["false_positive_cost"] * (says & ~is_positive) + COSTS["false_negative_cost"] * (~says & is_positive)
    return float(paid.mean())


def of_classes(held: Decided) -> dict[str, float]:
    """Return the figures of two classes for one training."""
    rows = held.measured
    figures = {"log loss, as it is": float(row_log_losses(rows.task, rows.truth, rows.predictions).mean())}
    ways = {
        "one half": {"threshold": "half", "calibration": "none"},
        "best on validation": {"threshold": "cost", "calibration": "none", **COSTS},
        "break-even": {"threshold": "cost", "calibration": "if_better", **COSTS},
    }
    for name, settings in ways.items():
        decision = decide(held.validation, DecisionSettings.model_validate(settings))
        predictions = decision.applied(rows).predictions
        figures[f"cost, {name}"] = cost(rows, predictions, decision.cut().threshold)
    figures["log loss, calibrated"] = float(row_log_losses(rows.task, rows.truth, predictions).mean())
    figures["calibrated in"] = float(decision.calibration is not None and decision.calibration.method != "none")
    figures["log loss, gain"] = figures["log loss, as it is"] - figures["log loss, calibrated"]
    figures["cost, break-even less best"] = figures["cost, break-even"] - figures["cost, best on validation"]
    return figures


def of_numbers(held: Decided) -> dict[str, float]:
    """Return the coverage of one training."""
    decision = decide(held.validation, DecisionSettings(coverage=COVERAGE))
    size = len(held.validation.truth)
    inside = np.abs(held.measured.truth - held.measured.predictions) <= np.array(decision.half_widths)
    promised = math.ceil((size + 1) * COVERAGE - 1e-9) / (size + 1)
    return {"covered": float(inside.mean()), "less than promised": promised - float(inside.mean())}


def measured(table: str, seeds: int) -> Iterator[dict[str, float]]:
    """Yield the figures of each seed."""
    path, _, target = table.rpartition(":")
    for seed in range(seeds):
        held = held_out(path, target, seed)
        yield of_numbers(held) if held.validation.task.form == "values" else of_classes(held)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    print("| table | figure | mean | standard error |\n|---|---|---|---|")
    for table in arguments.tables:
        found = list(measured(table, arguments.seeds))
        for name in found[0]:
            values = np.array([each[name] for each in found])
            error = values.std(ddof=1) / math.sqrt(len(values))
            print(f"| {Path(table).name} | {name} | {values.mean():.4f} | {error:.4f} |", flush=True)


if __name__ == "__main__":
    main()
