"""What does pretraining on unlabelled text bring, over the number of labelled rows?

    python benchmarks/transfer.py FOLDER --set banking77 --work DIR [--epochs 20] [--labels 100 300 1000 3000]
                                  [--arms scratch pretrained terms] [--encoder ENCODER] [--measured 2000] [--seed 0]

FOLDER has `movie_sentence_polarity` and `banking77`. An encoder (2 layers, 128 wide) is pretrained for so many epochs
on the texts that are not measured on, without their labels; DIR keeps it, and another call goes on with it. Then runs
learn from so many of the same texts with labels:

- `scratch`: the same encoder with its first weights, all of which learn at the same rate
- `pretrained`: the encoder that was pretrained here, fine-tuned by defaults
- `terms`: Fitwell's default without an encoder, weighted terms into a linear network
- `encoder`, `adapted`: ENCODER, another encoder of BERT's family, kept as it is, and the same after it was pretrained
  further on the texts; both are read once, and a network learns from their vectors

Accuracy on the same measured rows for all, with Wilson's 95 % interval, and the paired difference to the arm before.
Each line is printed when it is there, and added to DIR/transfer-SET.jsonl, from which the same call goes on;
`--picture FILE.svg` draws what that holds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

SETS = {"movie_sentence_polarity": "label", "banking77": "category"}
FROM_NOTHING = {"training.encoder_rate": 1.0, "training.encoder_layer_rate": 1.0}
DRAWN = ("arm", "labels", "accuracy", "low", "high")
KEPT = {"network.text.tuned": False}


@dataclass(frozen=True)
class Rows:
    """What may be learned from, and what is measured."""

    learned: pl.DataFrame
    measured: pl.DataFrame
    target: str


def rows_of(folder: Path, name: str, *, measured: int, seed: int) -> Rows:
    """Return the rows of a set in an order of their own, the given test rows or the first ones to be measured on."""
    draw = np.random.default_rng(seed)

    def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame[draw.permutation(len(frame)).tolist()]

    if name == "banking77":
        learned, test = (pl.read_csv(folder / name / f"{part}.csv", infer_schema=False) for part in ("train", "test"))
        return Rows(shuffled(learned), shuffled(test).head(measured), SETS[name])
    table = shuffled(pl.read_csv(folder / name / f"{name}.csv", infer_schema=False))
    return Rows(table.slice(measured), table.head(measured), SETS[name])


def encoder_of(arm: str, rows: Rows, work: Path, encoder: Path | None, *, epochs: float) -> Path | None:
    """Return the folder of an arm's encoder, pretrained if it is not there yet."""
    from fitwell.pretrained import Learning, Shape, pretrain

    if arm == "terms":
        return None
    if arm == "encoder":
        return encoder
    work.mkdir(exist_ok=True)
    folder = work / arm
    if not (folder / "model.safetensors").exists():
        pretrained = pretrain(
            rows.learned["text"].to_list(),
            folder,
            shape=None if arm == "adapted" else Shape(layers=2, width=128),
            # A learning rate of almost nothing leaves the first weights as they are.
            learning=Learning(steps=1, rate=1e-12) if arm == "scratch" else Learning(epochs=epochs),
            start=encoder if arm == "adapted" else None,
        )
        print(f"{arm}: {pretrained.steps} steps, {pretrained.epochs:.1f} epochs,", end=" ")
        print(f"perplexity {pretrained.perplexity}, of counts {pretrained.unigram_perplexity},", end=" ")
        print(f"accuracy {pretrained.accuracy}, of counts {pretrained.unigram_accuracy}", flush=True)
    return folder


