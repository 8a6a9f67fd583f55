"""The same small network, trained by each contestant of `training.py`, in a process of its own.

    python benchmarks/contestants.py NAME WORK

A contestant trains without end and calls `tick()` after every epoch. The first tick ends the start-up; from then on
each waits for a line on standard input before the next epoch, and answers with a line of JSON: CPU seconds and peak
memory. So contestants take turns, and a busy moment of the machine meets all of them alike.

Everything is imported where it is used: a contestant starts with what it needs alone.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

INPUTS, RATE = 30, 0.001
Tick = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained: a network 30-128-128-128-1 for two classes, by adam."""

    rows: int = 100_000
    batch: int = 256
    hidden: tuple[int, ...] = (128, 128, 128)
    batch_norm: bool = False
    dropout: float = 0.0
    members: int = 1
    reads: str = "numbers"  # or images of 28 x 28 in grey, or series: then the network is another
    steps: int = 100  # of series
    family: str = "lstm"  # of networks that read series


WORKS = {
    "mlp": Work(),
    "regularized": Work(batch_norm=True, dropout=0.1),
    "members": Work(members=16, rows=25_600),
    "cold": Work(rows=5_000),
    "narrow": Work(rows=25_600, hidden=(64,)),
    "wide": Work(rows=25_600, hidden=(256, 256, 256, 256)),
    "cnn": Work(rows=6_400, batch=128, hidden=(), reads="images"),
    "lstm": Work(rows=3_200, batch=64, hidden=(), reads="series"),
}
SIDE, STEPS, UNITS, CHANNELS = 28, 100, 64, (32, 64, 128)


