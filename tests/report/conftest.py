"""Contents of runs for reports, made without training: answers of a known quality, a history, an explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell import metrics
from fitwell.report.picture import Contents

SCRIPT, DOTTED = "<script>alert(1)</script>", "a.b[0]"  # names that people do give columns, and worse
ROWS = 400
COSTS = {"false_positive_cost": 1.0, "false_negative_cost": 5.0}

MakeContents = Callable[[str], Contents]


def columns(names: list[str], kind: str) -> list[dict[str, Any]]:
    shared = {"kind": kind, "why": f"{ROWS} cells", "missing": [], "missing_count": 3, "distinct": 7, "format": {}}
    return [{"name": name, **shared} for name in names]


def data(targets: list[str], classes: list[list[str]], *, positive: str | None) -> dict[str, Any]:
    return {
        "source": f"{SCRIPT}.csv",
        "path": f"/data/{SCRIPT}.csv",
        "fingerprint": "sha256:0123",
        "rows": 2 * ROWS,
        "schema": {
            "features": columns([SCRIPT, DOTTED], "number"),
            "targets": columns(targets, "category"),
            "left_out": columns(["id"], "identifier"),
        },
        "targets": {"names": targets, "classes": classes, "positive": positive},
        "split": {"method": "random", "why": "at random", "train": ROWS, "test": ROWS, "fingerprint": "sha256:4567"},
        "versions": {"fitwell": "0.1.0"},
    }


def scored(random: np.random.Generator, hits: np.ndarray) -> np.ndarray:
    """Return probabilities that rank hits higher, with ties."""
    return np.asarray(np.round(1 / (1 + np.exp(-random.normal(2.5 * hits - 1.5, 1.2))), 2))


def history(members: int) -> pl.DataFrame:
    random = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for member in range(members):
        for epoch in range(12):
            looks = {"member": member, "epoch": float(epoch), "step": 5 * epoch, "learning_rate": 0.01 * epoch}
            loss = 0.2 + 0.01 * (epoch - 6) ** 2 + 0.001 * member
            if epoch:
                rows.append({**looks, "split": "train", "loss": 0.6 / epoch, "figure": None, "metric": None})
            rows.append({**looks, "split": "validation", "loss": loss, "figure": 0.9 - loss / 4, "metric": "roc_auc"})
        for step in range(0, 60, 5):
            signals = {
                f"{signal}.{layer}": float(random.uniform(0.01, 1))
                for layer in ("inputs", "layers.0", "head")
                for signal in ("gradient_norm", "update_ratio", "zeros", "activation_spread")
            }
            rows.append({"member": member, "epoch": step / 5, "step": step, "split": "batch", "loss": 0.3} | signals)
    return pl.DataFrame(rows, infer_schema_length=None)


def explanation(metric: str) -> dict[str, Any]:
    names = [SCRIPT, DOTTED]
    row = {"row": 17, "truth": SCRIPT, "prediction": "x", "score": 0.97, "cells": [SCRIPT, "1.5"]}
    return {
        "importance": {
            "metric": metric,
            "rows": ROWS,
            "repeats": 5,
            "bounded": None,
            "columns": [{"column": name, "value": 0.2, "low": 0.1, "high": 0.3} for name in names],
        },
        "dependence": [
            {
                "column": SCRIPT,
                "kind": "number",
                "predicts": f"probability of {SCRIPT}",
                "points": [{"at": float(at), "value": 0.1 * at, "low": 0.0, "high": 0.2 * at} for at in range(4)],
            },
            {
                "column": DOTTED,
                "kind": "category",
                "predicts": "probability",
                "points": [{"at": at, "value": 0.4, "low": 0.3, "high": 0.5} for at in (SCRIPT, "b")],
            },
        ],
        "rows": {
            "columns": names,
            "worst": {"score": "wrongness", "rows": [row]},
            "uncertain": {"score": "doubt", "rows": [row]},
        },
    }


def tuning(metric: str) -> dict[str, Any]:
    """Return what a search found that tried rates, words and shapes; one trial came to nothing, one far up."""
    losses = {"0": 0.6, "1": 0.4, "2": None, "3": 900.0, "4": 0.5, "5": 0.55}
    settings = [
        {"training.learning_rate": 10.0**-place, "network.activation": SCRIPT if place % 2 else DOTTED}
        | ({"network.hidden": [8] * (1 + place % 3)} if place else {})
        for place in range(len(losses))
    ]
    nothing = {"low": None, "high": None, "scale": "linear"}
    rate = {"low": 1e-5, "high": 1.0, "scale": "log", "among": []}
    figure = {"value": 0.8, "low": 0.7, "high": 0.9}
    return {
        "asked": {"training": {"epochs": "auto"}},
        "space": [
            {"setting": "training.learning_rate", "tried": rate},
            {"setting": "network.activation", "tried": nothing | {"among": [SCRIPT, DOTTED]}},
            {"setting": "network.hidden", "tried": nothing | {"among": [[8], [8, 8], [8, 8, 8]]}},
        ],
        "trials": settings,
        "results": [
            {"epochs": 4, "losses": losses, "kept": [1, 4]},
            {"epochs": 12, "losses": {"1": 0.3, "4": 0.35}, "kept": [1]},
        ],
        "best": 1,
        "mattered": [
            {
                "epochs": 4,
                "trials": 6,
                "shares": {
                    "network.activation": {name: None for name in ("value", "low", "high", "ahead")}
                    | {"matters": False},
                    "network.hidden": {"value": 0.1, "low": 0.0, "high": 0.4, "matters": False, "ahead": None},
                    "training.learning_rate": {"value": 0.7, "low": 0.3, "high": 0.9, "matters": True}
                    | {"ahead": "higher"},
                },
            }
        ],
        "comparison": {
            "metric": metric,
            "rows": ROWS,
            "part": "test",
            "default": figure,
            "tuned": figure,
            "difference": {"value": 0.01, "low": -0.02, "high": 0.04},
            "verdict": "not distinguishable",
        },
    }


def measured(figures: metrics.Figures, metric: str) -> dict[str, Any]:
    """Return an evaluation beside a model that is as good."""
    beside = {
        "metrics": figures.as_json(),
        "verdict": "not distinguishable",
        "difference": {"value": 0.001, "low": -0.01, "high": 0.012, "method": "paired"},
    }
    return {
        "task": figures.task,
        "split": "test",
        "rows": figures.rows,
        "threshold": figures.threshold,
        "primary": {"metric": metric, "why": f"{metric}: it decides"},
        "metrics": figures.as_json(),
        "parts": {name: part.as_json() for name, part in figures.parts.items()},
        "baselines": {"majority": {**beside, "verdict": "better"}, "linear": beside},
    }


FINDING = {
    "symptom": "target_leakage",
    "status": "suspected",
    "severity": "critical",
    "where": SCRIPT,
    "evidence": {"column": SCRIPT, "share": 0.25},
    "explanation": f"{SCRIPT} gives the target away",
    "remedies": [{"change": {"text": f"drop {SCRIPT}"}, "effect": 0.01, "low": 0.0, "high": 0.02}],
}


def binary(random: np.random.Generator) -> dict[str, Any]:
    hits = random.random(ROWS) < 0.3
    scores = scored(random, hits)
    labels = np.where(hits, SCRIPT, "no")
    figures = metrics.binary(labels, scores, positive=SCRIPT, threshold=0.4)
    frame = pl.DataFrame(
        {"truth": labels, "prediction": np.where(scores >= 0.4, SCRIPT, "no"), f"probability_{SCRIPT}": scores}
    )
    return {"targets": ["y"], "classes": [["no", SCRIPT]], "positive": SCRIPT, "frame": frame} | {
        "evaluation": measured(figures, "roc_auc")
    }


def multiclass(random: np.random.Generator) -> dict[str, Any]:
    classes = [SCRIPT, DOTTED, "plain"]
    codes = random.integers(0, 3, ROWS)
    table = random.dirichlet([1, 1, 1], ROWS) + 0.8 * np.eye(3)[codes]
    table /= table.sum(1, keepdims=True)
    names = np.array(classes)
    figures = metrics.multiclass(names[codes], table, classes=classes)
    frame = pl.DataFrame({"truth": names[codes], "prediction": names[table.argmax(1)]}).with_columns(
        [pl.Series(f"probability_{name}", table[:, place]) for place, name in enumerate(classes)]
    )
    return {"targets": ["y"], "classes": [classes], "positive": None, "frame": frame} | {
        "evaluation": measured(figures, "accuracy")
    }


def multilabel(random: np.random.Generator) -> dict[str, Any]:
    names = [SCRIPT, DOTTED]
    hits = random.random((ROWS, 2)) < [0.3, 0.5]
    scores = scored(random, hits)
    figures = metrics.multilabel(hits.astype(int), scores, names=names)
    parts: dict[str, Any] = {}
    for place, name in enumerate(names):
        parts[f"truth_{name}"] = np.where(hits[:, place], "1", "0")
        parts[f"probability_{name}"] = scores[:, place]
    return {"targets": names, "classes": [["0", "1"], ["0", "1"]], "positive": None, "frame": pl.DataFrame(parts)} | {
        "evaluation": measured(figures, "f1")
    }


def regression(random: np.random.Generator) -> dict[str, Any]:
    truth = random.normal(50, 10, ROWS)
    guess = truth + random.normal(0, 3, ROWS)
    frame = pl.DataFrame(
        {"truth": truth, "prediction": guess, "prediction_low": guess - 5, "prediction_high": guess + 5}
    )
    return {"targets": [SCRIPT], "classes": [], "positive": None, "frame": frame} | {
        "evaluation": measured(metrics.regression(truth, guess), "rmse")
    }


MAKERS = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel, "regression": regression}


@pytest.fixture(scope="session")
def make_contents() -> MakeContents:
    def make(task: str) -> Contents:
        made = MAKERS[task](np.random.default_rng(3))
        counted = made["frame"].with_row_index("row").with_columns(part=pl.lit("test"))
        return Contents(
            name="run-1",
            path="runs/run-1",
            state="finished",
            recipe=f"target: [y]  # {SCRIPT}\n",
            settings={
                "task": task,
                "seed": 0,
                "training": {"epochs": 12},
                "decision": COSTS if task == "binary" else {},
            },
            data=data(made["targets"], made["classes"], positive=made["positive"]),
            evaluation=made["evaluation"],
            findings=[FINDING],
            history=history(members=2),
            predictions=counted,
            explanation=explanation(made["evaluation"]["primary"]["metric"]),
            tuning=tuning(made["evaluation"]["primary"]["metric"]),
            versions={"fitwell": "0.1.0"},
        )

    return make
