"""Compiled steps are all that training calls, leave the population alone, and can be made again and again."""

from __future__ import annotations

import gc
import resource
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fitwell.networks.noise import noise_words
from fitwell.training.compiled import SingleStep, compile_ahead
from fitwell.training.loop import epoch_batches
from fitwell.training.program import Batch

Start = Callable[..., Any]


def first_batch(training: Any) -> tuple[Batch, torch.Tensor]:
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=training.program.network.noise_layers)
    size = training.program.settings.batch_size
    return next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=size)), words


@pytest.mark.parametrize("observing", [False, True])
def test_what_is_compiled_ahead_is_all_that_training_calls(
    observing: bool, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[SingleStep] = []

    def as_they_are(steps: Sequence[SingleStep], example: Sequence[Tensor]) -> list[Any]:
        compiled.extend(steps)
        return [lambda tensors, step=step: step(*tensors) for step in steps]

    monkeypatch.setattr("fitwell.training.compiled.loaded_libraries", as_they_are)
    training = start(execution="compiled", members=2, signals_every=3 if observing else 0)
    batch, words = first_batch(training)
    before = training.population.weights.clone()
    compile_ahead(training.program, training.population, batch, noise=words, observing=observing)
    assert torch.equal(training.population.weights, before)
    assert [step.observe for step in compiled] == [False, True][: 1 + observing]
    for _moment in training.moments():
        pass
    assert len(compiled) == 1 + observing
    eager = start(execution="eager", members=2, signals_every=3 if observing else 0)
    for _moment in eager.moments():
        pass
    assert torch.allclose(training.population.weights, eager.population.weights, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_twenty_recipes_compile_in_one_process_quietly_and_without_growth_of_memory(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # everything is compiled, whatever was compiled before
    used = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for place in range(20):
            recipe = {
                "network": {"hidden": [8 + place], "activation": ["relu", "silu", "tanh", "gelu"][place % 4]},
                "optimizer": ["adam", "sgd", "adamw", "rmsprop", "adagrad"][place % 5],
                "epochs": 1,
                "signals_every": place % 2,
            }
            training, eager = (start(execution=execution, **recipe) for execution in ("compiled", "eager"))
            for one, other in zip(training.moments(), eager.moments(), strict=True):
                assert torch.allclose(
                    one.state.population.weights, other.state.population.weights, rtol=1e-3, atol=1e-5
                )
            gc.collect()
            used.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert capfd.readouterr() == ("", "")
    assert used[-1] - used[0] < 20, used  # megabytes; compiling takes place elsewhere
