"""Whatever is wrong with the request, the data or the surroundings is said in one line, and leaves nothing behind."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import fitwell as fw
from fitwell.cli import run
from fitwell.errors import RequestError

ROWS = 120
CELLS = "".join(
    f"{i % 17},{'red' if i % 3 else 'blue'},{i % 5},{'yes' if i * 7 % 11 > 4 else 'no'}\n" for i in range(ROWS)
)
TABLE = "x,color,z,y\n" + CELLS
QUICK = "--set training.epochs=1 --set network.hidden=[4]"
TRAIN = f"train t.csv --target y {QUICK}"
MADE = f"train d.csv --target y {QUICK}"
RECIPE = f"{TRAIN} --recipe r.yaml"


@dataclass(frozen=True)
class Case:
    """What is there (beside the good table t.csv), what is typed, and what the one line must say."""

    command: str
    says: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    make: Callable[[], None] | None = None


def column(cells: Callable[[int], object], rows: int = 60) -> str:
    """A table of a feature x with these cells and a target of two classes."""
    return "x,y\n" + "".join(f"{cells(i)},{'ab'[i * 7 % 11 > 5]}\n" for i in range(rows))


def target(cells: Callable[[int], object], rows: int = 60) -> str:
    """A table of a plain feature and a target with these cells."""
    return "x,y\n" + "".join(f"{i % 7},{cells(i)}\n" for i in range(rows))


def half_a_parquet() -> None:
    pl.DataFrame({"x": range(1000), "y": ["a", "b"] * 500}).write_parquet("d.parquet")
    whole = Path("d.parquet").read_bytes()
    Path("d.parquet").write_bytes(whole[: len(whole) // 2])


def copied_into(folder: str) -> None:
    Path(folder).mkdir()
    shutil.copy("t.csv", folder)


DATA = {
    "no such file": Case("train churn.csv --target y", "there is no file churn.csv; check the path"),
    "a file of nearly that name": Case("train tt.csv --target y", 'there is no file tt.csv; did you mean "t.csv"?'),
    "a folder without data": Case(
        "train f --target y", "f has none: it is empty; name one file", make=lambda: Path("f").mkdir()
    ),
    "an empty file": Case(MADE, "d.csv is empty; a table needs a header", {"d.csv": ""}),
    "a header only": Case(MADE, "has a header (2 columns) but no rows", {"d.csv": "x,y\n"}),
    "ragged rows": Case(MADE, "line 3 has 1 where the header has 2; is a delimiter", {"d.csv": "x,y\n1,2\n3\n"}),
    "a name twice": Case(MADE, 'columns 1 and 3 are both "x"; rename one', {"d.csv": "x,y,x\n1,2,3\n"}),
    "binary junk": Case(MADE, "holds binary data", {"d.csv": bytes(range(256)) * 10}),
    "a truncated Parquet": Case("train d.parquet --target y", "it is truncated after", make=half_a_parquet),
    "an absent target": Case(
        "train t.csv --target churn", 'the column "churn", which does not exist; there are "x", "color", "z", "y"'
    ),
    "a target in capitals": Case("train t.csv --target Y", 'the column "Y", which does not exist; did you mean "y"?'),
    "no target": Case("train t.csv", "a target must be named, the column to predict; try --target NAME"),
    "a target all missing": Case(MADE, "all 60 cells are missing; name another", {"d.csv": target(lambda i: "")}),
    "a target of markers": Case(MADE, "all 60 cells are missing; name another", {"d.csv": target(lambda i: "NA")}),
    "a target of one class": Case(MADE, 'but all are "a"; name another target', {"d.csv": target(lambda i: "a")}),
    "a target of one number": Case(MADE, 'but all are "1.5"; name another', {"d.csv": target(lambda i: 1.5)}),
    "one row": Case(MADE, 'at least two different values, but all are "a"', {"d.csv": target(lambda i: "a", 1)}),
    "two rows": Case(MADE, "need at least 3 rows, but there are 2", {"d.csv": target(lambda i: "ab"[i], 2)}),
    "one row per class": Case(
        MADE,
        'classes that repeat, but its 20 rows are all different, such as "a"',
        {"d.csv": target(lambda i: chr(97 + i), 20)},
    ),
    "text where a number is declared": Case(
        f"{TRAIN} --set data.columns.color.kind=number",
        'column "color" is declared a number, but row 1 reads "blue"; correct the cell',
    ),
    "an infinite cell": Case(
        MADE, 'finite numbers, but row 4 reads "inf"', {"d.csv": column(lambda i: "inf" if i == 3 else i % 7)}
    ),
    "a huge cell": Case(
        MADE, 'finite numbers, but row 4 reads "1e400"', {"d.csv": column(lambda i: "1e400" if i == 3 else i % 7)}
    ),
    "an infinite target": Case(
        MADE, 'finite numbers, but row 4 reads "inf"', {"d.csv": target(lambda i: "inf" if i == 3 else i * 1.5)}
    ),
    "constant features": Case(MADE, 'every other column is left out: "x": all cells', {"d.csv": column(lambda i: 1)}),
    "the target alone": Case(MADE, "no columns besides the target; add columns", {"d.csv": "y\na\nb\n" * 9}),
    "every feature dropped": Case(
        f"{TRAIN} --drop x --drop color --drop z", 'every other column is left out: "x": left out by data.drop'
    ),
    "a column with a line end": Case(
        MADE,
        r'column "a\nb" must hold finite',
        {"d.csv": column(lambda i: "inf" if i == 3 else i % 7).replace("x,", '"a\nb",')},
    ),
    "a name with terminal codes": Case("train \x1b[2J.csv --target y", r"there is no file \x1b[2J.csv"),
    "a column named like markup": Case(
        "train d.csv --target [bod]", 'did you mean "[bold]"?', {"d.csv": "[bold],<script>,😀\n1,2,3\n"}
    ),
}

SETTINGS = {
    "training.learning_rate=fast": 'must be a number above 0, or auto or usual, but is "fast"',
    "training.learning_rate=.nan": "must be a number above 0, or auto or usual, but is nan",
    "training.epochs=2.5": "must be a whole number of at least 1, or auto, but is 2.5",
    "training.epochs=1e400": 'must be a whole number of at least 1, or auto, but is "1e400"',
    "training.epochs=": "must be a whole number of at least 1, or auto, but is nothing",
    "training.threads=100000": "at least 1 and at most 1,024, or auto, but is 100000",
    "network.hidden=64": "must be a list, each a whole number of at least 1, or auto, but is 64",
    "network.hidden=[64,-1]": "but entry 2 is -1",
    "network.activation=rleu": 'tanh, identity or auto, but is "rleu"; did you mean "relu"?',
    "network.residual=perhaps": 'must be true or false, or auto, but is "perhaps"',
    "device=tpu": 'device must be auto, cpu, cuda or cuda:1 (or another number), but is "tpu"',
    "device=cuda:99": 'device is "cuda:99", but torch cannot compute there',
    "seed=99999999999": "below 2,147,483,648, but is 99999999999",
    "members=0": "at least 1 and at most 10,000, but is 0",
    "training.class_weights={no: 1}": "names must be text, but one is false (YAML takes yes, no,",
    "training.class_weights={maybe: 1}": 'training.class_weights names "maybe", which is no class',
    "training.learning_rat=1": 'no setting is called "training.learning_rat"; did you mean "training.learning_rate"?',
    "epochs=3": 'no setting is called "epochs"; did you mean "training.epochs"?',
    "zzz=3": 'no setting is called "zzz"; `fitwell explain` lists them all',
    "training.epochs": '--set must be name=value, but is "training.epochs"; try --set training.learning_rate=0.01',
    "training.epochs=[": '--set training.epochs: the value must be YAML, but is "["',
    "data.columns.color.knid=number": 'did you mean "data.columns.color.kind"?',
    "data.columns.color.kind=nmber": "data.columns.color.kind must be one of number, category, boolean",
    "data.columns.colour.kind=number": 'names the column "colour", which does not exist; did you mean "color"?',
    "data.drop=[colour]": 'data.drop names the column "colour", which does not exist; did you mean "color"?',
    "data.folds=1000": "1000 folds need at least 1000 rows, but there are 120",
    "training.loss=huber": "training.loss is huber, which does not fit targets that are labels; try cross_entropy",
    "version=2": "version must be 1, but is 2",
}

CONTRADICTIONS = {
    "data.validation_share=0": "validation rows decide which weights are kept; try 0.15",
    "data.validation_share=0.5 data.test_share=0.45": "leave less than a tenth of the rows to train on",
    "data.split=grouped": "data.split is grouped, which needs data.group",
    "data.split=time": "data.split is time, which needs data.time",
    "data.split=given": "data.split is given, which needs data.test",
    "data.group=x data.time=z": "data.group and data.time each decide the split",
    "data.folds=1": "data.folds is 1, but cross-validation needs at least 2",
    "data.folds=3 data.test=t.csv": "but data.test names a test file; keep one",
    "data.weight=y": 'data.weight is "y", which is the target',
    "data.group=y": 'data.group is "y", which is the target',
    "data.time=y": 'data.time is "y", which is the target',
    "data.drop=[y]": 'data.drop names the target "y"',
    "training.nesterov=true training.optimizer=sgd training.momentum=0": "but training.momentum is 0",
    "training.optimizer=adam training.weight_decay=0.1": "but adam has no decoupled decay",
    "network.series.family=lstm training.execution=mapped": "whose kernels run one member after another",
    "training.image_precision=bfloat16 training.execution=mapped": "cannot be mapped over members, but training.exec",
    "network.series.bidirectional=true network.series.family=convolutional": "only with gru, lstm, rnn",
    "training.compile=always training.execution=mapped": "training.compile is always, but training.execution is mapped",
    "training.compile=never training.execution=compiled": "is compiled, but training.compile is never",
    "training.compile=always training.redraw_fraction=0.1": "draws weights anew outside of a compiled step",
    "training.accumulation=8 training.batch_size=4": "divides a batch into 8 parts, but training.batch_size is 4",
    "training.accumulation=0": "training.accumulation",
    "network.normalization=batch training.accumulation=3 training.batch_size=5": "which needs more than 1 row, but",
    "training.members_at_once=2 training.execution=eager": "no effect while training.execution is eager",
    "network.normalization=batch training.batch_size=1": "needs more than the 1 row of training.batch_size",
    "training.optimizer=sgd training.beta1=0.5": "no effect while training.optimizer is sgd (only with adam, adamw",
    "decision.false_positive_cost=2": "decision.false_positive_cost is 2, but decision.false_negative_cost is not set",
    "decision.threshold=cost": "decision.threshold is cost, which needs decision.false_positive_cost and",
    "decision.threshold=recall": "decision.threshold is recall, which needs decision.at_least; set it, such as 0.9",
    "decision.threshold=f1 decision.at_least=0.9": "no effect while decision.threshold is f1 (only with precision, rec",
    "decision.coverage=0.8": "decision.coverage is 0.8, but it has no effect while task is binary (only with regressi",
    "task=multiclass decision.calibration=isotonic": "which follows one probability, but task is multiclass; try logi",
    "network.activation=relu network.leaky_slope=0.2": "no effect while network.activation is relu (only with leaky_",
}

RECIPES: dict[str, tuple[str | bytes, str]] = {
    "not YAML": ("a: [1\nb: 2", "r.yaml must be YAML, but is not: line 2, column 2: "),
    "not text": (b"\xff\xfe\x00seed", "r.yaml must be UTF-8 text, but byte 1 is 0xFF; save it as UTF-8"),
    "a zero byte": (b"seed: 0\x00", "r.yaml must be YAML, but is not"),
    "too deep": ("[" * 1_000_000 + "]" * 1_000_000, "is not: it is nested too deeply; correct it there"),
    "within itself": ("seed: &a [*a]", "must not hold themselves"),
    "a tag of Python": ("a: !!python/object/apply:os.system ['x']", "could not determine a constructor for the tag"),
    "a list": ("- 1\n- 2", "must be a mapping of settings, but is [1, 2]; try 'seed: 0'"),
    "an unknown key": ("frobnicate: 1", 'no setting is called "frobnicate"; `fitwell explain` lists them all'),
    "a mistyped key": ("training: {epohcs: 1}", 'called "training.epohcs"; did you mean "training.epochs"?'),
    "a mistyped group": ("trainin: {epochs: 1}", 'no setting is called "trainin"; did you mean "training"?'),
    "a key twice": ("seed: 1\nseed: 2", 'has "seed" twice in one group; keep one'),
    "a value for a group": (
        "training: 3",
        "training must be a group of settings (loss, focal_gamma, huber_delta, ...)",
    ),
    "a target twice": ("target: [y, y]", 'the target "y" is named 2 times; name it once'),
    "a newer version": ("version: 2", "has format version 2, but this Fitwell reads up to 1; upgrade fitwell"),
}

WEIGHTS = "x,w,y\n" + "".join(f"{i % 7},{-1 if i == 3 else 1},{'ab'[i % 2]}\n" for i in range(50))
REQUESTS = {
    "an absent recipe": Case(RECIPE, "there is no recipe r.yaml; `fitwell recipe` writes one"),
    "a folder as recipe": Case(RECIPE, "the recipe r.yaml cannot be read: Is a", make=lambda: Path("r.yaml").mkdir()),
    "an unknown command": Case("trian t.csv", "no such command 'trian'; did you mean 'train'? See: fitwell --help"),
    "an unknown option": Case(f"{TRAIN} --sede 3", "no such option: --sede"),
    "no data named": Case("train --target y", "missing argument 'data'; see: fitwell train --help"),
    "too much data named": Case("train t.csv u.csv", "unexpected extra argument(s) (u.csv); see: fitwell train --help"),
    "an option without its value": Case("train t.csv --target", "option '--target' requires an argument"),
    "a wordy seed": Case(f"{TRAIN} --seed x", "invalid value for '--seed'"),
    "a wrong time limit": Case(
        f"{TRAIN} --time-limit soon", 'a duration such as 90s, 10m or 2h, above 0, but is "soon"'
    ),
    "a negative time limit": Case(
        f"{TRAIN} --time-limit -5", 'a duration such as 90s, 10m or 2h, above 0, but is "-5"'
    ),
    "a wrong goal": Case(f"{TRAIN} --goal rankng", 'but is "rankng"; did you mean "ranking"?'),
    "a wrong task": Case(f"{TRAIN} --task classes", "task must be one of binary, multiclass, multilabel, regression"),
    "a task of other targets": Case(f"{TRAIN} --task multiclass", 'task is multiclass, but "y" has two classes'),
    "an absent GPU": Case(f"{TRAIN} --device cuda:77", 'device is "cuda:77", but torch cannot compute there'),
    "negative weights": Case(f"{MADE} --weight w", '"w" is -1.0 in row 4; name another', {"d.csv": WEIGHTS}),
    "weights in words": Case(
        f"{MADE} --weight w",
        'data.weight names "w", which must hold numbers',
        {"d.csv": WEIGHTS.replace("-1", "heavy")},
    ),
    "absent weights": Case(f"{TRAIN} --weight w", 'data.weight names the column "w", which does not exist'),
    "the target as weights": Case(f"{TRAIN} --weight y", 'data.weight is "y", which is the target'),
    "an absent group": Case(f"{TRAIN} --group colr", 'does not exist; did you mean "color"?'),
    "one group": Case(
        f"{MADE} --group g",
        "3 parts need 3 groups, but there are 1",
        {"d.csv": column(lambda i: f"{i % 7},1").replace("x", "x,g")},
    ),
    "a time of colors": Case(f"{TRAIN} --time color", "must hold dates or numbers, but its kind is category"),
    "an absent test file": Case(f"{TRAIN} --test t2.csv", 't2.csv; did you mean "t.csv"?'),
    "a test file with other columns": Case(
        f"{TRAIN} --test u.csv",
        'u.csv must have the columns of t.csv, but lacks "x" and 3 more',
        {"u.csv": "a,b\n1,2\n"},
    ),
    "an --out that exists": Case(
        f"{TRAIN} --out r", "--out r exists; choose another folder", make=lambda: Path("r").mkdir()
    ),
    "an --out in a file": Case(
        f"{TRAIN} --out r/s", "a file is where a folder must be; choose another place", {"r": ""}
    ),
    "a network beyond memory": Case(
        "train t.csv --target y --set network.hidden=[1000000,100000000]", "the memory does not suffice; try fewer rows"
    ),
    "a recipe into nowhere": Case("recipe t.csv --target y -o no/r.yaml", "there is no folder no; make it first"),
    "absent labels": Case("metrics t.csv --label yy --score x", 'no column "yy"; did you mean "y"?'),
    "scores in words": Case("metrics t.csv --label y --score color", 'row 1 of "color" has none'),
    "a misspelled rule": Case("metrics t.csv --label y --score x --threshold youdn", 'did you mean "youden"?'),
    "a rule without its aim": Case(
        "metrics t.csv --label y --score x --threshold recall", "needs the recall to reach, above 0 and at most 1, but"
    ),
    "one cost of two": Case(
        "metrics t.csv --label y --score x --false-positive-cost 2", "--false-negative-cost go together, but one is"
    ),
    "labels of five kinds": Case("metrics t.csv --label z --score x", "two different labels, but there are 5"),
    "no threshold": Case(
        "metrics t.csv --label y --score x --threshold nan",
        '--threshold must be a number or a rule (f1, youden, cost, precision, recall), but is "nan"; try 0.5',
    ),
    "an unknown topic": Case("explain learnin_rate", 'no topic is called "learnin_rate"; did you mean'),
}

USES = {
    "no such run": Case("predict nope t.csv", "no run at nope; `fitwell runs` lists the runs there are"),
    "a run of nearly that name": Case("predict rum t.csv", 'no run at rum; did you mean "run"?'),
    "a folder that is no run": Case(
        "predict f t.csv", "f is not a run: it has no recipe.yaml", make=lambda: Path("f").mkdir()
    ),
    "a file as run": Case("predict t.csv t.csv", "t.csv is a file, not the folder of a run"),
    "rows without a column": Case(
        "predict run p.csv", 'p.csv has no column "z"; its columns are', {"p.csv": "x,color\n1,red\n"}
    ),
    "rows with a misnamed column": Case(
        "predict run p.csv -o q.csv", 'has no column "color"; did you mean "Color"?', {"p.csv": "x,Color,z\n1,red,2\n"}
    ),
    "text in a number": Case(
        "predict run p.csv",
        'column "x" holds numbers, but row 2 reads "abc"',
        {"p.csv": "x,color,z\n1,red,2\nabc,red,3\n"},
    ),
    "an unknown format": Case("predict run t.csv -o q.xlsx", '"q.xlsx" ends otherwise; choose one of these'),
    "a folder that is not there": Case("predict run t.csv -o no/q.csv", "there is no folder no; make it first"),
    "the data as output": Case(
        "predict run t.csv -o ./t.csv", "--output t.csv is the data itself, which would be lost"
    ),
    "a file of the data as output": Case(
        "predict run f -o f/t.csv", "--output f/t.csv is the data itself", {}, make=lambda: copied_into("f")
    ),
    "a folder as output": Case("predict run t.csv -o run", "run cannot be written: it is a folder; name a file in it"),
    "rows without labels": Case("evaluate run p.csv", 'the column "y" is missing', {"p.csv": "x,color,z\n1,red,2\n"}),
    "labels never seen": Case(
        "evaluate run p.csv",
        'one of the classes known from training ("no", "yes")',
        {"p.csv": "x,color,z,y\n1,red,2,maybe\n"},
    ),
    "an absent run to compare": Case("compare run rum", 'no run at rum; did you mean "run"?'),
    "one run to compare": Case("compare run", "at least two runs are needed to compare; `fitwell runs` lists the runs"),
    "nothing to compare": Case("compare", "missing argument 'runs'; see: fitwell compare --help"),
    "an absent metric to compare by": Case("compare run run --metric rocauc", 'did you mean "roc_auc"?'),
    "a metric of several figures": Case(
        "compare run run --metric lift_by_decile", '"lift_by_decile" is no metric that compares binary predictions'
    ),
    "a picture of an unknown format": Case(
        "compare run run -o c.pdf", 'written as one of .svg, .png, but "c.pdf" ends otherwise; choose one of these'
    ),
    "a picture in a folder that is not there": Case(
        "compare run run -o no/c.svg", "there is no folder no; make it first"
    ),
}


def in_run(name: str, change: Callable[[bytes], bytes] | None) -> Callable[[], None]:
    """Change a file of the run, or remove it."""

    def make() -> None:
        path = Path("run") / name
        if change is None:
            path.unlink()
        else:
            path.write_bytes(change(path.read_bytes()))

    return make


def newer(name: str) -> Callable[[], None]:
    """Give a file of the run a newer version, with the right checksum: what a later Fitwell would leave."""

    def make() -> None:
        path = Path("run") / name
        before, text = path.read_bytes(), path.read_text().replace("version: 1", "version: 2", 1)
        path.write_text(text.replace('"version": 1', '"version": 2', 1))
        sums = Path("run/checksums.json")
        old, new = (hashlib.sha256(content).hexdigest() for content in (before, path.read_bytes()))
        sums.write_text(sums.read_text().replace(old, new))

    return make


def rewritten(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[], None]:
    """Write what comes of the values of one of the run's JSON files, with the right checksum."""

    def make() -> None:
        path, sums = Path("run") / name, Path("run/checksums.json")
        before = path.read_bytes()
        path.write_text(json.dumps(change(json.loads(before))))
        if name != sums.name:
            old, new = (hashlib.sha256(content).hexdigest() for content in (before, path.read_bytes()))
            sums.write_text(sums.read_text().replace(old, new))

    return make


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda values: {key: value for key, value in values.items() if key != name}