def answers(arm: str, rows: Rows, labels: int, encoder: Path | None, *, seed: int) -> np.ndarray:
    """Learn from the first labelled rows; return for each measured row whether it is told."""
    import fitwell as fw

    settings: dict[str, Any] = {"data.columns.text.kind": "text", "training.threads": 1}
    if encoder is not None:
        settings["data.text_encoder"] = str(encoder)
    settings |= {"scratch": FROM_NOTHING, "encoder": KEPT, "adapted": KEPT}.get(arm, {})
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "run"
        run = fw.train(rows.learned.head(labels), target=rows.target, settings=settings, out=out, seed=seed)
        told = run.predict(rows.measured)["prediction"].to_numpy()
    found: np.ndarray = told == rows.measured[rows.target].to_numpy()
    return found


def line_of(arm: str, labels: int, hits: np.ndarray, before: np.ndarray | None, seconds: float) -> dict[str, Any]:
    """Return an arm's figures, and what it differs by from the arm before it."""
    from fitwell.metrics.intervals import wilson

    share = float(hits.mean())
    low, high = wilson(share, size=len(hits), confidence=0.95)
    line: dict[str, Any] = {"arm": arm, "labels": labels, "accuracy": share, "low": low, "high": high}
    if before is not None:
        moved = hits.astype(float) - before
        half = 1.96 * float(moved.std(ddof=1)) / len(moved) ** 0.5
        line["gain"] = [float(moved.mean()), float(moved.mean()) - half, float(moved.mean()) + half]
    return line | {"seconds": seconds, "hits": hits.astype(int).tolist()}


def draw(lines: list[dict[str, Any]], name: str, out: Path) -> None:
    """Draw accuracy over labelled rows: a line for each arm, with its intervals."""
    from fitwell.report.pictures import THEMES, themed, write_picture

    arms = list(dict.fromkeys(line["arm"] for line in lines))
    ticks = sorted({line["labels"] for line in lines})
    labels = {"field": "labels", "type": "quantitative", "title": "labelled rows", "scale": {"type": "log"}}
    labels["axis"] = {"values": ticks}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": f"accuracy on {name} over labelled rows, for {', '.join(arms)}",
        "title": name,
        "width": 420,
        "height": 280,
        "data": {"values": [{name: line[name] for name in DRAWN} for line in lines]},
        "encoding": {"x": labels, "color": {"field": "arm", "type": "nominal", "sort": arms, "title": None}},
        "layer": [
            {
                "mark": {"type": "line", "point": True},
                "encoding": {"y": {"field": "accuracy", "type": "quantitative", "scale": {"zero": False}}},
            },
            {
                "mark": {"type": "rule"},
                "encoding": {
                    "y": {"field": "low", "type": "quantitative", "title": "accuracy"},
                    "y2": {"field": "high"},
                },
            },
        ],
    }
    write_picture(themed(spec, THEMES["light"]), out)


def transfer(options: argparse.Namespace) -> None:
    """Print a line for each arm and number of labelled rows."""
    rows = rows_of(options.folder, options.set, measured=options.measured, seed=options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    encoders = {
        arm: encoder_of(arm, rows, options.work / options.set, options.encoder, epochs=options.epochs)
        for arm in options.arms
    }
    kept = options.work / f"transfer-{options.set}.jsonl"
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    print(f"{len(rows.measured):,} measured rows, {len(rows.learned):,} texts without labels", flush=True)
    for labels in options.labels:
        before = None
        for arm in options.arms:
            line = next((each for each in done if (each["arm"], each["labels"]) == (arm, labels)), None)
            if line is None:
                started = time.process_time()
                hits = answers(arm, rows, labels, encoders[arm], seed=options.seed)
                line = line_of(arm, labels, hits, before, time.process_time() - started)
                done.append(line)
                with kept.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            before = np.array(line["hits"], float)
            print(json.dumps({name: value for name, value in line.items() if name != "hits"}), flush=True)
    if options.picture is not None:
        draw(done, options.set, options.picture)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=list(SETS), required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--labels", type=int, nargs="*", default=[100, 300, 1000, 3000])
    parser.add_argument("--arms", nargs="+", default=["scratch", "pretrained", "terms"])
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--measured", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    transfer(parser.parse_args())


if __name__ == "__main__":
    main()
