"""Random kernels tell the share of steps at which a filter responds, whatever fills the series up."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fitwell.data.encode import ArrayBlock
from fitwell.networks.layer import ArrayStart
from fitwell.networks.random_kernels import BIASES, LENGTH, RandomKernels, kernels, spread_quantiles
from fitwell.recipe import NetworkSettings, TrainingSettings

STEPS, CHANNELS = 40, 3


def series(rows: int = 6, *, own: int = STEPS, steps: int = STEPS) -> Tensor:
    values = torch.randn(rows, own, CHANNELS, generator=torch.Generator().manual_seed(1))
    marked = torch.cat([values, torch.ones(rows, own, 1)], -1)
    return torch.cat([marked, torch.zeros(rows, steps - own, CHANNELS + 1)], 1)


def network_of(sample: Tensor | None, steps: int = STEPS) -> RandomKernels:
    return RandomKernels(
        ArrayStart(
            array=ArrayBlock(column="x", kind="series", shape=(steps, CHANNELS + 1)),
            settings=NetworkSettings(),
            training=TrainingSettings(),
            noise_layer=0,
            sample=sample,
            generator=torch.Generator(),
        )
    )


def test_shares_are_those_of_a_loop_over_the_steps() -> None:
    network = network_of(series(20))
    told = (network(series(2), None) / network.factor + network.center).double().numpy()
    place, of_each = 2, network.each * BIASES
    weights, dilation = network.get_buffer(f"kernels_{place}").double().numpy(), network.dilations[place]
    biases = network.biases[place].double().numpy()
    assert dilation == 4
    for row, values in enumerate(series(2)[..., :CHANNELS].double().numpy()):
        for kernel in (0, 7):
            responses = []
            for step in range(STEPS):
                seen = [step + dilation * (k - LENGTH // 2) for k in range(LENGTH)]
                inside = [(k, at) for k, at in enumerate(seen) if 0 <= at < STEPS]
                responses.append(sum(weights[kernel, :, k] @ values[at] for k, at in inside))
            for bias in range(BIASES):
                share = np.mean(np.array(responses) > biases[kernel, bias])
                column = place * of_each + bias * network.each + kernel
                assert abs(told[row, column] - share) < 1e-6, (kernel, bias)
        assert np.allclose(told[row, -2 * CHANNELS :], [*values.mean(0), *values.std(0)], atol=1e-5)  # float32's digits


def test_what_fills_a_series_up_changes_nothing() -> None:
    network = network_of(series(20))
    longer = network_of(None, STEPS + 20)
    assert longer.dilations == network.dilations
    longer.load_state_dict(network.state_dict())
    filled = torch.cat([series(3), torch.zeros(3, 20, CHANNELS + 1)], 1)
    torch.testing.assert_close(longer(filled, None), network(series(3), None), rtol=1e-4, atol=1e-4)


def test_what_is_read_beforehand_is_what_the_network_computes() -> None:
    network = network_of(series(20))
    read = network.read(series(70))
    assert torch.equal(network(read, None), read)
    torch.testing.assert_close(network(series(70), None), read)


def test_every_network_has_the_same_filters() -> None:
    first, second = network_of(None), network_of(series(20))
    assert torch.equal(first.get_buffer("kernels_1"), second.get_buffer("kernels_1"))


def test_filters_have_no_mean_and_see_some_of_the_channels() -> None:
    weights = kernels(400, 5, generator=torch.Generator().manual_seed(1))
    assert weights.mean(-1).abs().max() < 1e-6
    seen = (weights != 0).any(-1).sum(1)
    assert set(seen.tolist()) == {1, 2, 3, 4, 5}
    assert (weights != 0).any(-1).any(0).all()


def test_biases_are_quantiles_of_the_responses_spread_evenly() -> None:
    responses = torch.arange(1000.0).expand(1, 50, 1000)
    found = spread_quantiles(responses, torch.ones(1, 1000, dtype=torch.bool)).flatten().sort().values / 999
    # 200 multiples of the golden ratio modulo 1 are at most a few times 1/200 apart.
    assert max(float(gap) for gap in (found.diff().max(), found[0], 1 - found[-1])) < 0.02


def test_series_without_steps_have_finite_shares() -> None:
    nothing = torch.zeros(4, STEPS, CHANNELS + 1)
    assert torch.isfinite(network_of(nothing)(nothing, None)).all()
