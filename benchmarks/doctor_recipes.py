"""How well is what is wrong with a recipe found, named and cured? `fitwell diagnose` on runs with known faults.

    python benchmarks/doctor_recipes.py [--only NAME...] [--seeds 1] [--json recipes.jsonl]

`doctor.py` asks about PyTorch programs; this about runs. A faulty recipe has one or two settings, or a table, that
somebody could have got wrong; its twin is the same table with what Fitwell chooses itself; healthy recipes have other
settings than those, but sound ones. Tables: the examples of this project (`../examples`), and generated ones.

- flagged: a confirmed critical finding.
- named: the first, or one of the first three such findings, is one of what is wrong.
- cured: the run that `cure` leaves has, on test rows, at least 90 % of the twin's way from a constant to the best, by
  the figure that decides; of faults that a recipe can put right.

What is told of a run is asked with its seed; experiments and cures draw their own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import polars as pl

import fitwell as fw
from fitwell.metrics.intervals import wilson

EXAMPLES = Path(__file__).parents[1] / "examples"
Kind = Literal["faulty", "twin", "healthy"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows and what is to be predicted of them."""

    target: str
    frame: Callable[[int], pl.DataFrame]  # of a seed
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A recipe on a table, and what is wrong with it."""

    name: str
    kind: Kind
    table: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    causes: tuple[str, ...] = ()  # all fair names, the main one first
    twin: str | None = None  # the table of its twin, where the table is at fault
    in_the_data: bool = False  # no recipe can cure it


def example(name: str, target: str) -> Table:
    """Return a table of the project's examples."""
    return Table(target=target, frame=lambda seed: pl.read_csv(EXAMPLES / f"{name}.csv", infer_schema=False))


def bent(seed: int, rows: int = 1500) -> pl.DataFrame:
    """Two columns and their product decide, a third says nothing; one answer in twenty is wrong."""
    random = np.random.default_rng(seed)
    a, b, idle = random.normal(size=(3, rows))
    right = a + b + 2 * a * b > 0
    answer = np.where(random.random(rows) < 0.05, ~right, right)
    return pl.DataFrame({"a": a, "b": b, "idle": idle, "answer": np.where(answer, "yes", "no")})


def far_apart(seed: int) -> pl.DataFrame:
    """The same with columns in thousandths and in tens of thousands."""
    return bent(seed).with_columns(pl.col("a") * 1e-3 + 0.02, pl.col("b") * 4e4 + 1e5)


def prices(seed: int, rows: int = 1200) -> pl.DataFrame:
    """A quantity in hundreds of thousands that bends with two of five columns (Friedman's first function)."""
    random = np.random.default_rng(seed)
    x = random.random((rows, 5))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    price = 2e5 + 3e4 * (y - y.mean()) / y.std() + 3e3 * random.normal(size=rows)
    return pl.DataFrame({f"x{place}": x[:, place] for place in range(5)} | {"price": price})


def shuffled(seed: int) -> pl.DataFrame:
    """The bent table with its answers dealt out anew."""
    random = np.random.default_rng(seed + 1)
    return bent(seed).with_columns(answer=pl.Series(random.permutation(bent(seed)["answer"].to_numpy())))


def told_beforehand(seed: int) -> pl.DataFrame:
    """The bent table with a column that was filled in once the answer was known."""
    random = np.random.default_rng(seed + 1)
    known = (bent(seed)["answer"] == "yes").cast(pl.Float64).to_numpy()
    return bent(seed).with_columns(settled=known * random.uniform(20, 90, len(known)))


TABLES: dict[str, Table] = {
    "credit": example("german_credit", "class"),
    "penguins": example("penguins", "species"),
    "churn": example("telco_churn", "Churn"),
    "bent": Table(target="answer", frame=bent),
    "far apart": Table(target="answer", frame=far_apart),
    "prices": Table(target="price", frame=prices),
    "shuffled": Table(target="answer", frame=shuffled),
    "told beforehand": Table(target="answer", frame=told_beforehand),
}
LOW = ("learning_rate_too_low", "stopped_too_early", "not_learning")
HIGH = ("learning_rate_too_high", "unstable_loss", "exploding_gradients")
PLAIN = {"network.number_embedding": "none", "network.normalization": "none", "network.residual": False}
STEADY = {"training.schedule": "constant"}


def faulty(name: str, table: str, settings: Mapping[str, Any], *causes: str, **more: Any) -> Program:
    """Return a faulty program."""
    return Program(name=name, kind="faulty", table=table, settings=settings, causes=causes, **more)


