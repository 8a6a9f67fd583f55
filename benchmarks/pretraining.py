"""How fast is an encoder pretrained, beside a plain loop over transformers' classes?

    python benchmarks/pretraining.py CORPUS [--field FIELD] [--steps 8] [--width 128] [--layers 2] [--batch 4096]

The corpus is a text file, or a CSV file whose column FIELD has texts. Both train the same shape from the same
vocabulary on the same sequences, in turns in one process on one thread: Fitwell's steps, packed, and a loop over
`BertForMaskedLM` with `DataCollatorForLanguageModeling`, which pads, AdamW, clipped gradients and a falling rate, as
Hugging Face's `run_mlm.py` has it. Once with the texts as they are, and once end to end and cut to the full length, so
that nothing is padded; with dropout 0.1, and without. (Attention of transformers drops nothing either, which is in its
favor.) Figures are pieces a CPU second, marks included and padding not, by the median step.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def our_steps(ready: Any) -> Iterator[int]:
    """Train as Fitwell does, and yield how many pieces each step has."""
    import torch

    from fitwell.pretrained.pretraining.learning import State, flattened, learn
    from fitwell.pretrained.pretraining.origin import model_of

    model = model_of(ready.origin, ready.frequencies, seed=1)
    flat = flattened(model)
    state = State(flat.weights, torch.zeros_like(flat.weights), torch.zeros_like(flat.weights), 10**6)
    for step in learn(model, flat, state, ready.sequences, ready.pieces, ready.settings):
        yield step.pieces


def their_steps(ready: Any, folder: Path, dropout: float) -> Iterator[int]:
    """Train as a plain loop does, on the same sequences in the same order."""
    import numpy as np
    import torch
    from transformers import (
        AutoTokenizer,
        BertConfig,
        BertForMaskedLM,
        DataCollatorForLanguageModeling,
        get_linear_schedule_with_warmup,
    )

    from fitwell.pretrained.pretraining.learning import ORDER, Batches
    from fitwell.pretrained.pretraining.origin import model_of
    from fitwell.pretrained.pretraining.saving import save_model

    save_model(folder, ready.origin, model_of(ready.origin, ready.frequencies, seed=1), {})
    configuration = BertConfig.from_pretrained(folder)
    configuration.hidden_dropout_prob, configuration.attention_probs_dropout_prob = dropout, 0.0
    model = BertForMaskedLM(configuration).train()
    collate = DataCollatorForLanguageModeling(AutoTokenizer.from_pretrained(folder), mlm_probability=0.15)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, 1000, 10**6)
    batches, sequences = Batches.of(ready.sequences, ready.settings), ready.sequences
    parts = np.split(sequences.numbers, sequences.ends[:-1])
    order = np.random.default_rng([ready.settings.seed, ORDER, 0]).permutation(len(sequences))
    for start in range(0, batches.of_epoch * batches.sequences, batches.sequences):
        chosen = [parts[place] for place in order[start : start + batches.sequences]]
        batch = collate([{"input_ids": part.tolist()} for part in chosen])
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield sum(map(len, chosen))


def in_turns(work: dict[str, Iterator[int]], steps: int) -> dict[str, float]:
    """Return pieces a CPU second of each, by its median step; the first step of each warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for step in range(steps + 1):
        for name, each in work.items():
            started = time.process_time()
            pieces = next(each)
            if step:
                seconds[name].append((time.process_time() - started) / pieces)
    return {name: 1 / median(times) for name, times in seconds.items()}


def texts_of(corpus: Path, field: str | None) -> list[str]:
    """Return the texts of a column, or the lines of a file."""
    if field is None:
        return corpus.read_text(encoding="utf-8").splitlines()
    import polars as pl

    return [text for text in pl.read_csv(corpus, infer_schema=False)[field].to_list() if text]


def pretraining(options: argparse.Namespace) -> None:
    """Print a line for each kind of texts and each dropout."""
    from fitwell.pretrained import Learning, Shape
    from fitwell.pretrained.pretraining.preparing import prepared

    texts = texts_of(options.corpus, options.field)
    shape = Shape(layers=options.layers, width=options.width)
    kinds: dict[str, Callable[[], list[str]]] = {"as they are": lambda: texts, "end to end": lambda: [" ".join(texts)]}
    print("| texts | pieces a text | dropout | transformers | Fitwell (ratio) |\n|---|---|---|---|---|")
    for kind, corpus in kinds.items():
        for dropout in (0.1, 0.0):
            ready = prepared(
                corpus(),
                shape=shape,
                learning=Learning(dropout=dropout, batch=options.batch),
                start=None,
                checkpoint=Path("absent"),
                unit="line",
                field=None,
            )
            with tempfile.TemporaryDirectory() as folder:
                work = {"theirs": their_steps(ready, Path(folder), dropout), "ours": our_steps(ready)}
                speeds = in_turns(work, options.steps)
            mean = len(ready.sequences.numbers) / len(ready.sequences)
            ratio = speeds["ours"] / speeds["theirs"]
            figures = f"{speeds['theirs']:,.0f} | {speeds['ours']:,.0f} ({ratio:.2f})"
            print(f"| {kind} | {mean:.0f} | {dropout} | {figures} |", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--field")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4096)
    pretraining(parser.parse_args())


if __name__ == "__main__":
    main()