# name of the file and of the damage: what is written instead, and what is said of it
WRONG_SHAPES: dict[tuple[str, str], tuple[Callable[[dict[str, Any]], object], str]] = {
    **{
        ("data.json", f"without {name}"): (without(name), f'run/data.json is damaged: it has no "{name}"')
        for name in ("source", "path", "fingerprint", "test", "schema", "targets", "split", "version")
    },
    ("data.json", "a list"): (lambda values: [], "damaged: it must hold a mapping, but holds a list"),
    ("data.json", "targets in words"): (lambda values: {**values, "targets": "y"}, '"targets" must be a mapping, but'),
    ("data.json", "targets of nothing"): (
        lambda values: {**values, "targets": {}},
        "data.json is damaged (its targets",
    ),
    ("data.json", "no split"): (lambda values: {**values, "split": {}}, 'it has no "split.fingerprint"'),
    ("data.json", "a wordy version"): (lambda values: {**values, "version": "1"}, '"version" must be a whole number'),
    ("encoders.json", "a number"): (lambda values: 7, "must hold a mapping, but holds a number"),
    ("encoders.json", "without encoders"): (without("encoders"), 'it has no "encoders"'),
    ("encoders.json", "encoders of nothing"): (lambda values: {**values, "encoders": [3]}, "run is damaged ("),
    ("checksums.json", "a list"): (
        lambda values: {**values, "sha256": []},
        '"sha256" must be a mapping, but is a list',
    ),
    ("checksums.json", "lists"): (lambda values: {**values, "sha256": {"data.json": []}}, "is not the file that"),
    ("checksums.json", "a next of words"): (lambda values: {**values, "next": "x"}, '"next" must be a mapping'),
}