PROGRAMS: tuple[Program, ...] = (
    faulty("a millionth as rate", "credit", {"training.learning_rate": 1e-6}, *LOW),
    faulty("plain descent at a hundred-thousandth", "bent",
           {"training.optimizer": "sgd", "training.learning_rate": 1e-5}, *LOW),
    faulty("a rate of three", "bent", {"training.learning_rate": 3.0, **STEADY}, *HIGH),
    faulty("plain descent at fifty", "prices",
           {"training.optimizer": "sgd", "training.learning_rate": 50.0, "training.momentum": 0.0, **PLAIN, **STEADY},
           *HIGH),
    faulty("momentum that never rests", "bent",
           {"training.optimizer": "sgd", "training.momentum": 0.999, "training.learning_rate": 0.05, **STEADY}, *HIGH),
    faulty("one epoch of prices", "prices", {"training.epochs": 1}, "stopped_too_early", "learning_rate_too_low"),
    faulty("two epochs in one batch", "bent", {"training.epochs": 2, "training.batch_size": "full"},
           "stopped_too_early", "batch_size", "learning_rate_too_low"),
    faulty("three steps", "churn", {"training.maximum_steps": 3}, "stopped_too_early", "learning_rate_too_low"),
    faulty("nearly everything dropped", "bent", {"network.dropout": 0.97}, "underfitting"),
    faulty("decay that leaves nothing", "prices", {"training.weight_decay": 500.0}, "underfitting"),
    faulty("a penalty on every weight", "bent", {"training.l1": 0.5}, "underfitting"),
    faulty("noise ten times the inputs", "prices", {"training.input_noise": 10.0}, "underfitting"),
    faulty("one unit", "bent", {"network.hidden": [1], **PLAIN}, "underfitting"),
    faulty("a linear network", "bent", {"network.activation": "identity", **PLAIN},
           "missing_activation", "underfitting"),
    faulty("columns as they are", "far apart", {"data.numbers": "none", **PLAIN}, "unscaled_inputs"),
    faulty("prices as they are", "prices",
           {"data.target_scaling": "none", "training.epochs": 40}, "unscaled_targets", "learning_rate_too_low"),
    faulty("twelve layers of sigmoids", "bent",
           {"network.hidden": [32] * 12, "network.activation": "sigmoid", **PLAIN},
           "vanishing_gradients", "saturated_units", "not_learning"),
    faulty("first weights a hundred times too large", "prices",
           {"network.initialization_scale": 100.0, "network.activation": "tanh", **PLAIN},
           "poor_initialization", "saturated_units"),
    faulty("first weights of nearly nothing", "bent",
           {"network.initialization_scale": 1e-4, "network.hidden": [64, 64, 64], **PLAIN},
           "poor_initialization", "vanishing_gradients", "learning_rate_too_low"),
    faulty("gradients cut to nothing", "prices",
           {"training.optimizer": "sgd", "training.learning_rate": 0.01, "training.clip_norm": 1e-5},
           *LOW, "unstable_loss"),
    faulty("one class that counts for nothing", "penguins",
           {"training.class_weights": {"Adelie": 1.0, "Chinstrap": 1e-4, "Gentoo": 1.0}}, "class_imbalance"),
    faulty("the ninety-fifth percentile for the middle", "prices",
           {"training.loss": "quantile", "training.quantile": 0.95}, "wrong_loss"),
    faulty("slow and dropped", "bent", {"training.learning_rate": 1e-5, "network.dropout": 0.95},
           "learning_rate_too_low", "underfitting", "stopped_too_early"),
    faulty("columns as they are, and too fast", "far apart",
           {"data.numbers": "none", "training.learning_rate": 1.0, **PLAIN, **STEADY},
           "unscaled_inputs", "learning_rate_too_high"),
    faulty("deep tanh at a ten-thousandth", "prices",
           {"network.hidden": [24] * 10, "network.activation": "tanh", "training.learning_rate": 1e-5, **PLAIN},
           "learning_rate_too_low", "vanishing_gradients", "stopped_too_early"),
    faulty("answers dealt out anew", "shuffled", {}, "label_noise", twin="bent", in_the_data=True),
    faulty("a column from afterwards", "told beforehand", {}, "target_leakage", twin="bent", in_the_data=True),
    *(Program(name=f"{name}, by default", kind="twin", table=name) for name in
      ("credit", "penguins", "churn", "bent", "far apart", "prices")),
    *(Program(name=name, kind="healthy", table=table, settings=settings) for name, table, settings in (
        ("one sigmoid layer", "bent", {"network.hidden": [64], "network.activation": "sigmoid"}),
        ("two tanh layers", "prices", {"network.hidden": [64, 64], "network.activation": "tanh"}),
        ("relu without extras", "prices", {"network.activation": "relu", **PLAIN}),
        ("batch normalization", "churn", {"network.normalization": "batch"}),
        ("plain descent with momentum", "prices", {"training.optimizer": "sgd", "training.learning_rate": 0.03}),
        ("batches of eight", "credit", {"training.batch_size": 8}),
        ("large batches", "churn", {"training.batch_size": 1024}),
        ("a third of the usual rate", "bent", {"training.learning_rate": 3e-4}),
        ("a large rate that anneals", "bent", {"training.learning_rate": 1e-2, "training.schedule": "cosine"}),
        ("dropout of a third", "prices", {"network.dropout": 0.3}),
        ("a narrow network", "credit", {"network.hidden": [16]}),
        ("a wide network", "penguins", {"network.hidden": [512, 512]}),
        ("weighted classes", "churn", {"training.class_weights": "balanced"}),
        ("labels smoothed a little", "penguins", {"training.label_smoothing": 0.1}),
        ("absolute errors", "prices", {"training.loss": "absolute_error"}),
        ("a penalty that is usual", "bent", {"training.l2": 1e-4}),
        ("gradients cut at one", "prices", {"training.clip_norm": 1.0}),
        ("columns as they are, where that does no harm", "bent", {"data.numbers": "none"}),
    )),
)  # fmt: skip


