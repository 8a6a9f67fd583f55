"""A training in somebody's own loop is watched: nothing of it changes, and the doctor's checks say what they suspect.

with fw.watch(model, optimizer) as watch:
    for inputs, targets in batches:
        loss = loss_of(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.record(loss=loss)
    watch.record(loss=validation_loss, split="validation")
watch.findings, watch.report("watched.html")
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Literal

import polars as pl
import torch
from torch import Tensor, nn

from fitwell.doctor.checks import checked
from fitwell.doctor.finding import Finding
from fitwell.doctor.history import observations
from fitwell.doctor.observation import LayerSeen, Observation
from fitwell.errors import RequestError
from fitwell.files import replace_atomically
from fitwell.report.watched import watched_page
from fitwell.training.history import COLUMNS
from fitwell.watching.heard import Measured, look_rows, numbers, spreads_heard, step_rows, unknown_to
from fitwell.watching.listening import Forward, Weights, as_rows, held_layers
from fitwell.watching.sampling import affordable, next_step

Split = Literal["train", "validation"]


class Watch:
    """What was heard of a training so far."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for name, given, kind in (("model", model, nn.Module), ("optimizer", optimizer, torch.optim.Optimizer)):
            if not isinstance(given, kind):
                raise RequestError(f"{name} must be a torch {kind.__name__}, but is of type {type(given).__name__}")
        self._model, self._optimizer = model, optimizer
        self._layers = held_layers(model)
        if not any(weight.requires_grad for layer in self._layers for weight in layer.weights):
            raise RequestError(
                f"a model to watch must have weights that learn, but {type(model).__name__} has none; "
                "is it the model that the optimizer trains?"
            )
        self._weights = Weights(self._layers)
        self._forward: Forward | None = None
        self._handles: list[Any] = []
        self._step, self._next = 0, 0
        self._measured: list[Measured] = []
        self._losses: dict[Split, list[tuple[int, Tensor | float]]] = {"train": [], "validation": []}
        self._order: list[str] = []
        self._inputs: Tensor | None = None
        self._started, self._spent = perf_counter(), 0.0
        self._ended = False

    def __enter__(self) -> Watch:
        self._started = perf_counter()
        self._handles = [
            self._optimizer.register_step_pre_hook(self._before),
            self._optimizer.register_step_post_hook(self._after),
        ]
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deaf()
        for handle in self._handles:
            handle.remove()
        self._handles, self._ended = [], True

    def record(self, *, loss: Tensor | float, split: Split = "train") -> None:
        """Remember a loss, of a batch or, with `split="validation"`, of rows that are not trained on.

        A tensor is kept as it is and read later, so that nothing waits for the device.

        Raises:
            RequestError: the loss is not one number, or the split is another word.
        """
        if split not in self._losses:
            raise RequestError(f'a split is "train" or "validation", but "{split}" came')
        if isinstance(loss, Tensor):
            if loss.numel() != 1:
                raise RequestError(f"a loss must be one number, but a tensor {tuple(loss.shape)} came; take its mean")
            loss = loss.detach()
        self._losses[split].append((self._step, loss))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks suspect so far, the gravest first."""
        return tuple(checked([self.observation]))

    @property
    def history(self) -> pl.DataFrame:
        """The losses and signals in the layout of a run's history, whose column `epoch` counts steps here."""
        losses = {split: numbers(heard) for split, heard in self._losses.items()}
        rows = [*look_rows(losses["train"], losses["validation"]), *step_rows(self._measured, losses["train"])]
        signals = sorted({name for row in rows for name in row if name not in COLUMNS})
        return pl.DataFrame(rows, schema=COLUMNS | dict.fromkeys(signals, pl.Float64))

    @property
    def observation(self) -> Observation:
        """What the checks read."""
        (seen,) = observations(self.history, self.layers) or [Observation(layers=self.layers)]  # before the first step
        rate = self._measured[0].rate if self._measured else None
        return replace(
            seen,
            learning_rate=rate,
            optimizer=type(self._optimizer).__name__.lower(),
            ending="planned" if self._ended else "running",
            clock="step",
            left_out=unknown_to(self._optimizer, self._layers),
            inputs=None if self._inputs is None else spreads_heard(self._inputs),
        )

    @property
    def layers(self) -> tuple[LayerSeen, ...]:
        """The layers in the order in which rows pass through; the last one called puts out the answer."""
        names = [layer.name for layer in self._layers]
        called = [name for name in self._order if name in names]
        ordered = [*called, *(name for name in names if name not in called)]
        return tuple(
            LayerSeen(name=name, kind="output" if called and name == called[-1] else "hidden") for name in ordered
        )

    def report(self, path: str | Path) -> Path:
        """Write a page with the findings and pictures of losses and layers; it opens without a network."""
        page = watched_page(
            title=type(self._model).__name__,
            steps=self._step,
            history=self.history,
            layers=[layer.name for layer in self.layers],
            findings=[finding.as_json() for finding in self.findings],
        )
        replace_atomically(Path(path), page)
        return Path(path)

    def _listen(self) -> None:
        self._forward = Forward(self._model, self._layers)

    def _deaf(self) -> None:
        if self._forward is not None:
            self._forward.remove()
            self._forward = None

    def _before(
        self, _optimizer: torch.optim.Optimizer, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if self._step != self._next:
            return None
        own, *positional = arguments  # the first is the optimizer
        closure = positional[0] if positional else keywords.get("closure")
        if closure is None:
            self._measure_weights()
            return None
        # The gradients are made within the step, by a function that the optimizer calls, some of them several times.
        unmeasured = [self._measure_weights]

        def measured() -> Any:
            loss = closure()
            if unmeasured:
                unmeasured.pop()()
            return loss

        return (own, measured), {}

    def _measure_weights(self) -> None:
        started = perf_counter()
        self._weights.before()
        self._spent += perf_counter() - started

    def _after(self, _optimizer: torch.optim.Optimizer, _arguments: object, _keywords: object) -> None:
        if self._step == self._next:
            started = perf_counter()
            self._keep()
            self._spent += perf_counter() - started
            self._next = next_step(self._step)
        self._step += 1
        if self._step == self._next:
            if affordable(self._step, spent=self._spent, elapsed=perf_counter() - self._started):
                self._listen()
            else:
                self._next = next_step(self._step)

    def _keep(self) -> None:
        forward = self._forward
        assert forward is not None
        self._deaf()
        self._spent += forward.spent
        if self._inputs is None:
            self._inputs = forward.inputs
        self._order += [name for name in forward.order if name not in self._order]
        rate = float(self._optimizer.param_groups[0]["lr"])
        signals = dict(as_rows(self._layers, self._weights.after(), forward))
        self._measured.append(Measured(step=self._step, rate=rate, signals=signals))


def watch(model: nn.Module, optimizer: torch.optim.Optimizer) -> Watch:
    """Return a watch over a training of a model by an optimizer, to be used with `with`.

    It hangs hooks for single steps: every step at first, then ever fewer, as `watching/sampling.py` says. The model,
    its gradients and the order of random numbers are left as they are, and the hooks are gone afterwards.

    Raises:
        RequestError: the model has no weights that learn.
    """
    return Watch(model, optimizer)
