"""How fast do networks learn from texts and from pictures in a folder, beside plain PyTorch and Hugging Face's Trainer?

    python benchmarks/beside_loops.py TABLE --target NAME [--work convolutional lstm terms] [--rounds 5] [--steps 32]
    python benchmarks/beside_loops.py TABLE --target NAME --work encoder --encoder FOLDER [--steps 8]
    python benchmarks/beside_loops.py FOLDER --work pictures [--steps 8]

TABLE has one column of texts, FOLDER a folder of pictures for each class. All train the same network from the same
numbers of words, or the same files, in batches of as many rows and by AdamW, each as it is commonly written: a loop
over one padded matrix in memory; a loop over a DataLoader that pads each batch to its longest text, or opens, sizes and
mirrors each picture; for a pretrained encoder also `Trainer`, which needs `transformers[torch]`. Fitwell trains as
`fitwell train` does, by its defaults, and an encoder and pictures once in float32 as well; the pictures, which it reads
once, it too sizes and mirrors alone. They take turns in one process on one thread, `--steps` steps a turn; figures are
rows a CPU second by the median turn, the first left out.
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

from contestants import CHANNELS, image_network

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

    settings |= {"training.threads": 1, "network.activation": "relu"} | (
        {"target": [asked.target]} if asked.target else {}
    )
    if work == "encoder":
        settings["data.text_encoder"] = str(asked.encoder)
    elif work == "pictures":
        changes = ("shift", "crop", "rotation", "color", "erase")
        settings |= {f"training.image_{name}": 0.0 for name in changes}
        settings |= {"training.image_flip": True, "network.image.widths": CHANNELS}
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


def in_turns(work: dict[str, Iterator[None]], *, rounds: int, steps: int, rows: int) -> dict[str, float]:
    """Return rows a CPU second of each, by its median turn; the first warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, each in work.items():
            started = time.process_time()
            for _ in range(steps):
                next(each)
            if turn:
                seconds[name].append((time.process_time() - started) / (steps * rows))
    return {name: 1 / median(times) for name, times in seconds.items()}


def beside_texts(asked: argparse.Namespace, work: str) -> tuple[dict[str, Iterator[None]], int]:
    """Return everyone's steps on texts, and how many of these a step has."""
    setup = setup_of(asked, work)
    size = int(setup.recipe.training.batch_size)
    (rows,) = setup.training.features.values()
    targets = setup.training.targets.long().reshape(-1)
    classes = int(targets.max()) + 1
    present = rows[..., 0] > 0 if work == "terms" else rows > 0
    texts = [row[: int(count)] for row, count in zip(rows, present.sum(1), strict=True)]
    found = {
        "loop over a matrix": loop(plain_network(setup, work, classes), in_memory(rows, targets, size), rate=RATE),
        "loop over a DataLoader": loop(
            plain_network(setup, work, classes), loader(texts, targets, size, padded), rate=RATE
        ),
        "Fitwell": our_steps(setup),
    }
    return found, size


def padded(pairs: list[Any]) -> Any:
    """Return a batch of texts of all lengths, and their labels."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    texts, labels = zip(*pairs, strict=True)
    return (pad_sequence(texts, batch_first=True),), torch.tensor(labels)


def beside_encoders(asked: argparse.Namespace) -> tuple[dict[str, Iterator[None]], int]:
    """Return everyone's steps on texts that a pretrained encoder reads, and how many of these a step has."""
    import torch
    from transformers import AutoModel

    setup = setup_of(asked, "encoder")
    size = int(setup.recipe.training.batch_size)
    (rows,) = setup.training.features.values()
    targets = setup.training.targets.long().reshape(-1)
    classes = int(targets.max()) + 1
    texts = [row[: int(count)].long() for row, count in zip(rows, (rows > 0).sum(1), strict=True)]

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = AutoModel.from_pretrained(asked.encoder)
            self.head = torch.nn.Linear(self.encoder.config.hidden_size, classes)

        def forward(self, pieces: torch.Tensor) -> Any:
            present = (pieces > 0).long()
            hidden = self.encoder((pieces - 1).clamp(min=0), attention_mask=present).last_hidden_state
            return self.head((hidden * present[..., None]).sum(1) / present.sum(1, keepdim=True))

    numbers = [(text - 1).tolist() for text in texts]
    in_float32 = setup_of(asked, "encoder", **{"training.encoder_precision": "float32"})
    found = {
        "Trainer": trainer_steps(asked, numbers, targets, size, classes),
        "loop over a DataLoader": loop(Encoder(), loader(texts, targets, size, padded), rate=ENCODER_RATE),
        "Fitwell in float32": our_steps(in_float32),
        "Fitwell": our_steps(setup),
    }
    return found, size


def beside_pictures(asked: argparse.Namespace) -> tuple[dict[str, Iterator[None]], int]:
    """Return everyone's steps on pictures in a folder, and how many of these a step has."""
    import numpy as np
    import torch
    from PIL import Image, ImageOps
    from torch.utils.data import Dataset

    setup = setup_of(asked, "pictures")
    size = int(setup.recipe.training.batch_size)
    (block,) = setup.training.features.values()
    high, wide = block.shape[1:3]
    places = sorted(path for path in asked.table.rglob("*") if path.is_file())[: len(block)]
    names = sorted({path.parent.name for path in places})

    class Files(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(places)

        def __getitem__(self, place: int) -> Any:
            with Image.open(places[place]) as opened:
                picture = opened.convert("RGB").resize((wide, high), Image.Resampling.BILINEAR)
            if random.random() < 0.5:
                picture = ImageOps.mirror(picture)
            pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
            return (pixels - 0.5) / 0.25, names.index(places[place].parent.name)

    random = np.random.default_rng(0)
    batches = torch.utils.data.DataLoader(Files(), batch_size=size, shuffle=True, drop_last=True)
    in_float32 = setup_of(asked, "pictures", **{"training.image_precision": "float32"})
    found = {
        "loop over a DataLoader": loop(
            image_network(colors=3, outputs=len(names)), lambda: (((x,), y) for x, y in batches), rate=RATE
        ),
        "Fitwell in float32": our_steps(in_float32),
        "Fitwell": our_steps(setup),
    }
    return found, size


def main() -> None:
    """Print a table for each work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--target")
    works = ["convolutional", "lstm", "terms", "encoder", "pictures"]
    parser.add_argument("--work", nargs="+", default=works[:3], choices=works)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=32)
    asked = parser.parse_args()
    if "encoder" in asked.work and asked.encoder is None:
        parser.error("encoder needs --encoder")
    for work in asked.work:
        beside = {"encoder": beside_encoders, "pictures": beside_pictures}.get(work)
        steps, size = beside_texts(asked, work) if beside is None else beside(asked)
        speeds = in_turns(steps, rounds=asked.rounds, steps=asked.steps, rows=size)
        print(f"\n{work}, {size} rows a step\n| contestant | rows a CPU second | Fitwell is as fast |\n|---|---|---|")
        for name, speed in speeds.items():
            print(f"| {name} | {speed:,.0f} | {speeds['Fitwell'] / speed:.2f} times |", flush=True)


if __name__ == "__main__":
    main()