CHECKED = ("recipe.yaml", "data.json", "encoders.json", "model.safetensors", "decision.json")
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "edited": lambda content: content[:-2] + bytes([content[-2] ^ 1]) + content[-1:],
}
DAMAGED = (
    {
        f"{name} {how}": Case(
            "predict run t.csv", f"run/{name} is not the file that training wrote", make=in_run(name, change)
        )
        for name in CHECKED
        for how, change in DAMAGES.items()
    }
    | {
        f"{name} lost": Case("predict run t.csv", f"it has no {name}; restore it", make=in_run(name, None))
        for name in ("recipe.yaml", "data.json", "encoders.json", "model.safetensors", "decision.json")
    }
    | {
        f"{name} of a newer Fitwell": Case(
            "predict run t.csv", "has format version 2, but this Fitwell reads up to 1; upgrade", make=newer(name)
        )
        for name in ("recipe.yaml", "data.json", "encoders.json", "decision.json", "checksums.json")
    }
    | {
        f"{name} {how}": Case("predict run t.csv", says, make=rewritten(name, change))
        for (name, how), (change, says) in WRONG_SHAPES.items()
    }
    | {
        "a schema of nothing": Case(
            "evaluate run t.csv",
            "run/data.json is damaged (its schema: ",
            make=rewritten("data.json", lambda values: {**values, "schema": {}}),
        ),
        "checksums.json truncated": Case(
            "predict run t.csv", "run/checksums.json is damaged", make=in_run("checksums.json", DAMAGES["truncated"])
        ),
        "checksums.json lost": Case(
            "predict run t.csv", "run is damaged: it has no checksums.json", make=in_run("checksums.json", None)
        ),
        "a finished run resumed without its model": Case(
            "resume run", "it has no model.safetensors; restore it", make=in_run("model.safetensors", None)
        ),
    }
)

