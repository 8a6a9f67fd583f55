"""How often 95 % intervals hold the truth, for every figure, by simulation.

    python benchmarks/coverage.py [--quick] [--family binary] [--rounds 2000]

Each cell is a population whose figures are known, a number of rows, and 2,000 samples of that size. It is right when
93 to 97 % of its intervals hold the population's figure (2,000 samples know a coverage of 95 % to about one point), or
when more than half of its figures say that they are approximate.

Where the populations' figures come from:

- binary: scores are normal in each class, one standard deviation wide, d apart. ROC-AUC is Φ(d/√2), KS, recall and
  specificity at the middle follow in closed form, the rest by sums over 200,000 strips of exact mass. "Calibrated"
  probabilities are the exact posterior; "bold" ones double its log odds; "ties" rounds scores to half a standard
  deviation before; "weights" draws log-normal weights that also count every positive twice. The threshold is the base
  rate.
- multiclass (4 classes of 40, 30, 20, 10 %) and multilabel (3 labels of 50, 20, 10 % that go together): figures of
  one sample of 2 million rows, 200 times the largest cell.
- regression: errors are normal, Student's t with 5 or 3 degrees of freedom, or exponential less its mean; closed forms.
- paired: two scores with correlated noise; differences of the figures of 2 million rows.
"""

from __future__ import annotations

if __name__ == "coverage":  # numba looks for the package of this name, and finds this file from a script beside it
    raise ImportError("this is a benchmark, not the package coverage")

import argparse
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import expit, ndtr, ndtri
from scipy.stats import expon
from scipy.stats import t as student

from fitwell import metrics
from fitwell.metrics import Figure, Figures
from fitwell.metrics.confusion import BINARY
from fitwell.metrics.measured import log_losses
from fitwell.metrics.ranked import average_precision, calibration_error, ks, lift_by_decile, roc_auc

ROUNDS = 2000
SIZES = (100, 500, 2000, 10_000)
RIGHT = (0.93, 0.97)

Measured = Mapping[str, Figure]
Sample = Callable[[np.random.Generator, int], Measured]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One population, sampled so many rows at a time."""

    family: str
    population: str
    rows: int
    truth: Mapping[str, float]
    sample: Sample


@dataclass
class Count:
    """What became of one figure's intervals in one cell."""

    there: int = 0  # samples in which the figure had an interval
    held: int = 0
    approximate: int = 0
    below: int = 0  # intervals that lie below the truth


@dataclass(frozen=True, kw_only=True)
class Result:
    """How often one figure's intervals held the truth in one cell; what is kept in the file of results."""

    family: str
    population: str
    rows: int
    name: str
    samples: int  # in which the figure had an interval
    coverage: float
    below: float  # share of intervals that lie below the truth
    approximate: float  # share of figures that say so

    @property
    def is_approximate(self) -> bool:
        """Whether most of the figures said so."""
        return self.approximate > 0.5

    @property
    def is_right(self) -> bool:
        """Whether the intervals do what they claim, or say that they may not."""
        return self.is_approximate or RIGHT[0] <= self.coverage <= RIGHT[1]


def flat(figures: Figures) -> dict[str, Figure]:
    """Return single figures by name; each tenth of the lift has its own."""
    found = {}
    for name, entry in figures.items():
        parts = {name: entry} if isinstance(entry, Figure) else {f"{name}.{k + 1}": f for k, f in enumerate(entry)}
        found |= parts
    return found


def run_cell(cell: Cell, rounds: int) -> list[Result]:
    """Sample a cell again and again and count what its intervals hold."""
    generator = np.random.default_rng(20_261_126)
    counts: dict[str, Count] = defaultdict(Count)
    for _ in range(rounds):
        for name, figure in cell.sample(generator, cell.rows).items():
            if figure.low is None or figure.high is None or name not in cell.truth:
                continue
            count, truth = counts[name], cell.truth[name]
            slack = 1e-12  # both are sums in float64
            count.there += 1
            count.held += figure.low - slack <= truth <= figure.high + slack
            count.below += figure.high + slack < truth
            count.approximate += figure.approximate
    # a figure that mostly has no value (no positive in the sample, say) is not judged on the rest
    return [
        Result(
            family=cell.family,
            population=cell.population,
            rows=cell.rows,
            name=name,
            samples=count.there,
            coverage=count.held / count.there,
            below=count.below / count.there,
            approximate=count.approximate / count.there,
        )
        for name, count in counts.items()
        if count.there >= 0.9 * rounds
    ]


LOOKS = ("calibrated", "bold", "ties", "weights")


