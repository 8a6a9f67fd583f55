"""How fast do networks learn from texts, beside a plain PyTorch loop and Hugging Face's Trainer?

    python benchmarks/texts.py TABLE --target NAME [--work convolutional lstm terms] [--rounds 5] [--steps 32]
    python benchmarks/texts.py TABLE --target NAME --work pretrained --encoder FOLDER [--steps 8]

TABLE has one column of texts. All train the same network from the same numbers of words, in batches of as many texts
and by AdamW, each as it is commonly written: a loop over one padded matrix in memory; a loop over a DataLoader that
pads each batch to its longest text; for a pretrained encoder also `Trainer`, which needs `transformers[torch]`.
Fitwell trains as `fitwell train` does, by its defaults, and an encoder once in float32 as well. They take turns in one
process on one thread, `--steps` steps a turn; figures are texts a CPU second by the median turn, the first left out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
RATE = 1e-3
ENCODER_RATE = 3e-5


def setup_of(asked: argparse.Namespace, work: str, **settings: Any) -> Any:
    """Return a training as `fitwell train` would begin it."""
    from fitwell.data.read import read_table
    from fitwell.learning import set_up
    from fitwell.workflow.asking import asked_recipe
    from fitwell.workflow.beginning import prepared_of

    settings |= {"target": [asked.target], "training.threads": 1}
    if work == "pretrained":
        settings["data.text_encoder"] = str(asked.encoder)
    elif work != "terms":
        settings["network.text.family"] = work
    _, prepared = prepared_of(read_table(asked.table), asked_recipe(None, settings, {}))
    return set_up(prepared, prepared.recipe)


def our_steps(setup: Any) -> Iterator[None]:
    """Train as Fitwell does, looks after epochs left out."""
    from fitwell.training.loop import Rows, train

    few = Rows(features={name: block[:1] for name, block in setup.validation.features.items()},
               targets=setup.validation.targets[:1], weights=None)  # fmt: skip
    moments = train(setup.program, setup.state, setup.training, few, seeds=setup.seeds, rates=setup.rates)
    next(moments)  # the look before the first step
    for _ in moments:
        yield


def plain_network(setup: Any, work: str, classes: int) -> Any:
    """Return the network as plain PyTorch has it: numbers of words, 0 where a text has ended, to logits."""
    import torch
    from torch import nn

    text = setup.recipe.network.text
    (name,) = setup.training.features
    words = int(
        setup.training.features[name][..., :1].max() if work == "terms" else setup.training.features[name].max()
    )
    dropout = setup.recipe.network.dropout

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(words + 1, text.width, padding_idx=0)
            self.dropout = nn.Dropout(dropout)
            wide = text.width
            if work == "convolutional":
                self.filters = nn.ModuleList(
                    nn.Conv1d(text.width, width, 2 + place, padding=1 + place)
                    for place, width in enumerate(text.widths)
                )
                wide = sum(text.widths)
            if work == "lstm":
                self.lstm = nn.LSTM(text.width, text.widths[0], batch_first=True)
                wide = 2 * text.widths[0]
            self.head = nn.Linear(wide, classes)

        def forward(self, x: Any) -> Any:
            if work == "terms":
                read = (x[..., 1:].mT @ self.table(x[..., 0].long()))[:, 0]
            elif work == "convolutional":
                vectors = self.table(x).mT
                read = torch.cat([filters(vectors).amax(-1) for filters in self.filters], 1)
            else:
                present = (x > 0).float()
                lengths = present.sum(1).clamp(min=1)
                states, _ = self.lstm(self.table(x))
                last = states[torch.arange(len(x)), lengths.long() - 1]
                read = torch.cat([last, (states * present[..., None]).sum(1) / lengths[:, None]], 1)
            return self.head(self.dropout(read.relu() if work != "lstm" else read))

    return Network()


def loop(network: Any, batches: Callable[[], Iterator[Any]], *, rate: float) -> Iterator[None]:
    """Train by a loop as people write it."""
    import torch

    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    loss_of = torch.nn.CrossEntropyLoss()
    network.train()
    while True:
        for x, y in batches():
            optimizer.zero_grad()
            loss_of(network(*x), y).backward()
            optimizer.step()
            yield


def in_memory(rows: Any, targets: Any, size: int) -> Callable[[], Iterator[Any]]:
    """Return batches of a padded matrix."""
    import torch

    def batches() -> Iterator[Any]:
        order = torch.randperm(len(rows))
        for start in range(0, len(rows) - size + 1, size):
            chosen = order[start : start + size]
            yield (rows[chosen],), targets[chosen]

    return batches


def loader(
    texts: list[Any], targets: Any, size: int, collate: Callable[[list[Any]], Any]
) -> Callable[[], Iterator[Any]]:
    """Return batches of a DataLoader, each padded to its longest text."""
    from torch.utils.data import DataLoader

    pairs = list(zip(texts, targets.tolist(), strict=True))
    batches = DataLoader(pairs, batch_size=size, shuffle=True, drop_last=True, collate_fn=collate)  # type: ignore[arg-type]
    return lambda: iter(batches)


def trainer_steps(asked: argparse.Namespace, texts: list[Any], targets: Any, size: int, classes: int) -> Iterator[None]:
    """Train by Hugging Face's Trainer, in a thread that waits after each step."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    may, done = threading.Semaphore(0), threading.Semaphore(0)

    class Turns(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            may.acquire()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            done.release()

    model = AutoModelForSequenceClassification.from_pretrained(asked.encoder, num_labels=classes)
    rows = [{"input_ids": text, "labels": label} for text, label in zip(texts, targets.tolist(), strict=True)]
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=size,
        num_train_epochs=1000,
        learning_rate=ENCODER_RATE,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        dataloader_drop_last=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=DataCollatorWithPadding(AutoTokenizer.from_pretrained(asked.encoder)),
        callbacks=[Turns()],
    )
    threading.Thread(target=trainer.train, daemon=True).start()
    while True:
        may.release()
        done.acquire()
        yield


