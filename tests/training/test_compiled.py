"""Compiling may fail without harm, leaves the population alone, and can be done again and again."""

from __future__ import annotations

import gc
import logging
import resource
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import _inductor as inductor

from fitwell.errors import SurroundingsError
from fitwell.networks.noise import noise_words
from fitwell.training.compiled import compile_ahead
from fitwell.training.loop import epoch_batches
from fitwell.training.step import Batch

Start = Callable[..., Any]


def first_batch(training: Any) -> tuple[Batch, torch.Tensor]:
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=training.program.network.noise_layers)
    size = training.program.settings.batch_size
    return next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=size)), words


def refusing(*_: Any) -> None:
    raise RuntimeError("\nno compiler here\nand much more")


def test_a_compiler_that_fails_is_told_of_in_one_line(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inductor, "compile", refusing)
    training = start(execution="compiled")
    batch, words = first_batch(training)
    with pytest.raises(SurroundingsError, match=r"^the step cannot be compiled \(no compiler here\); try training"):
        compile_ahead(training.program, training.population, batch, noise=words, observing=False)
    assert logging.getLogger("torch").isEnabledFor(logging.CRITICAL)


@pytest.mark.parametrize("observing", [False, True])
def test_what_is_compiled_ahead_is_all_that_training_calls(
    observing: bool, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.fx.GraphModule] = []

    def as_it_is(graph: torch.fx.GraphModule, _inputs: Any) -> Any:
        compiled.append(graph)
        return graph

    monkeypatch.setattr(inductor, "compile", as_it_is)  # a graph that is not compiled computes the same
    training = start(execution="compiled", members=2, signals_every=3 if observing else 0)
    batch, words = first_batch(training)
    before = training.population.weights.clone()
    compile_ahead(training.program, training.population, batch, noise=words, observing=observing)
    assert torch.equal(training.population.weights, before)
    assert len(compiled) == 1 + observing
    for _moment in training.moments():
        pass
    assert len(compiled) == 1 + observing
    eager = start(execution="eager", members=2, signals_every=3 if observing else 0)
    for _moment in eager.moments():
        pass
    assert torch.allclose(training.population.weights, eager.population.weights, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_twenty_recipes_compile_in_one_process_quietly_and_without_growth_of_memory(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    used = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for place in range(20):
            recipe = {
                "network": {"hidden": [8 + place], "activation": ["relu", "silu", "tanh", "gelu"][place % 4]},
                "optimizer": ["adam", "sgd", "adamw", "rmsprop", "adagrad"][place % 5],
                "epochs": 1,
            }
            training, eager = (start(execution=execution, **recipe) for execution in ("compiled", "eager"))
            for one, other in zip(training.moments(), eager.moments(), strict=True):
                assert torch.allclose(
                    one.state.population.weights, other.state.population.weights, rtol=1e-3, atol=1e-5
                )
            gc.collect()  # what tracing leaves refers to itself
            used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert capfd.readouterr() == ("", "")
    assert used[-1] - used[4] < 100, used  # megabytes, of 15 recipes of two programs each
