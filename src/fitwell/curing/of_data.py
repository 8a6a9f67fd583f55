"""What no change of a training can cure, because it lies in the data: labels without signal, too few rows, a leak."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fitwell.baselines import fit_baselines
from fitwell.curing.arms import TRIVIAL, Arm, Bench, Tried
from fitwell.curing.confirming import FEW_ROWS_DIVISIONS, ROWS_FOR_ONE, divided_anew, division_seeds
from fitwell.curing.shortfall import Effect, leans, pooled
from fitwell.preparation import Prepared
from fitwell.recipe import Recipe, with_values

PERMUTATIONS = 19  # with these the smallest p-value is 1/20
PERMUTED_ROWS = 5_000  # at most so many training rows of them, evenly taken
SHARES = (0.25, 0.5)  # of the training rows, which are learned from beside all of them
FEWEST_TO_THIN = 40  # training rows: a quarter of fewer is no training


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How the figure rises with the rows, and what twice as many would bring."""

    figures: tuple[float, float, float]  # goodness at a quarter, half and all of the training rows
    gained: Effect  # all beside half of them
    doubled: float  # the gain that as many rows again would bring, going by how gains shrank so far
    rows: int
    divisions: int  # of the rows, over which figures and gains are means


def signal_p(bench: Bench, prepared: Prepared) -> float:
    """Return how likely simple models would do as well as they do if labels had nothing to do with the rows.

    The labels of the training rows are shuffled, and the better of the simple models is measured on the validation
    rows as they are (permutation test, Ojala and Garriga 2010).
    """
    generator = np.random.default_rng(prepared.recipe.seed)
    rows = prepared.split.train[:: -(-len(prepared.split.train) // PERMUTED_ROWS)]
    truth = prepared.labelled.truth
    real = _best_simple(bench, prepared, rows, truth)
    as_good = 0
    for _ in range(PERMUTATIONS):
        shuffled = truth.copy()
        shuffled[rows] = truth[generator.permutation(rows)]
        as_good += _best_simple(bench, prepared, rows, shuffled) >= real
    return (1 + as_good) / (1 + PERMUTATIONS)


def _best_simple(bench: Bench, prepared: Prepared, rows: np.ndarray, truth: np.ndarray) -> float:
    fitted = fit_baselines(
        prepared.features,
        truth,
        task=prepared.labelled.task.name,
        outputs=prepared.predicted_columns,
        rows=rows,
        weights=prepared.labelled.weights,
        seed=prepared.recipe.seed,
        threads=1,
    )
    validation = {name: block[prepared.split.validation] for name, block in prepared.features.items()}
    return max(
        bench.goodness(bench.as_tried(name, each.predict(validation)))
        for name, each in fitted.items()
        if name != TRIVIAL
    )


def learning(bench: Bench, fresh: Callable[[int], Bench], recipe: Recipe, whole: Tried) -> Learning | None:
    """Return how the figure of a recipe rises with the rows; None where it does not, or they are too few to thin out.

    `fresh` gives another division of the rows by its seed: where few validation rows lean towards a rise, two more
    divisions are asked (repeated cross-validation; its variance: Nadeau and Bengio 2003).

    Gains of a doubling shrink by a factor from one doubling to the next where errors fall as a power of the rows, as
    they mostly do (Hestness et al. 2017); the next one is taken to shrink by the factor that was seen.
    """
    rows = len(bench.split.train)
    if rows < FEWEST_TO_THIN:
        return None
    curves = [(bench, (*_thinned(bench, recipe, SHARES), whole))]
    if not leans(bench.compared(whole, curves[0][1][1])):
        return None
    if len(bench.split.validation) < ROWS_FOR_ONE:
        for seed in division_seeds(recipe, FEW_ROWS_DIVISIONS):
            other = fresh(seed)
            curves.append((other, _thinned(other, divided_anew(recipe, seed), (*SHARES, 1.0))))
    quarter, half, all_rows = np.mean([[each.goodness(tried) for tried in curve] for each, curve in curves], 0).tolist()
    gained = pooled(
        [each.compared(curve[2], curve[1]) for each, curve in curves],
        divisions=len(curves),
        held_out=len(bench.split.validation) / rows,
    )
    if gained is None:
        return None
    earlier, later = half - quarter, all_rows - half
    factor = min(1.0, later / earlier) if earlier > 0 else 1.0
    return Learning(
        figures=(quarter, half, all_rows),
        gained=gained,
        doubled=max(0.0, later) * max(0.0, factor),
        rows=rows,
        divisions=len(curves),
    )


def _thinned(bench: Bench, recipe: Recipe, shares: Sequence[float]) -> tuple[Tried, ...]:
    return tuple(bench.try_out([Arm(name="as it is", recipe=recipe, rows=share) for share in shares]))


def without_column(bench: Bench, recipe: Recipe, columns: Sequence[str]) -> list[Tried]:
    """Return what comes of the recipe where each of these columns is left out."""
    found = []
    for name in columns:
        schema = bench.labelled.schema
        features = tuple(column for column in schema.features if column.name != name)
        labelled = replace(bench.labelled, schema=replace(schema, features=features))
        lacking = replace(bench, labelled=labelled, prepared={})
        dropped = with_values(recipe, {"data.drop": (*recipe.data.drop, name)})
        found += lacking.try_out([Arm(name=f'without "{name}"', recipe=dropped)])
    return found