def in_turns(work: dict[str, Iterator[None]], *, rounds: int, steps: int, texts: int) -> dict[str, float]:
    """Return texts a CPU second of each, by its median turn; the first warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, each in work.items():
            started = time.process_time()
            for _ in range(steps):
                next(each)
            if turn:
                seconds[name].append((time.process_time() - started) / (steps * texts))
    return {name: 1 / median(times) for name, times in seconds.items()}


def contestants(asked: argparse.Namespace, work: str) -> tuple[dict[str, Iterator[None]], int]:
    """Return everyone's steps, and how many texts a step has."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    setup = setup_of(asked, work)
    size = int(setup.recipe.training.batch_size)
    (rows,) = setup.training.features.values()
    targets = setup.training.targets.long().reshape(-1)
    classes = int(targets.max()) + 1
    present = rows[..., 0] > 0 if work == "terms" else rows > 0
    texts = [row[: int(count)] for row, count in zip(rows, present.sum(1), strict=True)]
    found: dict[str, Iterator[None]] = {}
    if work == "pretrained":
        from transformers import AutoModel

        class Encoder(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.encoder = AutoModel.from_pretrained(asked.encoder)
                self.head = torch.nn.Linear(self.encoder.config.hidden_size, classes)

            def forward(self, pieces: torch.Tensor) -> Any:
                present = (pieces > 0).long()
                hidden = self.encoder((pieces - 1).clamp(min=0), attention_mask=present).last_hidden_state
                return self.head((hidden * present[..., None]).sum(1) / present.sum(1, keepdim=True))

        network, rate = Encoder(), ENCODER_RATE
        numbers = [[int(piece) - 1 for piece in text] for text in texts]
        found["Trainer"] = trainer_steps(asked, numbers, targets, size, classes)
        found["Fitwell in float32"] = our_steps(setup_of(asked, work, **{"training.encoder_precision": "float32"}))
        rows = rows.long()
        texts = [text.long() for text in texts]
    else:
        network, rate = plain_network(setup, work, classes), RATE
        found["loop over a matrix"] = loop(network, in_memory(rows, targets, size), rate=rate)
        network = plain_network(setup, work, classes)

    def collate(pairs: list[Any]) -> Any:
        texts, labels = zip(*pairs, strict=True)
        return (pad_sequence(texts, batch_first=True),), torch.tensor(labels)

    found["loop over a DataLoader"] = loop(network, loader(texts, targets, size, collate), rate=rate)
    found["Fitwell"] = our_steps(setup)
    return found, size


def main() -> None:
    """Print a table for each work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--work", nargs="+", default=["convolutional", "lstm", "terms"],
                        choices=["convolutional", "lstm", "terms", "pretrained"])  # fmt: skip
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=32)
    asked = parser.parse_args()
    if "pretrained" in asked.work and asked.encoder is None:
        parser.error("pretrained needs --encoder")
    for work in asked.work:
        steps, size = contestants(asked, work)
        speeds = in_turns(steps, rounds=asked.rounds, steps=asked.steps, texts=size)
        print(f"\n{work}, {size} texts a step\n| contestant | texts a CPU second | Fitwell is as fast |\n|---|---|---|")
        for name, speed in speeds.items():
            print(f"| {name} | {speed:,.0f} | {speeds['Fitwell'] / speed:.2f} times |", flush=True)


if __name__ == "__main__":
    main()