CASES = {
    **DATA,
    **{f"--set {text}": Case(f"{TRAIN} --set {shlex.quote(text)}", says) for text, says in SETTINGS.items()},
    **{
        text: Case(f"train t.csv --target y {' '.join(f'--set {part}' for part in text.split())}", says)
        for text, says in CONTRADICTIONS.items()
    },
    **{
        f"a recipe: {name}": Case("train t.csv --recipe r.yaml", says, {"r.yaml": text})
        for name, (text, says) in RECIPES.items()
    },
    **REQUESTS,
    **USES,
    **DAMAGED,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "t.csv").write_text(TABLE)
    assert (
        run(["train", str(folder / "t.csv"), "--target", "y", "--out", str(folder / "run"), "--quiet", *QUICK.split()])
        == 0
    )
    return folder


@pytest.fixture
def here(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the good table and a run trained on it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder, but for a `runs` that may stay behind empty."""
    return {
        str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*") if path.name != "runs"
    }


def prepare(case: Case) -> None:
    for name, content in case.files.items():
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    if case.make is not None:
        case.make()


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_in_one_line(name: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    prepare(case)
    before = contents(here)
    code = run(shlex.split(case.command))
    said = capfd.readouterr().err
    assert code == 2, said
    assert said.startswith("fitwell: ")
    assert case.says in said
    assert said.endswith("\n")
    assert "\n" not in said[:-1]
    assert contents(here) == before


@pytest.mark.parametrize("name", ["an unknown option", "model.safetensors truncated"])
def test_a_process_of_its_own_says_it_too(name: str, here: Path) -> None:
    case = CASES[name]
    prepare(case)
    done = command(case.command)
    assert done.returncode == 2
    assert done.stderr.startswith("fitwell: ")
    assert case.says in done.stderr
    assert done.stderr.count("\n") == 1


def command(text: str, **options: object) -> subprocess.CompletedProcess[str]:
    program = [str(Path(sys.executable).with_name("fitwell")), *shlex.split(text)]
    return subprocess.run(program, capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("writes", range(10))
def test_a_full_disk_is_said_and_leaves_no_run(
    writes: int, here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # Every file that Fitwell writes is flushed to disk before it counts; the disk is full from some flush on.
    flushed = iter(range(1000))

    def flush(_descriptor: int) -> None:
        if next(flushed) >= writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", flush)
    before = contents(here)
    assert run(shlex.split(TRAIN)) == 2
    assert "cannot be written: the disk is full; free some space" in capfd.readouterr().err
    assert contents(here) == before


def test_a_disk_that_fills_while_predicting_leaves_no_file(here: Path) -> None:
    def limit() -> None:  # in the child: no file may grow beyond a kilobyte
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    before = contents(here)
    done = command("predict run t.csv -o p.csv", preexec_fn=limit)
    assert done.returncode == 2
    assert "p.csv cannot be written: the file would be larger than is allowed here" in done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(here) == before


@pytest.mark.parametrize(("typed", "named"), [(TRAIN, "runs/t-1"), ("predict run t.csv -o p.csv", "p.csv")])
def test_a_folder_without_rights_is_said(
    typed: str, named: str, here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # The superuser may write anywhere, so the refusal of the system is put in its place.
    def refuse(path: object, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    before = contents(here)
    assert run(shlex.split(typed)) == 2
    assert f"{named} cannot be written: this user may not write there" in capfd.readouterr().err
    assert contents(here) == before


GOOD = {
    "columns named like markup": "[bold],<script>,😀,y\n" + CELLS,
    "three times as many columns as rows": ",".join(f"c{j}" for j in range(120))
    + ",y\n"
    + "".join(",".join(str(i * j % 7) for j in range(120)) + f",{'ab'[i * 7 % 11 > 5]}\n" for i in range(40)),
    "one feature": column(lambda i: i % 7),
    "huge numbers": column(lambda i: 1e300 if i == 3 else i % 7),
    "a class of one row": column(lambda i: i % 7) + "3,c\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_odd_but_right_trains(name: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("d.csv").write_text(GOOD[name])
    assert run(shlex.split(f"{MADE} --out odd")) == 0
    assert capfd.readouterr().err == ""
    assert run(["predict", "odd", "d.csv", "-o", "p.csv"]) == 0
    assert pl.read_csv("p.csv").height == Path("d.csv").read_text().count("\n") - 1


def test_a_test_file_of_one_row_still_measures(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("u.csv").write_text("x,color,z,y\n1,red,2,yes\n")
    assert run(shlex.split(f"{TRAIN} --test u.csv --out one")) == 0
    assert "on 1 test rows" in capfd.readouterr().out
    assert json.loads(Path("one/evaluation.json").read_text())["metrics"]["roc_auc"]["value"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"time_limit": -1}, 'time_limit must be seconds, or a duration such as 90s, 10m or 2h, above 0, but is "-1"'),
        ({"time_limit": "soon"}, 'time_limit must be seconds, or a duration .* but is "soon"'),
        ({"settings": ["seed"]}, r"settings must be a mapping from names to values, .* but is \['seed'\]"),
        ({"settings": {3: 3}}, r"settings must be a mapping from names to values, .* but is \{3: 3\}"),
        ({"recipe": 3}, "recipe must be a recipe, a mapping or a path, but is of type int"),
    ],
)
@pytest.mark.parametrize("task", [fw.train, fw.tune])
def test_wrong_arguments_are_refused_before_the_data_is_read(
    task: Callable[..., object], wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        task("nothere.csv", target="y", **wrong)
