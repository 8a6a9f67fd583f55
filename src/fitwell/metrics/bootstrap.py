"""The weighted bootstrap: rows keep their place in the sort and only their weights are drawn anew.

Rubin's (1981) version: every row's weight is multiplied by an independent draw of mean 1 and variance 1, here from a
gamma distribution, so no class ever vanishes and no ties appear. A cell that gathers many rows (equal scores, or
neighbors in a long ranking) needs one draw only, with the same mean Σw and variance Σw² as the sum of its rows would
have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

import fitwell.metrics.ranked as by_rank
from fitwell.metrics.confusion import BINARY_MEASURES, Margins
from fitwell.metrics.costs import Cut, checked_costs
from fitwell.metrics.inputs import column, is_positive, row_weights
from fitwell.metrics.measured import log_losses
from fitwell.metrics.ranked import Ranked, Stack, ranked

LONGEST = 2048  # groups that are resampled one by one; more are gathered into this many neighborhoods
CHUNK = 4_000_000  # numbers held at once, 32 MB


def number_of_draws(cells: int) -> int:
    """Return how many resamples a mean and a spread need: 400, and down to 200 where each is long.

    The spread is then known to 4 or 5 %.

    >>> number_of_draws(300), number_of_draws(200_000), number_of_draws(10_000_000)
    (400, 200, 200)
    """
    return int(np.clip(40_000_000 // max(cells, 1), 200, 400))


def draw(
    sums: Float[np.ndarray, " cells"],
    squares: Float[np.ndarray, " cells"],
    *,
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "draws cells"]:
    """Draw weights of mean `sums` and variance `squares`, cells of weight 0 staying at 0."""
    full = np.flatnonzero(sums > 0)
    shape = sums[full] ** 2 / squares[full]
    if np.all(np.abs(shape - 1) < 1e-9):  # single rows: the gamma distribution of shape 1, drawn faster
        factors = generator.standard_exponential((draws, len(full)))
    else:
        factors = generator.standard_gamma(shape, (draws, len(full)))
    result = np.zeros((draws, len(sums)))
    result[:, full] = factors * (squares[full] / sums[full])
    return result


def in_chunks(draws: int, *, cells: int) -> Iterator[int]:
    """Yield how many resamples to draw at a time so that memory stays bounded."""
    at_once = max(1, CHUNK // max(cells, 1))
    while draws > 0:
        yield min(draws, at_once)
        draws -= at_once


def neighborhoods(rows: Ranked, *, longest: int = LONGEST) -> Int[np.ndarray, " neighborhoods"]:
    """Return where each neighborhood of the ranking begins, at most `longest` of about equal mass."""
    if len(rows.scores) <= longest:
        return np.arange(len(rows.scores))
    goals = np.arange(longest) * (rows.taken[-1] / longest)
    return np.union1d([0], np.searchsorted(rows.taken, goals[1:]))


def gathered(rows: Ranked, *, longest: int = LONGEST) -> Ranked:
    """Return the ranking with its neighborhoods as groups, each at its mean score; a short ranking stays as it is.

    The bootstrap then costs the same for ten thousand rows and for ten million; how far a resample lies from the
    gathered ranking's own figure is what carries over to the full one.
    """
    return gathered_at(rows, neighborhoods(rows, longest=longest))


def gathered_at(rows: Ranked, starts: Int[np.ndarray, " neighborhoods"]) -> Ranked:
    """Return the ranking with the groups from each start to the next as one group."""
    if len(starts) == len(rows.scores):
        return rows
    mass = rows.positive + rows.negative
    return Ranked(
        scores=np.add.reduceat(mass * rows.scores, starts) / np.add.reduceat(mass, starts),
        positive=np.add.reduceat(rows.positive, starts),
        negative=np.add.reduceat(rows.negative, starts),
        positive_squares=np.add.reduceat(rows.positive_squares, starts),
        negative_squares=np.add.reduceat(rows.negative_squares, starts),
    )


def place_of(groups: int, starts: Int[np.ndarray, " neighborhoods"]) -> Int[np.ndarray, " groups"]:
    """Return for every group the neighborhood it belongs to."""
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=groups))


Figures = Mapping[str, NDArray[np.float64]]  # one value per resample, or ten


def bootstrap(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    positive: object = None,
    threshold: float = 0.5,
    costs: tuple[float, float] | None = None,
    weights: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Figures:
    """Return every figure of `binary` on resamples of the rows, all of them from one sort.

    For what intervals do not say: how two figures vary together, or how often one stays above a goal. A long ranking is
    resampled in 2,048 neighborhoods, and every resample moved by what that changed in the figure itself.

    Raises `DataError` for what `binary` refuses.

    >>> drawn = bootstrap([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], draws=200)
    >>> drawn["roc_auc"].shape, bool((drawn["recall"] <= 1).all())
    ((200,), True)
    """
    hits, _ = is_positive(labels, positive=positive)
    numbers, given = column(scores, what="scores", rows=len(hits)), row_weights(weights, rows=len(hits))
    rows = ranked(hits[given > 0], numbers[given > 0], given[given > 0])
    above = int(np.count_nonzero(rows.scores >= threshold))
    starts = neighborhoods(rows)  # none of which may reach over the threshold
    starts = np.union1d(starts, [above]) if above < len(rows.scores) else starts
    short, place = gathered_at(rows, starts), place_of(len(rows.scores), starts)
    cut = Cut(threshold=threshold, costs=None if costs is None else checked_costs(costs))
    measures = [every_figure(part, losses, cut) for part, losses in both_ways(rows, short, place)]
    found, plugin = measures[0](rows.positive, rows.negative), measures[1](short.positive, short.negative)
    drawn = resampled(short, measures[1], draws=draws, seed=seed)
    return {name: values + (found[name] - plugin[name]) for name, values in drawn.items()}


Losses = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # of a positive and of a negative of every group


def both_ways(rows: Ranked, short: Ranked, place: Int[np.ndarray, " groups"]) -> list[tuple[Ranked, Losses]]:
    """Return the ranking and the gathered one, each with its mean losses where scores are probabilities."""
    if rows.scores[0] > 1 or rows.scores[-1] < 0:
        return [(rows, {}), (short, {})]
    of_rows: Losses = {
        "log_loss": (log_losses(rows.scores), log_losses(1 - rows.scores)),
        "brier": ((1 - rows.scores) ** 2, rows.scores**2),
    }

    def mean(loss: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.bincount(place, weights)
        return np.divide(np.bincount(place, weights * loss), total, out=np.zeros_like(total), where=total > 0)

    of_short = {name: (mean(up, rows.positive), mean(down, rows.negative)) for name, (up, down) in of_rows.items()}
    return [(rows, of_rows), (short, of_short)]


def every_figure(rows: Ranked, losses: Losses, cut: Cut) -> Callable[[Stack, Stack], Figures]:
    """Return the function that measures all at once what group weights of this ranking, or a stack of them, show."""
    above = int((rows.scores >= cut.threshold).sum())

    def measure(positive: Stack, negative: Stack) -> Figures:
        found, missed = positive[..., :above].sum(-1), positive[..., above:].sum(-1)
        false, left = negative[..., :above].sum(-1), negative[..., above:].sum(-1)
        sums = (left, found), (left + false, missed + found), (left + missed, false + found)
        table = Margins(*(np.stack(pair, axis=-1) for pair in sums))
        lifts = by_rank.lift_by_decile(positive, negative)
        figures = {name: of_margins(table) for name, of_margins in BINARY_MEASURES.items()} | {
            "roc_auc": by_rank.roc_auc(positive, negative),
            "pr_auc": by_rank.average_precision(positive, negative),
            "ks": by_rank.ks(positive, negative),
            "lift": lifts[..., 0],
            "lift_by_decile": lifts,
        }
        total = positive.sum(-1) + negative.sum(-1)
        if cut.costs is not None:
            figures["cost"] = (cut.costs.false_positive * false + cut.costs.false_negative * missed) / total
        figures |= {name: (positive @ up + negative @ down) / total for name, (up, down) in losses.items()}
        if losses:
            figures["calibration_error"] = by_rank.calibration_error(positive, negative, rows.scores)
        return figures

    return measure


def resampled(
    rows: Ranked, measure: Callable[[Stack, Stack], Figures], *, draws: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return each figure on every resample of one shared sort, draws first."""
    generator = np.random.default_rng(seed)
    groups = len(rows.scores)
    sums = np.concatenate([rows.positive, rows.negative])
    squares = np.concatenate([rows.positive_squares, rows.negative_squares])
    parts = []
    for count in in_chunks(draws, cells=2 * groups):
        weights = draw(sums, squares, draws=count, generator=generator)
        parts.append(measure(weights[:, :groups], weights[:, groups:]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
