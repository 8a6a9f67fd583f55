"""Optimizers move a population as torch.optim moves each of its networks alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn, optim
from torch.func import functional_call

from fitwell.recipe import OptimizerName, TrainingSettings
from fitwell.training.optimizers import OPTIMIZERS, decay, hidden_matrices, orthogonalized
from fitwell.training.pieces import decay_mask, flatten, pieces_of, unflatten

STEPS, RATE, DECAY = 50, 0.01, 0.1


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 2)
    ).double()


PIECES = pieces_of(network(0))
MASK = decay_mask(PIECES).double()
INPUTS = torch.randn(20, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
TARGETS = torch.sin(2 * INPUTS[:, :2])


def gradient_of(weights: Tensor) -> Tensor:
    """Gradients of all members, each from its own network by plain back-propagation."""
    rows = []
    for row in weights:
        leaf = row.clone().requires_grad_()
        outputs = functional_call(network(0), unflatten(leaf, PIECES), (INPUTS,))
        (gradient,) = torch.autograd.grad((outputs - TARGETS).square().mean(), leaf)
        rows.append(gradient)
    return torch.stack(rows)


def settings_of(name: str, **changes: Any) -> TrainingSettings:
    values: dict[str, Any] = {"optimizer": name, "beta2": 0.999} | changes
    return TrainingSettings(**values)


def fresh_slots(name: str, weights: Tensor) -> dict[str, Tensor]:
    return {slot: torch.zeros_like(weights) for slot in OPTIMIZERS[name].slots}


def moved(
    name: str,
    weights: Tensor,
    settings: TrainingSettings,
    *,
    rate: float | Tensor = RATE,
    weight_decay: float = 0.0,
    steps: int = STEPS,
    gradients: Callable[[Tensor], Tensor] = gradient_of,
) -> Tensor:
    """Take steps from a copy of the weights, in the order decay, move."""
    weights = weights.clone()
    slots = fresh_slots(name, weights)
    for step in range(1, steps + 1):
        gradient = gradients(weights)
        decay(weights, rate=rate, weight_decay=weight_decay, mask=MASK.to(weights.dtype))
        OPTIMIZERS[name].move(weights, gradient, slots, rate=rate, step=step, settings=settings, pieces=PIECES)
    return weights


def moved_by_torch(makers: list[Callable[[nn.Module], optim.Optimizer]]) -> Tensor:
    one = network(1)
    optimizers = [make(one) for make in makers]
    for _ in range(STEPS):
        one.zero_grad()
        (one(INPUTS) - TARGETS).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    return flatten(one)


def decayed(module: nn.Module, **options: Any) -> list[dict[str, Any]]:
    groups: dict[bool, list[Tensor]] = {True: [], False: []}
    for piece, parameter in zip(PIECES, module.parameters(), strict=True):
        groups[piece.role == "weight"].append(parameter)
    return [{"params": groups[True], "weight_decay": DECAY, **options}, {"params": groups[False], "weight_decay": 0.0}]


def hidden_of(module: nn.Module) -> list[nn.Parameter]:
    return [module.get_parameter(piece.name) for piece in hidden_matrices(PIECES)]


def others_of(module: nn.Module) -> list[nn.Parameter]:
    names = {piece.name for piece in hidden_matrices(PIECES)}
    return [parameter for name, parameter in module.named_parameters() if name not in names]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One setting of one optimizer and the optimizers of torch that do the same."""

    name: str
    witness: list[Callable[[nn.Module], optim.Optimizer]]
    changes: dict[str, Any] = field(default_factory=dict)
    weight_decay: float = 0.0


