"""A watch inside trainers that keep the loop to themselves: callbacks for Lightning and for Hugging Face's Trainer.

Neither package is imported before somebody who has it asks for its callback.

callback = fw.lightning_callback()
Trainer(max_epochs=5, callbacks=[callback]).fit(model, rows)
callback.watch.findings
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import torch
from torch import nn

from fitwell.errors import RequestError
from fitwell.watching.watcher import Watch

LIGHTNING = ("lightning.pytorch", "pytorch_lightning")  # one library under two names
TRANSFORMERS = ("transformers",)


class _Session:
    """The watch over one training of a trainer."""

    def __init__(self) -> None:
        self._watch: Watch | None = None

    @property
    def watch(self) -> Watch:
        if self._watch is None:
            raise RequestError("a callback's watch can be asked once a training has begun, but none has")
        return self._watch

    def begin(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        if optimizer is None:
            raise RequestError("a training to watch must have an optimizer, but the trainer has none")
        self._watch = Watch(model, optimizer).__enter__()

    def record(self, loss: Any, *, split: Any) -> None:
        # What is looked at before the first step is a trial run of the trainer.
        if self._watch is not None and loss is not None:
            self._watch.record(loss=loss, split=split)

    def end(self) -> None:
        if self._watch is not None:
            self._watch.__exit__(None, None, None)


def lightning_callback(*, validation_loss: str = "val_loss") -> Any:
    """Return a callback for Lightning's Trainer; its `watch` is what `fw.watch` gives.

    `validation_loss` is the name under which the module logs the loss of its validation rows. Of several optimizers
    the first is watched.

    Raises:
        RequestError: Lightning is not installed.
    """
    base = _class_of(LIGHTNING, "Callback", extra="lightning")
    session = _Session()

    class WatchCallback(base):  # type: ignore[misc,valid-type]
        """Watches a training from its first step to its last."""

        @property
        def watch(self) -> Watch:
            return session.watch

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            session.begin(pl_module, next(iter(trainer.optimizers), None))

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any, **__: Any) -> None:
            session.record(outputs.get("loss") if isinstance(outputs, dict) else outputs, split="train")

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            session.record(trainer.callback_metrics.get(validation_loss), split="validation")

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            session.end()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            session.end()

    return WatchCallback()


def transformers_callback() -> Any:
    """Return a callback for Hugging Face's Trainer; its `watch` is what `fw.watch` gives.

    Losses are those that the trainer logs: the mean since the last `logging_steps`, and `eval_loss`.

    Raises:
        RequestError: transformers is not installed.
    """
    base = _class_of(TRANSFORMERS, "TrainerCallback", extra="transformers")
    session = _Session()

    class WatchCallback(base):  # type: ignore[misc,valid-type]
        """Watches a training from its first step to its last."""

        @property
        def watch(self) -> Watch:
            return session.watch

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            optimizer = given.get("optimizer")
            # accelerate's wrapper has no hooks of its own; the optimizer within is a plain one.
            session.begin(given["model"], getattr(optimizer, "optimizer", optimizer))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            session.record((logs or {}).get("loss"), split="train")
            session.record((logs or {}).get("eval_loss"), split="validation")

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            session.end()

    return WatchCallback()


def _class_of(modules: tuple[str, ...], name: str, *, extra: str) -> Any:
    """Return a class of the first of some modules that is in use, else of the first that can be imported."""
    for module in sorted(modules, key=lambda each: each not in sys.modules):
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            missing = error
    raise RequestError(
        f"this callback needs the package it is for, but {missing.name} is missing; try: pip install {extra}"
    )