def examined(program: Program, seed: int, folder: Path) -> dict[str, Any]:
    """Return what is said of a program's run, and what its cure reaches."""
    run, seconds = trained(program.table, program.settings, seed, folder / "run")
    begun = time.process_time()
    diagnosis = fw.diagnose(run)
    diagnosed = time.process_time() - begun
    said = [each.symptom for each in diagnosis.findings if each.decides]
    answer: dict[str, Any] = {
        "program": program.name, "kind": program.kind, "seed": seed, "said": said, "skill": skill_of(run),
        "trainings": diagnosis.trainings, "times": diagnosed / seconds, "causes": program.causes,
        "cured": None, "twin": None,
    }  # fmt: skip
    if program.kind == "faulty" and not program.in_the_data:
        cured = fw.cure(run)
        answer["cured"] = None if cured.run is None else skill_of(cured.run)
        twin, _ = trained(program.twin or program.table, {}, seed, folder / "twin")
        answer["twin"] = skill_of(twin)
    return answer


def trained(table: str, settings: Mapping[str, Any], seed: int, out: Path) -> tuple[Any, float]:
    """Return a run on a table, and the CPU seconds that it took."""
    path = out.with_suffix(".csv")
    TABLES[table].frame(seed).write_csv(path)
    begun = time.process_time()
    target = TABLES[table].target
    run = fw.train(path, target=target, settings={**TABLES[table].settings, **settings, "seed": seed}, out=out)
    return run, time.process_time() - begun


def skill_of(run: Any) -> float:
    """Return how far the deciding figure is on the way from the best constant to perfection, on test rows."""
    primary = run.evaluation["primary"]["metric"]
    value = run.evaluation["metrics"][primary]["value"]
    known = run.evaluation["baselines"]
    constants = [known[name]["metrics"][primary]["value"] for name in CONSTANTS if name in known]
    best = 0.0 if primary in LOWER else 1.0
    constant = (min if primary in LOWER else max)(constants)
    return float((constant - value) / (constant - best))


CONSTANTS = ("majority", "mean", "median")
LOWER = ("rmse", "mae", "log_loss")


def summary(answers: list[dict[str, Any]]) -> str:
    """Return the table of all answers."""
    sick = [each for each in answers if each["kind"] == "faulty"]
    sound = [each for each in answers if each["kind"] != "faulty"]
    curable = [each for each in sick if each["twin"] is not None]
    rows = [
        ("faulty flagged", [bool(each["said"]) for each in sick]),
        ("defaults and healthy flagged", [bool(each["said"]) for each in sound]),
        ("true cause first", [bool(each["said"]) and each["said"][0] in each["causes"] for each in sick]),
        ("true cause among three", [any(said in each["causes"] for said in each["said"][:3]) for each in sick]),
        ("cured to within 10 % of the twin",
         [each["cured"] is not None and each["cured"] >= 0.9 * each["twin"] for each in curable]),
    ]  # fmt: skip
    lines = ["| | |", "|---|---|"]
    for name, hits in rows:
        if hits:
            low, high = wilson(sum(hits) / len(hits), size=len(hits), confidence=0.95)
            lines.append(f"| {name} | {sum(hits)} of {len(hits)} ({low:.0%} to {high:.0%}) |")
    for name, some in (("a sound one", sound), ("a faulty one", sick)):
        if some:
            work, times = median(each["trainings"] for each in some), median(each["times"] for each in some)
            lines.append(f"| {name}: trainings; CPU time against `train` (medians) | {work:.1f}; {times:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Ask about every program and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    answers: list[dict[str, Any]] = []
    for program in PROGRAMS:
        if asked.only and program.name not in asked.only:
            continue
        for seed in range(asked.seeds):
            with tempfile.TemporaryDirectory() as folder:
                answers.append(answer := examined(program, seed, Path(folder)))
            cured = "" if answer["twin"] is None else f"  cured {answer['cured'] or 0:.3f} of {answer['twin']:.3f}"
            said = ", ".join(answer["said"]) or "nothing"
            cost = f"{answer['trainings']:.1f} trainings, {answer['times']:.1f} times"
            print(f"{program.kind:8} {program.name:45} {answer['skill']:.3f}  {said}  ({cost}){cured}", flush=True)
            if asked.json:
                with asked.json.open("a") as file:
                    file.write(json.dumps(answer) + "\n")
    print("\n" + summary(answers))


if __name__ == "__main__":
    main()