CASES = [
    Case(name="sgd", witness=[lambda m: optim.SGD(m.parameters(), lr=RATE)], changes={"momentum": 0.0}),
    Case(name="sgd", witness=[lambda m: optim.SGD(m.parameters(), lr=RATE, momentum=0.9)]),
    Case(
        name="sgd",
        witness=[lambda m: optim.SGD(m.parameters(), lr=RATE, momentum=0.8, nesterov=True)],
        changes={"momentum": 0.8, "nesterov": True},
    ),
    Case(
        name="rmsprop",
        witness=[lambda m: optim.RMSprop(m.parameters(), lr=RATE, alpha=0.95, eps=1e-6)],
        changes={"rms_decay": 0.95, "epsilon": 1e-6},
    ),
    Case(name="adagrad", witness=[lambda m: optim.Adagrad(m.parameters(), lr=RATE, eps=1e-8)]),
    Case(name="adam", witness=[lambda m: optim.Adam(m.parameters(), lr=RATE)]),
    Case(
        name="adam",
        witness=[lambda m: optim.Adam(m.parameters(), lr=RATE, betas=(0.8, 0.95), eps=1e-4)],
        changes={"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
    ),
    Case(name="adamw", witness=[lambda m: optim.AdamW(decayed(m), lr=RATE)], weight_decay=DECAY),
    Case(
        name="muon",
        witness=[
            lambda m: optim.Muon(hidden_of(m), lr=RATE, momentum=0.9, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
            lambda m: optim.Adam(others_of(m), lr=RATE),
        ],
    ),
]


def test_every_optimizer_of_the_recipe_is_in_the_table_and_has_a_witness() -> None:
    assert tuple(OPTIMIZERS) == get_args(OptimizerName)
    assert {case.name for case in CASES} == set(OPTIMIZERS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.changes}")
def test_fifty_steps_end_where_torch_ends(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    # torch.optim.Muon rounds to bfloat16 before it orthogonalizes; without that it works in float64 as we do here.
    monkeypatch.setattr(Tensor, "bfloat16", Tensor.clone)
    start = flatten(network(1))[None]
    ours = moved(case.name, start, settings_of(case.name, **case.changes), weight_decay=case.weight_decay)
    assert (ours - start).abs().min() > 1e-6
    assert torch.allclose(ours[0], moved_by_torch(case.witness), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_member_moves_alone_as_among_others(name: str, dtype: torch.dtype) -> None:
    stacked = torch.stack([flatten(network(seed)) for seed in range(3)]).to(dtype)
    fixed = torch.randn(stacked.shape, generator=torch.Generator().manual_seed(2), dtype=dtype)
    settings = settings_of(name)
    together = moved(name, stacked, settings, weight_decay=DECAY, steps=5, gradients=lambda w: fixed)
    for member in range(3):
        one = slice(member, member + 1)
        own: Callable[[Tensor], Tensor] = partial(lambda of_member, w: fixed[of_member], one)
        alone = moved(name, stacked[one], settings, weight_decay=DECAY, steps=5, gradients=own)
        # Elementwise rules agree to the bit; muon multiplies matrices, whose sums may be ordered otherwise.
        tolerance = 100 * torch.finfo(dtype).eps if name == "muon" else 0.0
        assert torch.allclose(together[one], alone, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_member_may_have_its_own_rate(name: str) -> None:
    stacked = torch.stack([flatten(network(seed)) for seed in range(3)])
    settings, rates = settings_of(name), [0.001, 0.01, 0.1]
    column = torch.tensor(rates, dtype=torch.float64)[:, None]
    full = column.expand(3, stacked.shape[1]).contiguous()
    together = moved(name, stacked, settings, rate=column, weight_decay=DECAY, steps=3)
    alone = [
        moved(name, stacked[member : member + 1], settings, rate=rate, weight_decay=DECAY, steps=3)
        for member, rate in enumerate(rates)
    ]
    assert torch.allclose(together, torch.cat(alone), rtol=0, atol=1e-12)
    assert torch.allclose(moved(name, stacked, settings, rate=full, weight_decay=DECAY, steps=3), together, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_step_may_be_tensors_of_its_corrections(name: str) -> None:
    weights = flatten(network(0))[None]
    gradient, settings = gradient_of(weights), settings_of(name)
    by_number, by_tensor = weights.clone(), weights.clone()
    root = (1 - float(settings.beta2) ** 3) ** 0.5
    corrected = torch.tensor([root, root / (1 - settings.beta1**3)], dtype=torch.float64)
    for step, moving in ((3, by_number), ((corrected[0], corrected[1]), by_tensor)):
        slots = fresh_slots(name, weights)
        OPTIMIZERS[name].move(moving, gradient, slots, rate=RATE, step=step, settings=settings, pieces=PIECES)
    assert torch.allclose(by_number, by_tensor, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("members", [1, 3])
def test_step_and_rate_may_be_tensors_that_hold_the_numbers(members: int, name: str) -> None:
    first = torch.stack([flatten(network(seed)) for seed in range(members)]).float()
    gradient = torch.stack([gradient_of(row[None].double())[0] for row in first]).float()
    rate = 2.0**-7  # times which nothing is rounded, in whatever order
    by_number, by_tensor = first.clone(), first.clone()
    slots, others = fresh_slots(name, first), fresh_slots(name, first)
    for step in (1, 2, 3):
        with_number = {"rate": rate, "step": step}
        with_tensor = {"rate": torch.tensor(rate), "step": torch.tensor(step, dtype=torch.float64)}
        for moving, own, numbers in ((by_number, slots, with_number), (by_tensor, others, with_tensor)):
            OPTIMIZERS[name].move(moving, gradient, own, **numbers, settings=settings_of(name), pieces=PIECES)
    # The others divide by way of a reciprocal, which is rounded once more.
    exact = name in ("sgd", "adam", "adamw")
    assert torch.equal(by_number, by_tensor) if exact else torch.allclose(by_number, by_tensor, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(by_number, first, atol=1e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_move_leaves_the_gradient_as_it_was(name: str) -> None:
    weights = flatten(network(0))[None]
    gradient = gradient_of(weights)
    before = gradient.clone()
    slots = fresh_slots(name, weights)
    OPTIMIZERS[name].move(weights, gradient, slots, rate=RATE, step=1, settings=settings_of(name), pieces=PIECES)
    assert torch.equal(gradient, before)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_usual_rates_bring_the_loss_down(name: str) -> None:
    def loss(weights: Tensor) -> Tensor:
        outputs: Tensor = functional_call(network(0), unflatten(weights[0], PIECES), (INPUTS,))
        return (outputs - TARGETS).square().mean()

    optimizer = OPTIMIZERS[name]
    start = flatten(network(1))[None]
    end = moved(name, start, settings_of(name), rate=optimizer.usual_rate, weight_decay=optimizer.usual_decay)
    assert loss(end) < 0.95 * loss(start)
    assert optimizer.definition


def test_only_rules_with_decoupled_decay_have_a_usual_one() -> None:
    assert {name for name, optimizer in OPTIMIZERS.items() if optimizer.usual_decay} == {"adamw", "muon"}


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4)])
def test_orthogonalized_matrices_keep_their_directions_and_even_out_their_lengths(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    core = left.mT @ orthogonalized(matrices) @ right.mT
    sizes = core.diagonal(dim1=1, dim2=2)
    assert torch.allclose(core, torch.diag_embed(sizes), atol=1e-9)
    # The five steps bring singular values from 0.003 of the norm up into these bounds (Jordan et al. 2024).
    assert bool((sizes > 0.65).all())
    assert bool((sizes < 1.25).all())


def test_a_zero_gradient_moves_nothing() -> None:
    weights = flatten(network(0))[None]
    zero = torch.zeros_like(weights)
    for name in OPTIMIZERS:
        still = moved(name, weights, settings_of(name), steps=2, gradients=lambda w: zero)
        assert torch.equal(still, weights), name


def test_hidden_matrices_are_the_weights_before_the_last() -> None:
    assert [piece.name for piece in hidden_matrices(PIECES)] == ["0.weight", "2.weight"]
    assert hidden_matrices(pieces_of(nn.Linear(3, 2))) == ()


def test_each_member_decays_at_its_own_rate_and_only_under_the_mask() -> None:
    weights = torch.ones(2, 3)
    rate, strength = torch.tensor([[0.1], [0.2]]), torch.tensor([[0.5], [1.0]])
    decay(weights, rate=rate, weight_decay=strength, mask=torch.tensor([1.0, 0.0, 1.0]))
    assert torch.allclose(weights, torch.tensor([[0.95, 1.0, 0.95], [0.8, 1.0, 0.8]]))
