"""Signals are what hooks on a plain module in float64 see, and looking changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from fitwell.networks.noise import noise_words
from fitwell.training.loop import epoch_batches
from fitwell.training.pieces import unflatten
from fitwell.training.signals import ENOUGH_ACTIVATIONS, SIGNALS, has_activations, layer_of, layer_spans
from fitwell.training.step import advance

Start = Callable[..., Any]
CASES: dict[str, dict[str, Any]] = {
    "relu": {"network": {"activation": "relu", "dropout": 0.4}},
    "tanh": {"network": {"activation": "tanh", "normalization": "batch", "initialization": "uniform",
                         "initialization_range": 3.0}},
    "sigmoid": {"network": {"activation": "sigmoid", "residual": True, "initialization": "uniform",
                            "initialization_range": 3.0}},
    "penalties": {"network": {"activation": "relu"}, "l2": 0.5, "clip_norm": 0.1, "optimizer": "sgd"},
}  # fmt: skip


def observed(training: Any) -> tuple[Any, Tensor]:
    batch = next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=16))
    layers = training.program.network.noise_layers
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=layers)
    outcome = advance(training.program, training.population, batch, noise=words, rate=0.05, step=1, observe=True)
    assert outcome.signals is not None
    return outcome.signals, words


def seen_by_hooks(training: Any, weights: Tensor, words: Tensor, batch: Any) -> tuple[dict[str, Tensor], Any]:
    """Run a plain module with hooks; return the activations by layer and the module with its gradients."""
    network = training.members[0].build(0).double().train()
    network.load_state_dict(unflatten(weights, training.program.pieces), strict=False)
    seen: dict[str, Tensor] = {}
    for place, layer in enumerate(network.layers):
        layer.activation.register_forward_hook(
            lambda _m, _i, outputs, place=place: seen.__setitem__(f"layers.{place}", outputs.detach())
        )
    outputs = network(batch[0], words)
    (outputs - batch[1]).square().mean().backward()
    return seen, network


@pytest.mark.parametrize("execution", ["eager", "mapped", pytest.param("compiled", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
def test_every_signal_is_what_hooks_on_a_plain_module_see(case: str, execution: str, start: Start) -> None:
    members = 1 if execution == "eager" else 3
    training = start(members=members, execution=execution, double=True, **CASES[case])
    # Weights that start at zero, as those of the head may, would hide much.
    training.population.weights.add_(
        0.1 * torch.randn(training.population.weights.shape, generator=torch.Generator().manual_seed(6))
    )
    before = training.population.weights.clone()
    signals, words = observed(training)
    batch = next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=16))
    assert signals.layers == ("inputs", "layers.0", "layers.1", "head")
    for member in range(members):
        rows = ({name: block[member] for name, block in batch.features.items()}, batch.targets[member])
        seen, network = seen_by_hooks(training, before[member], words[member], rows)
        moved = unflatten(training.population.weights[member] - before[member], training.program.pieces)
        for place, layer in enumerate(signals.layers):
            found = dict(zip(SIGNALS, signals.values[member, place].tolist(), strict=True))
            parameters = {name: p for name, p in network.named_parameters() if name.startswith(f"{layer}.")}
            size = math.sqrt(sum(float(p.detach().square().sum()) for p in parameters.values()))
            slope = math.sqrt(sum(float(p.grad.square().sum()) for p in parameters.values() if p.grad is not None))
            step = math.sqrt(sum(float(moved[name].square().sum()) for name in parameters))
            assert found["weight_norm"] == pytest.approx(size, rel=1e-10)
            assert found["gradient_norm"] == pytest.approx(slope, rel=1e-8)
            assert found["update_ratio"] == pytest.approx(step / max(size, step), rel=1e-8)
            if layer not in seen:
                assert all(math.isnan(found[name]) for name in SIGNALS[3:])
                continue
            values = seen[layer]
            low, high = {"tanh": (-1, 1), "sigmoid": (0, 1)}.get(case, (-math.inf, math.inf))
            margin = (high - low) / 20 if low > -math.inf else 0
            near = [v < low + margin or v > high - margin for v in values.flatten().tolist()]
            assert found["activation_mean"] == pytest.approx(float(values.mean()), rel=1e-9, abs=1e-12)
            assert found["activation_spread"] == pytest.approx(float(values.std(correction=0)), rel=1e-9)
            assert found["zeros"] == pytest.approx(float((values == 0).double().mean()), abs=1e-6)
            assert found["saturation"] == pytest.approx(sum(near) / len(near), abs=1e-6)
            assert (found["saturation"] > 0) == (case in ("tanh", "sigmoid"))
            assert (found["zeros"] > 0.2) == (case in ("relu", "penalties"))


def test_signals_of_large_networks_are_those_of_small_ones(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for large in (2**19, 1):
        monkeypatch.setattr("fitwell.training.signals.LARGE", large)
        signals, _ = observed(start(double=True, clip_norm=0.1, l2=0.5))
        found.append(signals.values)
    torch.testing.assert_close(*found, rtol=1e-12, atol=0.0, equal_nan=True)


@pytest.mark.parametrize("execution", ["eager", "mapped"])
def test_observing_changes_no_bit_of_weights_statistics_or_losses(execution: str, start: Start) -> None:
    found = []
    for observe in (False, True):
        training = start(
            members=2, execution=execution, l2=0.01, clip_norm=0.5, network={"normalization": "batch", "dropout": 0.2}
        )
        losses = []
        for step, batch in enumerate(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=16)):
            words = noise_words([1, 2], step=step, layers=training.program.network.noise_layers)
            outcome = advance(
                training.program, training.population, batch, noise=words, rate=0.05, step=step + 1, observe=observe
            )
            losses.append(outcome.losses)
        found.append([torch.stack(losses), training.population.weights, *training.population.buffers.values()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_large_batch_is_sampled_and_layers_of_several_shapes_keep_their_order(start: Start) -> None:
    training = start(rows=600, network={"hidden": [100, 100, 12], "activation": "relu"})
    batch = next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=400))
    seen: list[Tensor] = []
    hooks = [
        layer.activation.register_forward_hook(lambda _m, _i, outputs: seen.append(outputs.detach()))
        for layer in training.program.network.layers
    ]
    words = noise_words([seed.noise for seed in training.seeds], step=0, layers=training.program.network.noise_layers)
    outcome = advance(training.program, training.population, batch, noise=words, rate=0.05, step=1, observe=True)
    for hook in hooks:
        hook.remove()
    assert outcome.signals is not None
    rows = [-(-ENOUGH_ACTIVATIONS // 100)] * 2 + [400]
    for place, (values, looked_at) in enumerate(zip(seen, rows, strict=True), start=1):
        found = dict(zip(SIGNALS, outcome.signals.values[0, place].tolist(), strict=True))
        assert found["activation_mean"] == pytest.approx(float(values[:looked_at].mean()), rel=1e-5)
        assert found["activation_spread"] == pytest.approx(float(values[:looked_at].std(correction=0)), rel=1e-5)
        assert found["zeros"] == pytest.approx(float((values == 0).double().mean()), abs=0.05)


def test_weights_that_start_at_zero_move_by_a_share_of_one(start: Start) -> None:
    training = start()
    training.population.weights.zero_()
    signals, _ = observed(training)
    ratios = signals.values[0, :, SIGNALS.index("update_ratio")]
    assert float(ratios[-1]) == pytest.approx(1.0)
    assert bool((ratios <= 1).all())


def test_no_hook_stays_behind(start: Start) -> None:
    training = start()
    observed(training)
    assert not any(module._forward_hooks for module in training.program.network.modules())


def test_layers_cover_all_weights_without_overlap(start: Start) -> None:
    training = start(network={"normalization": "layer", "number_embedding": "periodic", "activation": "prelu"})
    spans = layer_spans(training.program.pieces)
    assert list(spans) == ["inputs", "layers.0", "layers.1", "head"]
    assert [has_activations(layer) for layer in spans] == [False, True, True, False]
    edges = [(span.start, span.stop) for span in spans.values()]
    assert [start for start, _ in edges[1:]] == [stop for _, stop in edges[:-1]]
    assert (edges[0][0], edges[-1][1]) == (0, training.population.weights.shape[1])
    assert layer_of("head.bias") == "head"


def test_units_that_give_no_number_are_not_called_dead(start: Start) -> None:
    training = start(network={"activation": "relu"})
    training.population.weights.fill_(torch.nan)
    signals, _ = observed(training)
    hidden = signals.values[0, [has_activations(layer) for layer in signals.layers]]
    assert hidden[:, SIGNALS.index("zeros")].isnan().all()
