"""What does pretraining on unlabelled text bring, over the number of labelled rows?

    python benchmarks/transfer.py FOLDER --set banking77 --work DIR [--epochs 20] [--labels 100 300 1000 3000]
                                  [--arms scratch first pretrained terms] [--draws 3] [--more CORPUS] [--minutes 15]
                                  [--encoder ENCODER] [--measured 2000] [--seed 0]

FOLDER has `movie_sentence_polarity` and `banking77`. An encoder (2 layers, 128 wide) is pretrained for so many epochs
on the texts that are not measured on, without their labels; DIR keeps it, and another call goes on with it. Then runs
learn from so many of the same texts with labels, drawn anew so many times:

- `scratch`: the same encoder with its first weights, all of which learn at the same rate
- `first`: the same, kept as it is; a network learns from its vectors
- `pretrained`: the encoder that was pretrained here (skip-gram, then masked pieces), with Fitwell's defaults
- `more`: one that was first pretrained on CORPUS for so many minutes, and then on the texts; with Fitwell's defaults
- `terms`: Fitwell's default without an encoder, weighted terms into a linear network
- `encoder`, `adapted`: ENCODER, another encoder of BERT's family, kept as it is, and the same after it was pretrained
  further on the texts; both are read once, and a network learns from their vectors

Accuracy on the same measured rows for all, the mean over draws, and the paired difference to the arm before, with
95 % intervals from the spread over rows and over draws. Each draw is added to DIR/transfer-SET.jsonl when it is there,
from which the same call goes on; `--picture FILE.svg` draws what that holds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

SETS = {"movie_sentence_polarity": "label", "banking77": "category"}
KEPT = {"network.text.tuned": False}
SETTINGS: dict[str, dict[str, Any]] = {
    "scratch": {
        "network.text.tuned": True,
        "training.encoder_rate": 1.0,
        "training.encoder_layer_rate": 1.0,
    },
    "first": KEPT,
    "encoder": KEPT,
    "adapted": KEPT,
}


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


def encoder_of(arm: str, rows: Rows, options: argparse.Namespace) -> Path | None:
    """Return the folder of an arm's encoder, pretrained if it is not there yet."""
    if arm == "terms":
        return None
    if arm == "encoder":
        encoder: Path = options.encoder
        return encoder
    texts, work = rows.learned["text"].to_list(), options.work / options.set
    if arm in ("scratch", "first"):
        # A learning rate of almost nothing leaves the first weights as they are.
        return pretrained(texts, work / "first", steps=1, rate=1e-12, skipgram=False)
    if arm == "more":
        start = pretrained(options.more, options.work / "more", epochs=1000.0, minutes=options.minutes)
        return pretrained(texts, work / arm, start=start, epochs=options.epochs, rate=1e-3)
    started = options.encoder if arm == "adapted" else None
    return pretrained(texts, work / arm, start=started, epochs=options.epochs)


def pretrained(texts: Any, folder: Path, *, start: Path | None = None, minutes: float = 0.0, **learning: Any) -> Path:
    """Return a folder, in which an encoder is pretrained if there is none, or as far as it was."""
    from fitwell.pretrained import Learning, Shape, pretrain

    folder.parent.mkdir(parents=True, exist_ok=True)
    if not (folder / "model.safetensors").exists() or (folder / "checkpoint.safetensors").exists():
        shape = None if start else Shape(layers=2, width=128)
        limit = 60 * minutes or None
        made = pretrain(texts, folder, shape=shape, learning=Learning(**learning), start=start, time_limit=limit)
        print(f"{folder.name}: {made.steps} steps, {made.epochs:.1f} epochs,", end=" ")
        print(f"perplexity {made.perplexity}, of counts {made.unigram_perplexity},", end=" ")
        print(f"accuracy {made.accuracy}, of counts {made.unigram_accuracy}", flush=True)
    return folder


def answers(arm: str, rows: Rows, labels: int, encoder: Path | None, *, draw: int) -> list[int]:
    """Learn from labelled rows of a draw; return 1 for each measured row that is told, else 0."""
    import fitwell as fw

    settings: dict[str, Any] = {"data.columns.text.kind": "text", "training.threads": 1} | SETTINGS.get(arm, {})
    if encoder is not None:
        settings["data.text_encoder"] = str(encoder)
    drawn = np.random.default_rng([7, draw]).permutation(len(rows.learned))[:labels]
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "run"
        run = fw.train(rows.learned[drawn.tolist()], target=rows.target, settings=settings, out=out, seed=draw)
        told = run.predict(rows.measured)["prediction"].to_numpy()
    found: list[int] = (told == rows.measured[rows.target].to_numpy()).astype(int).tolist()
    return found


def mean_of(hits: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of figures (draws, rows), and its 95 % interval over both, by Student's t over few draws."""
    from scipy.stats import t

    draws, rows = hits.shape
    spread = t.ppf(0.975, rows - 1) ** 2 * hits.mean(0).var(ddof=1) / rows
    if draws > 1:
        spread += t.ppf(0.975, draws - 1) ** 2 * hits.mean(1).var(ddof=1) / draws
    mean, half = float(hits.mean()), float(spread) ** 0.5
    return mean, mean - half, mean + half


def drawn_as_picture(lines: list[dict[str, Any]], name: str, out: Path) -> None:
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
        "data": {"values": lines},
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
    encoders = {arm: encoder_of(arm, rows, options) for arm in options.arms}
    kept = options.work / f"transfer-{options.set}.jsonl"
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    known = {(each["arm"], each["labels"], each["draw"]): each["hits"] for each in done}
    print(f"{len(rows.measured):,} measured rows, {len(rows.learned):,} texts without labels", flush=True)
    shown = []
    for labels in options.labels:
        before: np.ndarray | None = None
        for arm in options.arms:
            for draw in range(options.draws):
                if (arm, labels, draw) not in known:
                    known[arm, labels, draw] = answers(arm, rows, labels, encoders[arm], draw=draw)
                    line = {"arm": arm, "labels": labels, "draw": draw, "hits": known[arm, labels, draw]}
                    with kept.open("a") as file:
                        file.write(json.dumps(line) + "\n")
            hits = np.array([known[arm, labels, draw] for draw in range(options.draws)], float)
            accuracy, low, high = mean_of(hits)
            shown.append({"arm": arm, "labels": labels, "accuracy": accuracy, "low": low, "high": high})
            gain = "" if before is None else "{:+.3f} ({:+.3f} to {:+.3f})".format(*mean_of(hits - before))
            print(f"| {labels} | {arm} | {accuracy:.3f} ({low:.3f} to {high:.3f}) | {gain} |", flush=True)
            before = hits
    if options.picture is not None:
        drawn_as_picture(shown, options.set, options.picture)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=list(SETS), required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--labels", type=int, nargs="*", default=[100, 300, 1000, 3000])
    parser.add_argument("--arms", nargs="+", default=["scratch", "first", "pretrained", "terms"])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--more", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--measured", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    transfer(parser.parse_args())


if __name__ == "__main__":
    main()
