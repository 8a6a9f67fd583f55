"""One step is what plain PyTorch computes, for one member and for many, whatever is switched on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.initialization import INITIALIZATIONS
from fitwell.networks.noise import noise_words
from fitwell.networks.normalization import NORMALIZATIONS
from fitwell.tasks.losses import LOSSES
from fitwell.training.lodging import homes_of, lodging
from fitwell.training.loop import epoch_batches
from fitwell.training.optimizers import OPTIMIZERS
from fitwell.training.outputs import outputs_of
from fitwell.training.pieces import unflatten
from fitwell.training.program import Batch, Population
from fitwell.training.step import advance

Start = Callable[..., Any]
RATE = 0.01

# Every entry of every table at least once; noise, weights, penalties and limits on throughout or in turn.
CASES: dict[str, dict[str, Any]] = {
    **{f"activation {name}": {"network": {"activation": name, "dropout": 0.3}} for name in ACTIVATIONS},
    **{f"normalization {name}": {"network": {"normalization": name, "dropout": 0.3}} for name in NORMALIZATIONS},
    **{f"initialization {name}": {"network": {"initialization": name}} for name in INITIALIZATIONS},
    **{f"loss {name}": {"loss": name} for name in LOSSES},
    **{f"optimizer {name}": {"optimizer": name} for name in OPTIMIZERS},
    "decay": {"optimizer": "adamw", "weight_decay": 0.5},
    "input noise": {"input_noise": 0.5},
    "penalties": {"l1": 0.01, "l2": 0.02},
    "clipped norm": {"clip_norm": 0.1, "optimizer": "sgd"},
    "clipped values": {"clip_value": 0.01, "optimizer": "sgd"},
    "limited norms": {"max_norm": 0.5},
    "redrawn": {"redraw_fraction": 0.2, "redraw_epochs": 0.5},
    "residual": {"network": {"residual": True, "dropout": 0.2}},
    "accumulation": {"accumulation": 3, "network": {"normalization": "batch", "dropout": 0.2}},
    "periodic": {"network": {"number_embedding": "periodic"}},
    "piecewise linear": {"network": {"number_embedding": "piecewise_linear", "number_embedding_bins": 6}},
    "row weights": {"weights": torch.linspace(0, 2, 70), "network": {"normalization": "batch", "dropout": 0.3}},
    "everything": {
        "weights": torch.linspace(0, 2, 70),
        "network": {"normalization": "batch", "dropout": 0.2, "residual": True},
        "input_noise": 0.1, "l1": 0.001, "l2": 0.002, "clip_norm": 1.0, "clip_value": 0.5, "max_norm": 2.0,
        "redraw_fraction": 0.05, "redraw_epochs": 0.5, "optimizer": "adamw", "weight_decay": 0.05,
    },
}  # fmt: skip


def steps(training: Any, count: int = 6, *, observe: bool = False) -> list[Tensor]:
    """Take steps; return the losses of each."""
    losses: list[Tensor] = []
    seeds = training.seeds
    epoch = 0
    while len(losses) < count:
        for batch in epoch_batches(training.training, seeds, epoch=epoch, batch_rows=16):
            step = len(losses)
            words = noise_words([seed.noise for seed in seeds], step=step, layers=training.program.network.noise_layers)
            outcome = advance(
                training.program, training.population, batch, noise=words, rate=RATE, step=step + 1, observe=observe
            )
            losses.append(outcome.losses)
            if len(losses) == count:
                break
        epoch += 1
    return losses


def only(training: Any, member: int) -> Any:
    """One member of a population as a training of its own, executed eagerly."""
    population = training.population
    training = eagerly(training)
    training.population = Population(
        weights=population.weights[member : member + 1].clone(),
        buffers={name: buffer[member : member + 1].clone() for name, buffer in population.buffers.items()},
        slots={name: slot[member : member + 1].clone() for name, slot in population.slots.items()},
    )
    training.seeds = training.seeds[member : member + 1]
    redrawn = training.program.redrawn
    if redrawn is not None:

        def draw(step: int) -> tuple[Tensor, Tensor]:
            fresh, uniforms = redrawn.draw(step)
            return fresh[member : member + 1], uniforms[member : member + 1]

        training.program = replace(training.program, redrawn=replace(redrawn, draw=draw))
    return training


def eagerly(training: Any) -> Any:
    copy = object.__new__(type(training))
    copy.__dict__.update(training.__dict__)
    copy.program = replace(training.program, execution="eager", whole_step=None)
    return copy


MOVED = [name for name in CASES if name.startswith("optimizer")]
MOVED += ["decay", "penalties", "clipped norm", "limited norms", "redrawn", "accumulation", "everything"]


@pytest.mark.parametrize("observe", [False, True])
@pytest.mark.parametrize("case", [CASES[name] for name in MOVED], ids=MOVED)
def test_large_tensors_that_move_by_themselves_move_as_with_the_others(
    case: dict[str, Any], observe: bool, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for large in (2**19, 40):
        monkeypatch.setattr("fitwell.training.program.LARGE", large)
        training = start(double=True, **case)
        losses = steps(training, observe=observe)
        found.append([torch.stack(losses), training.population.weights, *training.population.slots.values()])
    looks_at_all = case.keys() & {"l1", "l2", "clip_norm", "clip_value", "accumulation"}
    together = bool(looks_at_all) or case.get("optimizer") == "muon"
    assert bool(training.program.moves) == (not together)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


# A compiled step draws no weights anew.
COMPILED = {
    name: {key: value for key, value in case.items() if not key.startswith("redraw")}
    for name, case in CASES.items()
    if name != "redrawn"
}
IN_EVERY_RUN = ("everything",)  # compiling takes seconds each time
BATTERY = [
    *(pytest.param("mapped", case, id=f"mapped, {name}") for name, case in CASES.items()),
    *(
        pytest.param("compiled", case, id=f"compiled, {name}", marks=() if name in IN_EVERY_RUN else pytest.mark.slow)
        for name, case in COMPILED.items()
    ),
]


@pytest.mark.parametrize(("execution", "case"), BATTERY)
def test_members_together_move_as_each_alone_by_plain_back_propagation(
    execution: str, case: dict[str, Any], start: Start
) -> None:
    together = start(members=3, execution=execution, double=True, **case)
    alone = [only(together, member) for member in range(3)]
    begun = together.population.weights.clone()
    losses = torch.stack(steps(together))
    # Normal noise is drawn in float32, and a compiler rounds its logarithm and cosine in its own way.
    noisy = execution == "compiled" and "input_noise" in case
    for member, one in enumerate(alone):
        assert torch.allclose(losses[:, member], torch.stack(steps(one))[:, 0], rtol=1e-7 if noisy else 1e-9)
        # Six steps move a weight by 0.06 at most, and noise that differs by 1e-7 of itself by 1e-7 of that.
        near = 1e-8 if noisy else 1e-9
        close(together.population.weights[member], one.population.weights[0], training=together, near=near)
        for name, buffer in together.population.buffers.items():
            expected = one.population.buffers[name][0]
            assert torch.allclose(buffer[member], expected, rtol=1e-9, atol=1e-7 if noisy else 1e-12), name
    assert float((together.population.weights - begun).abs().max()) > RATE / 10


def close(found: Tensor, expected: Tensor, *, training: Any, near: float = 1e-9) -> None:
    for piece in training.program.pieces:
        part = slice(piece.start, piece.stop)
        assert torch.allclose(found[part], expected[part], rtol=1e-7, atol=near), piece.name


@pytest.mark.parametrize("case", ["normalization batch", "redrawn", "everything"])
def test_several_members_may_run_eagerly_and_a_single_one_mapped(case: str, start: Start) -> None:
    several = start(members=3, execution="eager", double=True, **CASES[case])
    single = start(execution="eager", double=True, **CASES[case])
    mapped = start(execution="mapped", double=True, **CASES[case])
    losses = torch.stack(steps(several))
    assert torch.allclose(losses[:, :1], torch.stack(steps(single)), rtol=1e-12)
    assert torch.allclose(several.population.weights[:1], single.population.weights, rtol=1e-11, atol=1e-13)
    assert torch.allclose(losses[:, :1], torch.stack(steps(mapped)), rtol=1e-9)


def test_in_float32_mapped_losses_follow_the_eager_ones(start: Start) -> None:
    case: dict[str, Any] = {"network": {"normalization": "batch", "dropout": 0.2}, "optimizer": "adamw"}
    eager, mapped = start(members=3, execution="eager", **case), start(members=3, execution="mapped", **case)
    assert torch.allclose(torch.stack(steps(eager, 20)), torch.stack(steps(mapped, 20)), rtol=1e-3)


PLAIN: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda weights, rest: torch.optim.SGD([*weights, *rest], lr=RATE, momentum=0.9),
    "adam": lambda weights, rest: torch.optim.Adam([*weights, *rest], lr=RATE, betas=(0.9, 0.999)),
    "adamw": lambda weights, rest: torch.optim.AdamW(
        [{"params": weights}, {"params": rest, "weight_decay": 0.0}], lr=RATE, betas=(0.9, 0.999), weight_decay=0.1
    ),
}


@pytest.mark.parametrize("execution", ["eager", pytest.param("compiled", marks=pytest.mark.slow)])
@pytest.mark.parametrize("optimizer", PLAIN)
def test_a_step_is_a_plain_torch_loop_on_the_same_batches(optimizer: str, execution: str, start: Start) -> None:
    extra = {"sgd": {}, "adam": {"beta2": 0.999}, "adamw": {"beta2": 0.999, "weight_decay": 0.1}}[optimizer]
    training = start(
        execution=execution, optimizer=optimizer, network={"activation": "tanh", "normalization": "batch"}, **extra
    )
    tensors = unflatten(training.population.weights[0].clone(), training.program.pieces)
    table = nn.Parameter(tensors["inputs.codes.tables.0"].clone())
    plain = nn.Sequential(
        nn.Linear(4 + 2 + table.shape[1], 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(),
        nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1),
    )  # fmt: skip
    ours = [tensor for name, tensor in tensors.items() if name != "inputs.codes.tables.0"]
    with torch.no_grad():
        for parameter, tensor in zip(plain.parameters(), ours, strict=True):
            parameter.copy_(tensor)
    rest = [parameter for parameter in plain.parameters() if parameter.ndim < 2]
    optimizing = PLAIN[optimizer]([table, *(p for p in plain.parameters() if p.ndim >= 2)], rest)
    expected, batches = [], []
    for epoch in range(5):
        batches += list(epoch_batches(training.training, training.seeds, epoch=epoch, batch_rows=16))
    for batch in batches:
        optimizing.zero_grad()
        features = {name: block[0] for name, block in batch.features.items()}
        inputs = torch.cat([features["numbers"], features["flags"], table[features["codes"][:, 0]]], 1)
        loss = (plain(inputs) - batch.targets[0]).square().mean()
        loss.backward()
        optimizing.step()
        expected.append(float(loss.detach()))
    assert len(expected) == 20
    found = [float(loss) for loss in steps(training, 20)]
    assert found == pytest.approx(expected, rel=1e-4)
    final = unflatten(training.population.weights[0], training.program.pieces)
    for parameter, (name, tensor) in zip(
        plain.parameters(), [item for item in final.items() if item[0] != "inputs.codes.tables.0"], strict=True
    ):
        assert torch.allclose(tensor, parameter, rtol=1e-3, atol=1e-4), name
    assert torch.allclose(final["inputs.codes.tables.0"], table, rtol=1e-3, atol=1e-4)


IN_PARTS: dict[str, Any] = {
    "network": {"normalization": "layer", "dropout": 0.3}, "input_noise": 0.1, "weights": torch.linspace(0, 2, 70),
    "clip_norm": 0.05, "l2": 0.01, "double": True, "members": 2,
}  # fmt: skip


@pytest.mark.parametrize("execution", ["eager", "mapped", pytest.param("compiled", marks=pytest.mark.slow)])
@pytest.mark.parametrize("parts", [3, 16])
def test_a_batch_computed_in_parts_moves_the_weights_as_it_does_whole(parts: int, execution: str, start: Start) -> None:
    case = IN_PARTS | ({"weights": None} if parts == 16 else {})
    whole = start(execution="eager", **case)
    divided = start(execution=execution, accumulation=parts, **case)
    # Normal noise is drawn in float32, and vector instructions round its logarithm as the number of rows has it.
    assert torch.allclose(torch.stack(steps(divided)), torch.stack(steps(whole)), rtol=1e-7)
    assert torch.allclose(divided.population.weights, whole.population.weights, rtol=1e-6, atol=1e-8)


def test_signals_of_a_batch_in_parts_are_those_of_the_whole_batch(start: Start) -> None:
    found = []
    for parts in (1, 5):
        training = start(accumulation=parts, double=True, network={"activation": "relu", "dropout": 0.2})
        batch = next(epoch_batches(training.training, training.seeds, epoch=0, batch_rows=16))
        words = noise_words(
            [seed.noise for seed in training.seeds], step=0, layers=training.program.network.noise_layers
        )
        outcome = advance(training.program, training.population, batch, noise=words, rate=RATE, step=1, observe=True)
        assert outcome.signals is not None
        found.append(outcome.signals.values)
    assert torch.allclose(found[1], found[0], rtol=1e-6, equal_nan=True)


def test_batch_normalization_looks_at_each_part_of_a_batch(start: Start) -> None:
    training = start(
        accumulation=2, optimizer="sgd", momentum=0.0, double=True, network={"normalization": "batch"}, rows=21,
        batch_size="full", execution="eager",
    )  # fmt: skip
    network = training.members[0].build(0).double().train()
    network.load_state_dict(unflatten(training.population.weights[0].clone(), training.program.pieces), strict=False)
    (batch,) = epoch_batches(training.training, training.seeds, epoch=0, batch_rows=21)
    words = noise_words([1], step=0, layers=training.program.network.noise_layers)
    for rows in (slice(0, 10), slice(10, 21)):
        outputs = network({name: block[0, rows] for name, block in batch.features.items()}, words[0])
        ((outputs - batch.targets[0, rows]).square().sum() / 21).backward()
    before = training.population.weights.clone()
    advance(training.program, training.population, batch, noise=words, rate=1.0, step=1)
    found = unflatten((before - training.population.weights)[0], training.program.pieces)
    for name, parameter in network.named_parameters():
        assert torch.allclose(found[name], parameter.grad, rtol=1e-9, atol=1e-12), name
    for name, buffer in network.named_buffers():
        assert torch.allclose(training.population.buffers[name][0], buffer), name


def gradient_by_sgd(start: Start, **settings: Any) -> tuple[Any, Tensor, Tensor]:
    """The gradient as it shows in a plain step of size 1, and the recorded loss."""
    training = start(
        execution="eager", optimizer="sgd", momentum=0.0, network={"normalization": "layer"}, double=True,
        batch_size="full", **settings,
    )  # fmt: skip
    before = training.population.weights.clone()
    (batch,) = epoch_batches(training.training, training.seeds, epoch=0, batch_rows=70)
    words = noise_words([1], step=0, layers=training.program.network.noise_layers)
    outcome = advance(training.program, training.population, batch, noise=words, rate=1.0, step=1)
    return training, before - training.population.weights, outcome.losses


@pytest.mark.parametrize("execution", ["eager", "mapped", pytest.param("compiled", marks=pytest.mark.slow)])
def test_a_weight_of_two_is_a_row_twice_and_a_weight_of_zero_is_no_row(execution: str, start: Start) -> None:
    results = []
    base = start(execution=execution, optimizer="sgd", momentum=0.0, double=True)
    rows = base.training
    chosen = [0, 1, 1, 4]
    weights = torch.zeros(70, dtype=torch.float64)
    weights[[0, 4]], weights[1] = 1.0, 2.0
    repeated = Batch(
        features={name: block[chosen][None] for name, block in rows.features.items()},
        targets=rows.targets[chosen][None],
        weights=None,
    )
    weighted = Batch(
        features={name: block[None] for name, block in rows.features.items()},
        targets=rows.targets[None],
        weights=weights[None],
    )
    for batch in (repeated, weighted):
        training = start(execution=execution, optimizer="sgd", momentum=0.0, double=True)
        words = noise_words([1], step=0, layers=training.program.network.noise_layers)
        loss = advance(training.program, training.population, batch, noise=words, rate=0.1, step=1).losses
        results.append((loss, training.population.weights))
    assert torch.allclose(results[0][0], results[1][0], rtol=1e-12)
    assert torch.allclose(results[0][1], results[1][1], atol=1e-13)


def test_a_batch_whose_rows_all_weigh_nothing_moves_nothing(start: Start) -> None:
    training = start(weights=torch.zeros(70), optimizer="sgd", weight_decay=0.0)
    before = training.population.weights.clone()
    assert [float(loss) for loss in steps(training, 3)] == [0.0] * 3
    assert torch.equal(training.population.weights, before)


def test_a_step_rests_on_the_population_alone_not_on_what_the_network_held(start: Start) -> None:
    training = start(execution="eager", network={"normalization": "batch"})
    other = start(execution="eager", network={"normalization": "batch"})
    steps(other, 3)
    disturbed = replace(other.program, network=other.program.network)
    with torch.no_grad():
        for parameter in disturbed.network.parameters():
            parameter.data = torch.full_like(parameter, 7.0)
    again = start(execution="eager", network={"normalization": "batch"})
    expected = torch.stack(steps(training))
    again.program = disturbed
    assert torch.equal(torch.stack(steps(again)), expected)
    assert torch.equal(again.population.weights, training.population.weights)
    assert torch.equal(again.population.buffers["layers.0.normalization.running_var"],
                       training.population.buffers["layers.0.normalization.running_var"])  # fmt: skip


def test_outputs_are_those_of_each_members_network_in_evaluation(start: Start) -> None:
    training = start(members=3, network={"normalization": "batch", "dropout": 0.5})
    steps(training)
    features = training.validation.features
    found = outputs_of(training.program.network, training.program.pieces, training.population, features)
    for member in range(3):
        network = training.members[0].build(0).eval()
        tensors = unflatten(training.population.weights[member], training.program.pieces)
        buffers = {name: buffer[member] for name, buffer in training.population.buffers.items()}
        network.load_state_dict(tensors | buffers)
        with torch.no_grad():
            assert torch.equal(found[member], network(features, None))


class Sharing(nn.Module):
    """Two linear maps with one weight and a buffer."""

    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("shift", torch.ones(3))

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.second(self.first(inputs).tanh()) + self.shift
        return found


@pytest.mark.parametrize("fails", [False, True])
def test_a_network_computes_with_lent_tensors_wherever_it_shares_them_and_has_its_own_back(fails: bool) -> None:
    network, inputs = Sharing(), torch.randn(5, 3)
    own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    assert "second.weight" not in own
    lent = {name: torch.randn_like(tensor) for name, tensor in own.items()}
    expected = functional_call(network, lent, (inputs,))
    with contextlib.suppress(RuntimeError), lodging(homes_of(network), lent):
        assert torch.equal(network(inputs), expected)
        if fails:
            network(torch.randn(5, 4))
    after = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    assert all(after[name] is tensor for name, tensor in own.items())
    assert network.second.weight is network.first.weight