def rows_of(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (rows, 30), images (rows, 1, 28, 28) or series (rows, 100, 1), and targets (rows, 1): floats."""
    random = np.random.default_rng(0)
    if work.reads != "numbers":
        y = random.integers(0, 2, (work.rows, 1)).astype(np.float32)
        shape = (1, SIDE, SIDE) if work.reads == "images" else (work.steps, 1)
        x = random.standard_normal((work.rows, *shape)).astype(np.float32)
        return x + y.reshape(-1, *(1,) * len(shape)) * np.linspace(0, 1, shape[1], dtype=np.float32)[:, None], y
    x = random.standard_normal((work.rows, INPUTS)).astype(np.float32)
    noise = random.standard_normal(work.rows)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * noise > 0
    return x, y.astype(np.float32)[:, None]


def plain_network(work: Work) -> Any:
    """Return the network as plain PyTorch."""
    from torch import nn

    if work.reads != "numbers":
        return image_network() if work.reads == "images" else series_network()
    layers: list[nn.Module] = []
    width = INPUTS
    for wide in work.hidden:
        layers += [nn.Linear(width, wide), *([nn.BatchNorm1d(wide)] if work.batch_norm else []), nn.ReLU()]
        layers += [nn.Dropout(work.dropout)] if work.dropout else []
        width = wide
    return nn.Sequential(*layers, nn.Linear(width, 1))


def image_network(colors: int = 1, outputs: int = 1) -> Any:
    """Return the small residual network that Fitwell takes for images of this size, as plain PyTorch."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.bent = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            changes = stride > 1 or before != after
            self.around = nn.Conv2d(before, after, 1, stride, bias=False) if changes else nn.Identity()
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.bent(x) + self.around(x))

    first, second, third = CHANNELS
    return nn.Sequential(
        nn.Conv2d(colors, first, 3, 2, 1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        Block(first, first, 1),
        Block(first, second, 2),
        Block(second, third, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(third, outputs),
    )


def series_network() -> Any:
    """Return an LSTM whose last state and mean state are read, as plain PyTorch."""
    import torch
    from torch import nn

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(1, UNITS, batch_first=True)
            self.head = nn.Linear(2 * UNITS, 1)

        def forward(self, x: Any) -> Any:
            states, _ = self.lstm(x)
            return self.head(torch.cat([states[:, -1], states.mean(1)], 1))

    return Reader()


def eager(work: Work, tick: Tick) -> None:
    """Write the loop by hand over tensors in memory."""
    import torch

    x, y = map(torch.from_numpy, rows_of(work))
    network = plain_network(work)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    while True:
        order = torch.randperm(len(x))
        for start in range(0, len(x) - work.batch + 1, work.batch):
            rows = order[start : start + work.batch]
            optimizer.zero_grad()
            loss_of(network(x[rows]), y[rows]).backward()
            optimizer.step()
        tick()


def lean(work: Work, tick: Tick) -> None:
    """Write the loop by hand with one permuted copy per epoch and fused adam."""
    import torch

    network = plain_network(work)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss_of(network(x), y).backward()
        optimizer.step()

    _permuted_epochs(work, step, tick)


def compiled_by_hand(work: Work, tick: Tick) -> None:
    """Put `torch.compile` around network and loss of the lean loop."""
    import torch

    network = plain_network(work)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    loss_of = torch.nn.BCEWithLogitsLoss()
    batch_loss = torch.compile(lambda x, y: loss_of(network(x), y), dynamic=False)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad()
        batch_loss(x, y).backward()
        optimizer.step()

    _permuted_epochs(work, step, tick)


def _permuted_epochs(work: Work, step: Callable[[Any, Any], None], tick: Tick) -> None:
    import torch

    x, y = map(torch.from_numpy, rows_of(work))
    while True:
        order = torch.randperm(len(x))
        shuffled_x, shuffled_y = x[order], y[order]
        for start in range(0, len(x) - work.batch + 1, work.batch):
            step(shuffled_x[start : start + work.batch], shuffled_y[start : start + work.batch])
        tick()


def data_loader(work: Work, tick: Tick) -> None:
    """Write the loop by hand over a DataLoader."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(
        TensorDataset(*map(torch.from_numpy, rows_of(work))), batch_size=work.batch, shuffle=True, drop_last=True
    )
    network = plain_network(work)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            loss_of(network(x), y).backward()
            optimizer.step()
        tick()


def fitwell_eager(work: Work, tick: Tick) -> None:
    """Train through Fitwell's engine, step by step."""
    _fitwell(work, tick, execution="eager")


def fitwell_mapped(work: Work, tick: Tick) -> None:
    """Train through Fitwell's engine, the members mapped."""
    _fitwell(work, tick, execution="mapped")


def fitwell_compiled(work: Work, tick: Tick) -> None:
    """Train through Fitwell's engine, the step compiled."""
    _fitwell(work, tick, execution="compiled")


def fitwell_without_signals(work: Work, tick: Tick) -> None:
    """Train through Fitwell's engine, the step compiled, and never look into the layers."""
    _fitwell(work, tick, execution="compiled", signals_every=0)


def _fitwell(work: Work, tick: Tick, **settings: Any) -> None:
    for _ in fitwell_epochs(work, **settings):
        tick()


def fitwell_epochs(work: Work, **settings: Any) -> Iterator[None]:
    """Train by the engine alone: the rows are encoded already, and the look after an epoch is at one batch of rows."""
    moments = fitwell_training(work, device="cpu", **settings).moments()
    next(moments)  # the look before the first step
    for moment in moments:
        if moment.look is not None:
            yield


@dataclass(kw_only=True)
class Training:
    """What the engine's loop takes: a program, a state, rows to train on and to look at, and the members' seeds."""

    program: Any
    state: Any
    rows: Any
    few: Any
    seeds: Any
    batch: int

    def moments(self) -> Iterator[Any]:
        """Train."""
        from fitwell.training.loop import train

        rates = [RATE] * len(self.seeds)
        return train(self.program, self.state, self.rows, self.few, seeds=self.seeds, rates=rates)


def fitwell_training(work: Work, *, device: str, **settings: Any) -> Training:
    """Return a population of the engine before its first step, with rows on the device."""
    from functools import partial

    import torch

    from fitwell.data.encode import ArrayBlock, FeatureLayout
    from fitwell.networks.build import build_network
    from fitwell.plan import Facts, resolve
    from fitwell.recipe import Recipe
    from fitwell.training.loop import Rows, batching, first_state
    from fitwell.training.members import member_loss, member_settings
    from fitwell.training.population import build_population, make_program, members_of

    x, y = map(torch.from_numpy, rows_of(work))
    block, arrays = "numbers", {}
    if work.reads == "images":
        block, x = "image_0", (x * 50 + 100).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        arrays[block] = ArrayBlock(column="x", kind="image", shape=(SIDE, SIDE, 1))
    if work.reads == "series":
        block, x = "series_0", torch.cat([x, torch.ones_like(x)], -1)
        arrays[block] = ArrayBlock(column="x", kind="series", shape=(work.steps, 2))
    layout = FeatureLayout(numbers=0 if arrays else INPUTS, flags=0, cardinalities=(), arrays=arrays)
    network = {
        "hidden": work.hidden,
        "activation": "relu",
        "normalization": "batch" if work.batch_norm else "none",
        "dropout": work.dropout,
        "number_embedding": "none",
        "input_scale": False,
        "residual": False,
        "image": {"widths": CHANNELS},
        "series": {"family": work.family, "widths": [UNITS]} if work.reads == "series" else {},
    }
    training = {"optimizer": "adam", "learning_rate": RATE, "batch_size": work.batch, "schedule": "constant"}
    training |= {"image_shift": 0.0, "image_flip": False}
    asked = {
        "task": "binary",
        "target": ["y"],
        "device": device,
        "members": work.members,
        "network": network,
        "training": training | {"epochs": 1_000_000, "early_stopping": {"patience": 0}} | settings,
    }
    facts = Facts(task="binary", training_rows=work.rows, outputs=1, layout=layout, cores=1)
    recipe = resolve(Recipe.model_validate(asked), facts).recipe

    sample = {block: x[:1000]}

    def build(member: int, seed: int) -> torch.nn.Module:
        return build_network(recipe, layout, 1, sample=sample, seed=seed, member=member)

    x, y = x.to(device), y.to(device)
    rows = Rows(features={block: x}, targets=y, weights=None)
    few = Rows(features={block: x[: work.batch]}, targets=y[: work.batch], weights=None)
    members = members_of(recipe, build)
    structure, population = build_population(members, settings=recipe.training, device=device)
    steps = batching(len(rows), recipe.training)[1]
    loss, own = partial(member_loss, "cross_entropy", "labels"), member_settings(recipe)
    program = make_program(structure, loss, members, recipe=recipe, own=own, steps_per_epoch=steps)
    seeds = [member.seeds for member in members]
    state = first_state(population)
    return Training(program=program, state=state, rows=rows, few=few, seeds=seeds, batch=work.batch)


def fitwell_command(work: Work, tick: Tick) -> None:
    """Train from a CSV file with everything that `fw.train` does for a user."""
    import tempfile

    import polars as pl

    import fitwell as fw

    x, y = rows_of(work)
    frame = pl.DataFrame({f"x{place}": x[:, place] for place in range(INPUTS)} | {"y": y[:, 0].astype(int)})

    def listen(event: Any) -> None:
        if event.kind == "look" and event.values["epoch"] >= 1:
            tick()

    with tempfile.TemporaryDirectory() as folder:
        frame.write_csv(f"{folder}/rows.csv")
        fw.train(f"{folder}/rows.csv", target="y", out=f"{folder}/run", listener=listen)


def scikit_learn(work: Work, tick: Tick) -> None:
    """Fit scikit-learn's MLPClassifier, an epoch at a time."""
    from sklearn.neural_network import MLPClassifier

    x, y = rows_of(work)
    network = MLPClassifier(work.hidden, alpha=0.0, batch_size=work.batch, learning_rate_init=RATE)
    while True:
        network.partial_fit(x, y[:, 0], classes=[0, 1])
        tick()


def jax_scan(work: Work, tick: Tick) -> None:
    """Make an epoch of all members one jitted scan in JAX, with optax's adam."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax
    import optax
    from jax import numpy as jnp

    x, y = map(jnp.asarray, rows_of(work))
    optimizer = optax.adam(RATE)

    def start(key: Any) -> Any:
        parameters = _jax_parameters(work, key)
        return parameters, optimizer.init(parameters)

    def loss_of(parameters: Any, x: Any, y: Any, key: Any) -> Any:
        for layer in parameters[:-1]:
            x = x @ layer["w"] + layer["b"]
            if work.batch_norm:
                x = (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5) * layer["scale"] + layer["shift"]
            x = jax.nn.relu(x)
            if work.dropout:
                key, own = jax.random.split(key)
                x = x * jax.random.bernoulli(own, 1 - work.dropout, x.shape) / (1 - work.dropout)
        logits = x @ parameters[-1]["w"] + parameters[-1]["b"]
        return optax.sigmoid_binary_cross_entropy(logits, y).mean()

    def step(state: Any, batch: Any) -> Any:
        parameters, slots = state
        loss, gradient = jax.value_and_grad(loss_of)(parameters, *batch)
        updates, slots = optimizer.update(gradient, slots)
        return (optax.apply_updates(parameters, updates), slots), loss

    def epoch(state: Any, key: Any) -> Any:
        order, noise = jax.random.split(key)
        steps = len(x) // work.batch
        rows = jax.random.permutation(order, len(x))[: steps * work.batch].reshape(steps, work.batch)
        return jax.lax.scan(step, state, (x[rows], y[rows], jax.random.split(noise, steps)))

    one_epoch = jax.jit(jax.vmap(epoch) if work.members > 1 else epoch, donate_argnums=0)
    key = jax.random.key(0)
    keys = jax.random.split(key, work.members)
    state = jax.vmap(start)(keys) if work.members > 1 else start(key)
    while True:
        key, own = jax.random.split(key)
        state, losses = one_epoch(state, jax.random.split(own, work.members) if work.members > 1 else own)
        losses.block_until_ready()
        tick()


def _jax_parameters(work: Work, key: Any) -> list[dict[str, Any]]:
    import jax
    from jax import numpy as jnp

    widths = (INPUTS, *work.hidden, 1)
    keys = jax.random.split(key, len(widths) - 1)
    parameters = [
        {"w": jax.random.normal(key, (before, after)) * (2 / before) ** 0.5, "b": jnp.zeros(after)}
        for key, before, after in zip(keys, widths[:-1], widths[1:], strict=True)
    ]
    if work.batch_norm:
        for layer in parameters[:-1]:
            layer |= {"scale": jnp.ones_like(layer["b"]), "shift": jnp.zeros_like(layer["b"])}
    return parameters


def keras_on_torch(work: Work, tick: Tick) -> None:
    """Fit a Keras model on PyTorch."""
    _keras(work, tick, backend="torch")


def keras_on_jax(work: Work, tick: Tick) -> None:
    """Fit a Keras model on JAX."""
    _keras(work, tick, backend="jax")


def _keras(work: Work, tick: Tick, *, backend: str) -> None:
    os.environ |= {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import keras

    layers = []
    for wide in work.hidden:
        layers += [keras.layers.Dense(wide)] + ([keras.layers.BatchNormalization()] if work.batch_norm else [])
        layers += [keras.layers.ReLU()] + ([keras.layers.Dropout(work.dropout)] if work.dropout else [])
    model = keras.Sequential([keras.Input((INPUTS,)), *layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(RATE), keras.losses.BinaryCrossentropy(from_logits=True))
    ticking = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: tick())
    model.fit(*rows_of(work), batch_size=work.batch, epochs=1_000_000, verbose=0, callbacks=[ticking])


def lightning(work: Work, tick: Tick) -> None:
    """Fit a LightningModule with everything beside the loop switched off."""
    import logging

    import torch
    from lightning.pytorch import Callback, LightningModule, Trainer
    from torch.utils.data import DataLoader, TensorDataset

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = plain_network(work)

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            return torch.nn.functional.binary_cross_entropy_with_logits(self.network(x), y)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=RATE)

    class Ticking(Callback):
        def on_train_epoch_end(self, *_: Any) -> None:
            tick()

    tensors = TensorDataset(*map(torch.from_numpy, rows_of(work)))
    loader = DataLoader(tensors, batch_size=work.batch, shuffle=True, drop_last=True)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    Trainer(max_epochs=-1, accelerator="cpu", logger=False, callbacks=[Ticking()], **quiet).fit(Module(), loader)


def skorch(work: Work, tick: Tick) -> None:
    """Fit skorch's NeuralNet without validation."""
    import torch
    from skorch import NeuralNet
    from skorch.callbacks import Callback

    class Ticking(Callback):
        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            tick()

    net = NeuralNet(
        plain_network(work),
        torch.nn.BCEWithLogitsLoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=work.batch,
        max_epochs=1_000_000,
        train_split=None,
        iterator_train__shuffle=True,
        iterator_train__drop_last=True,
        callbacks=[Ticking()],
        verbose=0,
    )
    net.fit(*rows_of(work))


def fastai(work: Work, tick: Tick) -> None:
    """Fit a fastai Learner without a progress bar and without validation."""
    import torch
    from fastai.callback import progress  # noqa: F401  (it brings no_bar)
    from fastai.callback.core import Callback, CancelValidException
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import Adam

    class Ticking(Callback):
        def before_validate(self) -> None:
            raise CancelValidException

        def after_epoch(self) -> None:
            tick()

    tensors = torch.utils.data.TensorDataset(*map(torch.from_numpy, rows_of(work)))
    loader = DataLoader(tensors, bs=work.batch, shuffle=True, drop_last=True, num_workers=0)
    loaders = DataLoaders(loader, loader, device=torch.device("cpu"))
    learner = Learner(loaders, plain_network(work), loss_func=torch.nn.BCEWithLogitsLoss(), opt_func=Adam, lr=RATE)
    with learner.no_bar(), learner.no_logging():
        learner.fit(1_000_000, cbs=[Ticking()])


CONTESTANTS: dict[str, Callable[[Work, Tick], None]] = {
    "eager": eager,
    "lean": lean,
    "data loader": data_loader,
    "compiled by hand": compiled_by_hand,
    "fitwell, eager": fitwell_eager,
    "fitwell, mapped": fitwell_mapped,
    "fitwell, compiled": fitwell_compiled,
    "fitwell, compiled, no signals": fitwell_without_signals,
    "fitwell": fitwell_command,
    "scikit-learn": scikit_learn,
    "jax scan": jax_scan,
    "keras on torch": keras_on_torch,
    "keras on jax": keras_on_jax,
    "lightning": lightning,
    "skorch": skorch,
    "fastai": fastai,
}


def ticks() -> Iterator[None]:
    """Answer every line of standard input with what the epoch took; leave the process when there is no more."""
    while True:
        started = time.process_time()
        yield
        seconds = time.process_time() - started
        memory = {
            name: resource.getrusage(who).ru_maxrss / 1024
            for name, who in (("megabytes", resource.RUSAGE_SELF), ("of_children", resource.RUSAGE_CHILDREN))
        }
        print(json.dumps({"seconds": seconds, **memory}), flush=True)
        if not sys.stdin.readline():
            os._exit(0)  # frameworks have no other way out of a fit without end


def main() -> None:
    """Train until standard input ends."""
    name, work = sys.argv[1:]
    answers = ticks()
    next(answers)
    CONTESTANTS[name](WORKS[work], lambda: next(answers))


if __name__ == "__main__":
    main()
