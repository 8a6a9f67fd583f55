"""A fully connected network is its formula, initialized layer by layer, with one noise stream for each layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from fitwell.data.encode import FeatureLayout
from fitwell.networks.build import FAMILIES, build_network, hidden_linear_maps
from fitwell.networks.fully_connected import FullyConnected
from fitwell.networks.noise import keep_mask, noise_words, normal_noise
from fitwell.plan import Facts, resolve
from fitwell.recipe import FamilyName, Recipe

LAYOUT = FeatureLayout(numbers=3, flags=2, cardinalities=(4, 6))
ROWS = 64


def features(rows: int = ROWS) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "numbers": torch.randn(rows, 3, generator=generator),
        "flags": torch.randn(rows, 2, generator=generator),
        "codes": torch.stack([torch.randint(0, size, (rows,), generator=generator) for size in (4, 6)], 1),
    }


def built(seed: int = 1, layout: FeatureLayout = LAYOUT, input_noise: float = 0.0, **network: Any) -> FullyConnected:
    settings = {"hidden": [8, 8], "number_embedding": "none", "dropout": 0.0, "input_scale": False} | network
    asked = Recipe.model_validate({"network": settings, "training": {"input_noise": input_noise}})
    facts = Facts(task="regression", training_rows=100, outputs=2, layout=layout, cores=1)
    sample = {name: block for name, block in features().items() if name == "numbers" or layout is LAYOUT}
    network_of = build_network(resolve(asked, facts).recipe, layout, 2, sample=sample, seed=seed)
    with torch.no_grad():  # a head that starts at zero would hide what comes before it
        network_of.head.weight.normal_(generator=torch.Generator().manual_seed(4))
    return network_of


def test_every_family_of_the_recipe_is_in_the_table() -> None:
    assert tuple(FAMILIES) == FamilyName.__args__  # type: ignore[attr-defined]


@pytest.mark.parametrize("residual", [False, True])
def test_outputs_are_the_formula_with_the_masks_of_each_layers_own_noise(residual: bool) -> None:
    network = built(activation="tanh", dropout=0.25, residual=residual, input_noise=0.5)
    words = noise_words([5], step=2, layers=network.noise_layers)[0]
    x = features()
    assert network.noise_layers == 3
    tensors = dict(network.named_parameters())
    for noise in (None, words):
        numbers = x["numbers"] if noise is None else x["numbers"] + 0.5 * normal_noise(noise[0], (ROWS, 3))
        tables = [tensors[f"inputs.codes.tables.{place}"][x["codes"][:, place]] for place in range(2)]
        hidden = torch.cat([numbers, x["flags"], *tables], 1)
        for place in range(2):
            weight, bias = tensors[f"layers.{place}.linear.weight"], tensors[f"layers.{place}.linear.bias"]
            bent = torch.tanh(hidden @ weight.T + bias)
            if noise is not None:
                bent = bent * keep_mask(noise[place + 1], bent.shape, share=0.25)
            hidden = bent + hidden if residual and weight.shape[0] == weight.shape[1] else bent
        expected = hidden @ tensors["head.weight"].T + tensors["head.bias"]
        assert torch.allclose(network(x, noise), expected, atol=1e-5)


@pytest.mark.parametrize("blocks", [("numbers",), ("flags",), ("codes",), ("numbers", "codes")])
def test_any_choice_of_blocks_makes_a_network(blocks: tuple[str, ...]) -> None:
    layout = FeatureLayout(
        numbers=3 * ("numbers" in blocks),
        flags=2 * ("flags" in blocks),
        cardinalities=(4, 6) if "codes" in blocks else (),
    )
    chosen = {name: block for name, block in features().items() if name in blocks}
    assert built(layout=layout)(chosen, None).shape == (ROWS, 2)


@pytest.mark.parametrize("embedding", ["none", "periodic", "piecewise_linear", "combined"])
def test_a_seed_decides_every_weight(embedding: str) -> None:
    one, same, other = (built(seed, number_embedding=embedding) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    assert not torch.equal(hidden_linear_maps(one)[0].weight, hidden_linear_maps(other)[0].weight)


def test_torchs_global_random_numbers_decide_nothing() -> None:
    with torch.random.fork_rng():
        found = []
        for seed in (123, 456):
            torch.manual_seed(seed)
            found.append(built(seed=1).state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_unit_variance_scales_every_hidden_layer_on_the_sample() -> None:
    network = built(initialization="unit_variance", hidden=[16, 16, 16], activation="relu")
    seen: list[float] = []
    for layer in hidden_linear_maps(network):
        layer.register_forward_hook(lambda _m, _i, outputs: seen.append(float(outputs.detach().std(correction=0))))
    network.eval()(features(), None)
    assert seen == pytest.approx([1.0] * 3, rel=1e-4)


def test_batch_normalized_layers_have_no_bias_that_it_would_take_out_again() -> None:
    assert all(layer.bias is None for layer in hidden_linear_maps(built(normalization="batch")))
    assert all(layer.bias is not None for layer in hidden_linear_maps(built(normalization="layer")))


def test_without_hidden_layers_a_network_is_linear() -> None:
    network = built(hidden=[], layout=FeatureLayout(numbers=3, flags=0, cardinalities=()))
    x = {"numbers": features()["numbers"]}
    expected = x["numbers"] @ network.head.weight.T + network.head.bias
    assert torch.allclose(network(x, None), expected, atol=1e-6)


def test_mapped_members_with_combined_embeddings_are_each_alone() -> None:
    members = [built(seed, number_embedding="combined", input_scale=True) for seed in (1, 2, 3)]
    parameters, buffers = stack_module_state(list(members))
    x = features()

    def run(tensors: dict[str, Tensor], constants: dict[str, Tensor]) -> Tensor:
        found: Tensor = functional_call(members[0], (tensors, constants), (x, None))
        return found

    together = vmap(run)(parameters, buffers)
    for member, network in enumerate(members):
        assert torch.allclose(together[member], network(x, None), atol=1e-5)