@dataclass(frozen=True, kw_only=True)
class Binormal:
    """Scores of two classes, normal with spread 1 around ±distance/2, told as probabilities in one of several looks."""

    auc: float
    prevalence: float
    look: str
    distance: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance", math.sqrt(2) * float(ndtri(self.auc)))

    @property
    def base_rate(self) -> float:
        """The share of positives by weight."""
        return 2 * self.prevalence / (1 + self.prevalence) if self.look == "weights" else self.prevalence

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """Return what the model says."""
        z = np.round(2 * z) / 2 if self.look == "ties" else z
        odds = math.log(self.base_rate / (1 - self.base_rate)) + self.distance * z
        return np.asarray(expit(2 * odds if self.look == "bold" else odds))

    @property
    def threshold(self) -> float:
        """What the model says halfway between the classes, less rounding."""
        return float(self.probabilities(np.zeros(1))[0]) * (1 - 1e-9)

    def truth(self) -> dict[str, float]:
        """Return the figures of the whole population."""
        edges = np.linspace(-10, 10, 200_001)
        score = self.probabilities((edges[1:] + edges[:-1]) / 2)[::-1]
        masses = [np.diff(ndtr(edges - side * self.distance / 2))[::-1] for side in (1, -1)]
        if self.look == "ties":  # equal scores are one group
            score, place = np.unique(-score, return_inverse=True)
            score, masses = -score, [np.bincount(place, mass) for mass in masses]
        up, down = self.base_rate * masses[0], (1 - self.base_rate) * masses[1]
        yes = score >= self.threshold
        cells = np.array([[down[~yes].sum(), down[yes].sum()], [up[~yes].sum(), up[yes].sum()]])
        tenths = lift_by_decile(up, down).tolist()
        return {
            **{name: float(measure(cells)) for name, measure in BINARY.items()},
            "roc_auc": float(roc_auc(up, down)),
            "pr_auc": float(average_precision(up, down)),
            "ks": float(ks(up, down)),
            "lift": tenths[0],
            **{f"lift_by_decile.{place + 1}": value for place, value in enumerate(tenths)},
            "log_loss": float(up @ log_losses(score) + down @ log_losses(1 - score)),
            "brier": float(up @ (1 - score) ** 2 + down @ score**2),
            "calibration_error": float(calibration_error(up, down, score)),
        }

    def sample(self, generator: np.random.Generator, rows: int) -> Measured:
        """Draw rows and measure them."""
        labels = generator.random(rows) < self.prevalence
        z = generator.standard_normal(rows) + self.distance * (labels - 0.5)
        weights = (1 + labels) * np.exp(0.5 * generator.standard_normal(rows)) if self.look == "weights" else None
        figures = metrics.binary(
            labels, self.probabilities(z), positive=True, threshold=self.threshold, weights=weights
        )
        return flat(figures)


def binary_cells(*, quick: bool) -> Iterator[Cell]:
    """Yield every size, prevalence and strength with calibrated probabilities, and a part of it in the other looks."""
    for look in LOOKS:
        plain = look == "calibrated"
        for auc in (0.6, 0.8, 0.95, 0.99) if plain else (0.8, 0.95):
            for prevalence in (0.5, 0.1, 0.02) if plain else (0.5, 0.1):
                population = Binormal(auc=auc, prevalence=prevalence, look=look)
                truth = population.truth()
                for rows in SIZES[1:3] if not plain else SIZES[:3] if quick else SIZES:
                    yield Cell(
                        family="binary",
                        population=f"{look}, AUC {auc}, {prevalence:.0%} positive",
                        rows=rows,
                        truth=truth,
                        sample=population.sample,
                    )


CLASS_SHARES = np.array([0.4, 0.3, 0.2, 0.1])


def of_classes(effect: float, *, weighted: bool) -> Sample:
    """Make classes whose evidence is normal around 0, and around `effect` in the column of the true class."""

    def sample(generator: np.random.Generator, rows: int) -> Measured:
        truth = np.searchsorted(np.cumsum(CLASS_SHARES)[:-1], generator.random(rows))
        evidence = generator.standard_normal((rows, 4))
        evidence[np.arange(rows), truth] += effect
        odds = np.exp(np.log(CLASS_SHARES) + effect * evidence)
        weights = np.exp(0.5 * generator.standard_normal(rows)) if weighted else None
        return flat(metrics.multiclass(truth, odds / odds.sum(1, keepdims=True), classes=range(4), weights=weights))

    return sample


LABEL_SHARES = np.array([0.5, 0.2, 0.1])


