"""Callbacks hear what the trainers tell them; the packages are stood in for by classes that call in their order.

`benchmarks/watch_callbacks.py` does the same with the packages themselves.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fitwell as fw
from fitwell.errors import RequestError

INPUTS = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
TARGETS = INPUTS.sum(1, keepdim=True)


class Module(nn.Module):
    """A module whose parts are called and not itself, as a training step does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def loss(self) -> Tensor:
        return nn.functional.mse_loss(self.body(INPUTS), TARGETS)


class Base:
    """What both packages' callbacks inherit: methods that do nothing."""


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in (("lightning.pytorch", "Callback"), ("transformers", "TrainerCallback")):
        module = ModuleType(name)
        setattr(module, kind, Base)
        monkeypatch.setitem(sys.modules, name, module)


def lightning(callback: Any, module: Module, *, steps: int = 40, rate: float = 1e-8) -> None:
    """Train as Lightning does: the optimizer calls the function that runs forward and backward."""
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    trainer = SimpleNamespace(optimizers=[optimizer], callback_metrics={"val_loss": torch.tensor(9.0)})
    callback.on_validation_end(trainer, module)  # the sanity check
    callback.on_train_start(trainer, module)
    for step in range(steps):

        def closure() -> Tensor:
            loss = module.loss()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        loss = optimizer.step(closure=closure)
        callback.on_train_batch_end(trainer, module, {"loss": loss}, None, step)
    callback.on_validation_end(trainer, module)
    callback.on_train_end(trainer, module)


@pytest.mark.usefixtures("packages")
def test_a_training_of_lightning_is_watched_as_ones_own_loop_is() -> None:
    callback = fw.lightning_callback()
    with pytest.raises(RequestError, match="once a training has begun, but none has"):
        _ = callback.watch
    module = Module()
    lightning(callback, module)
    assert callback.watch.findings[0].symptom == "learning_rate_too_low"
    history = callback.watch.history
    assert history.filter(split="validation")["loss"].to_list() == [9.0]
    twin = Module()
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-8)
    with fw.watch(twin, optimizer) as own:
        for _ in range(40):
            loss = twin.loss()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            own.record(loss=loss)
    # Gradients are measured after the backward pass, though it runs within the optimizer's step.
    signals = [name for name in history.columns if "." in name]
    assert history.filter(split="batch")[signals].equals(own.history.filter(split="batch")[signals])
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


@pytest.mark.usefixtures("packages")
def test_a_training_of_lightning_that_fails_leaves_no_hook_behind() -> None:
    callback, module = fw.lightning_callback(), Module()
    trainer = SimpleNamespace(optimizers=[torch.optim.SGD(module.parameters(), lr=0.1)], callback_metrics={})
    callback.on_train_start(trainer, module)
    callback.on_exception(trainer, module, KeyboardInterrupt())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    with pytest.raises(RequestError, match="must have an optimizer, but the trainer has none"):
        fw.lightning_callback().on_train_start(SimpleNamespace(optimizers=[]), module)


@pytest.mark.usefixtures("packages")
def test_a_training_of_hugging_face_is_watched() -> None:
    callback, model = fw.transformers_callback(), Module()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-8)
    callback.on_train_begin(None, None, None, model=model, optimizer=SimpleNamespace(optimizer=optimizer))
    for step in range(40):
        model.loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if step % 10 == 9:
            callback.on_log(None, None, None, logs={"loss": 4.0, "learning_rate": 1e-8})
            callback.on_log(None, None, None, logs={"eval_loss": 4.5})
    callback.on_train_end(None, None, None)
    looks = callback.watch.history
    assert looks.filter(split="train")["loss"].to_list() == [4.0] * 4
    assert looks.filter(split="validation")["loss"].to_list() == [4.5] * 4
    assert callback.watch.findings[0].symptom == "learning_rate_too_low"


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RequestError, match="is missing; try: pip install lightning"):
        fw.lightning_callback()
    with pytest.raises(RequestError, match="is missing; try: pip install transformers"):
        fw.transformers_callback()