def of_labels(effect: float, *, weighted: bool) -> Sample:
    """Make labels that share a hidden cause, each with its own evidence."""

    def sample(generator: np.random.Generator, rows: int) -> Measured:
        hidden = 0.6 * generator.standard_normal((rows, 1)) + 0.8 * generator.standard_normal((rows, 3))
        truth = hidden > -ndtri(LABEL_SHARES)
        evidence = generator.standard_normal((rows, 3)) + effect * (truth - 0.5)
        probabilities = expit(np.log(LABEL_SHARES / (1 - LABEL_SHARES)) + effect * evidence)
        weights = np.exp(0.5 * generator.standard_normal(rows)) if weighted else None
        figures = metrics.multilabel(truth, probabilities, threshold=0.3, weights=weights)
        return flat(figures)

    return sample


def of_large_sample(sample: Sample, rows: int = 2_000_000) -> dict[str, float]:
    """Return the figures of a sample so large that its own error does not matter."""
    parts = rows // 200_000
    generator = np.random.default_rng(1)
    values: dict[str, list[float]] = defaultdict(list)
    for _ in range(parts):
        for name, figure in sample(generator, rows // parts).items():
            assert figure.value is not None, f"{name} has no value in a sample of {rows // parts} rows"
            values[name].append(figure.value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def cells_of_samples(family: str, make: Callable[..., Sample], *, quick: bool) -> Iterator[Cell]:
    """Yield the cells of several classes or of several labels."""
    for effect, weighted, sizes in ((1.0, False, SIZES[:2]), (2.5, False, SIZES[:3]), (2.5, True, SIZES[1:2])):
        sample = make(effect, weighted=weighted)
        truth = of_large_sample(sample)
        for rows in sizes[:1] if quick else sizes:
            name = f"evidence {effect}{', weights' if weighted else ''}"
            yield Cell(family=family, population=name, rows=rows, truth=truth, sample=sample)


ERRORS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda generator, rows: generator.standard_normal(rows),
    "t, 5 degrees": lambda generator, rows: generator.standard_t(5, rows),
    "t, 3 degrees": lambda generator, rows: generator.standard_t(3, rows),
    "exponential": lambda generator, rows: generator.standard_exponential(rows) - 1,
}


def median_of_exponential() -> float:
    """Return the median of |E - 1| for an exponential E."""
    grid = np.linspace(0.3, 0.9, 600_001)
    return float(grid[np.searchsorted(expon.cdf(1 + grid) - expon.cdf(1 - grid), 0.5)])


# mean square, mean size and median size
MOMENTS = {
    "normal": (1.0, math.sqrt(2 / math.pi), float(ndtri(0.75))),
    "t, 5 degrees": (
        5 / 3,
        2 * math.sqrt(5) * math.gamma(3) / (math.sqrt(math.pi) * math.gamma(2.5) * 4),
        student(5).ppf(0.75),
    ),
    "t, 3 degrees": (3.0, 2 * math.sqrt(3) / math.pi, student(3).ppf(0.75)),
    "exponential": (1.0, 2 / math.e, median_of_exponential()),
}
SPREAD = 0.3  # of the logarithm of the targets, whose mean is 1


def regression_cells(*, quick: bool) -> Iterator[Cell]:
    """Yield log-normal targets with errors of several kinds, half as wide as the targets."""
    mean = math.exp(1 + SPREAD**2 / 2)
    variance = mean**2 * (math.exp(SPREAD**2) - 1)
    unit = 0.5 * math.sqrt(variance)
    for weighted in (False, True):
        for kind, draw in ERRORS.items():
            square, size, median = MOMENTS[kind]

            def sample(
                generator: np.random.Generator,
                rows: int,
                draw: Callable[..., np.ndarray] = draw,
                weighted: bool = weighted,
            ) -> Measured:
                truth = np.exp(1 + SPREAD * generator.standard_normal(rows))
                weights = np.exp(0.5 * generator.standard_normal(rows)) if weighted else None
                return flat(metrics.regression(truth, truth + unit * draw(generator, rows), weights=weights))

            truth = {
                "r2": 1 - unit**2 * square / variance,
                "rmse": unit * math.sqrt(square),
                "mae": unit * size,
                "mape": unit * size * math.exp(-1 + SPREAD**2 / 2),
                "median_absolute_error": unit * median,
            }
            for rows in SIZES[:3] if quick else SIZES:
                name = f"{kind}{', weights' if weighted else ''}"
                yield Cell(family="regression", population=name, rows=rows, truth=truth, sample=sample)


COMPARED = ("accuracy", "mcc", "roc_auc", "pr_auc", "ks", "lift", "log_loss", "calibration_error")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two models of the same rows, whose noise has a correlation of 0.64."""

    first: Binormal
    second: Binormal

    def truth(self) -> dict[str, float]:
        """Return by how much the first is better."""
        better, worse = self.first.truth(), self.second.truth()
        return {name: sign_of(name) * (better[name] - worse[name]) for name in COMPARED}

    def sample(self, generator: np.random.Generator, rows: int) -> Measured:
        """Draw rows and compare both on them."""
        threshold = self.first.prevalence
        labels = generator.random(rows) < threshold
        shared = 0.8 * generator.standard_normal(rows)
        scores = [
            model.probabilities(shared + 0.6 * generator.standard_normal(rows) + model.distance * (labels - 0.5))
            for model in (self.first, self.second)
        ]
        compare = partial(metrics.paired, task="binary", positive=True, threshold=threshold)
        return {name: compare(name, labels, *scores).difference for name in COMPARED}


def sign_of(metric: str) -> int:
    """Return 1 where more is better, else -1."""
    return 1 if metrics.METRICS[metric].higher_is_better else -1


def paired_cells(*, quick: bool) -> Iterator[Cell]:
    """Yield two models that are equally good and two that are not."""
    for auc in (0.856, 0.8):
        for prevalence in (0.5, 0.1):
            models = [Binormal(auc=area, prevalence=prevalence, look="calibrated") for area in (0.856, auc)]
            pair = Pair(first=models[0], second=models[1])
            name = f"AUC 0.856 against {auc}, {prevalence:.0%} positive"
            for rows in SIZES[:1] if quick or auc != 0.8 else SIZES[1:2]:
                yield Cell(family="paired", population=name, rows=rows, truth=pair.truth(), sample=pair.sample)


def all_cells(families: list[str], *, quick: bool) -> Iterator[Cell]:
    """Yield the cells of the families asked for."""
    for family in families:
        yield from CELLS[family](quick=quick)


CELLS: dict[str, Callable[..., Iterator[Cell]]] = {
    "binary": binary_cells,
    "multiclass": partial(cells_of_samples, "multiclass", of_classes),
    "multilabel": partial(cells_of_samples, "multilabel", of_labels),
    "regression": regression_cells,
    "paired": paired_cells,
}


def table(results: list[Result]) -> str:
    """Return Markdown: per figure and size the range of coverage, where figures vouch for it and where not."""
    sizes = sorted({result.rows for result in results})
    lines = [f"| figure | {' | '.join(f'{size:,} rows' for size in sizes)} |", "|---" * (len(sizes) + 1) + "|"]
    for name in dict.fromkeys(result.name for result in results):
        entries = []
        for size in sizes:
            here = [result for result in results if result.name == name and result.rows == size]
            sure = [result.coverage for result in here if not result.is_approximate]
            rest = [result.coverage for result in here if result.is_approximate]
            parts = [f"{span(sure)} ({len(sure)})"] if sure else []
            parts += [f"approximate: {span(rest)} ({len(rest)})"] if rest else []
            entries.append("; ".join(parts) or "-")
        lines.append(f"| {name} | {' | '.join(entries)} |")
    return "\n".join(lines)


def span(shares: list[float]) -> str:
    """Return the range of some shares in percent."""
    low, high = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return low if low == high else f"{low}–{high}"


def outside(results: list[Result]) -> str:
    """Return one line for every cell that covers less or more often than it should without saying so."""
    wrong = [result for result in results if not result.is_right]
    lines = [
        f"- {result.name}, {result.population}, {result.rows:,} rows: {100 * result.coverage:.1f} % "
        f"({100 * result.below:.1f} % lie below; {100 * result.approximate:.0f} % say approximate)"
        for result in wrong
    ]
    return "\n".join([f"{len(results) - len(wrong)} of {len(results)} are right.", *lines])


def main() -> None:
    """Run the cells, keep what came out, and print the tables of all that was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="300 samples, fewer rows")
    parser.add_argument("--rounds", type=int, help="samples per cell")
    parser.add_argument("--family", action="append", choices=list(CELLS))
    parser.add_argument("--only", default="", help="populations whose name has this in it")
    parser.add_argument("--results", type=Path, help="file of results, one JSON object a line, that is added to")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (300 if arguments.quick else ROUNDS)
    started = time.process_time()
    results = []
    for cell in all_cells(arguments.family or list(CELLS), quick=arguments.quick):
        if arguments.only in cell.population:
            results += run_cell(cell, rounds)
    if arguments.results:
        with arguments.results.open("a") as file:
            file.writelines(json.dumps(asdict(result)) + "\n" for result in results)
        results = [Result(**json.loads(line)) for line in arguments.results.read_text().splitlines()]
    for family in dict.fromkeys(result.family for result in results):
        of_family = [result for result in results if result.family == family]
        print(f"### {family}\n\n{table(of_family)}\n\n{outside(of_family)}\n")
    print(f"{rounds:,} samples per cell, {time.process_time() - started:.0f} CPU seconds")


if __name__ == "__main__":
    main()
