"""A loss is recognized by its type, by being a function of torch, or by its gradients within any closure."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fitwell.doctor.examining.losses import EXPECTS, KNOWN, TYPES, recognize

GENERATOR = torch.Generator().manual_seed(0)
NUMBERS = torch.randn(12, 1, generator=GENERATOR), torch.randn(12, 1, generator=GENERATOR)
MARKS = torch.randn(12, 1, generator=GENERATOR), torch.tensor([[0.0], [1.0], [1.0]]).repeat(4, 1)
CLASSES = torch.randn(12, 3, generator=GENERATOR), torch.arange(12) % 3
# What each known loss is asked about: outputs and targets of its usual kind.
ASKED: dict[str, tuple[Tensor, Tensor]] = {
    "squared error": NUMBERS,
    "absolute error": NUMBERS,
    "Huber": (3 * NUMBERS[0], NUMBERS[1]),
    "cross-entropy": CLASSES,
    "negative log-likelihood": CLASSES,
    "binary cross-entropy": MARKS,
    "binary cross-entropy with logits": MARKS,
    "hinge": MARKS,
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_closure_around_a_known_loss_is_recognized_whatever_its_factor(name: str) -> None:
    known = KNOWN[name]
    found = recognize(lambda output, target: 3 * known(output, target) + 1, *ASKED[name])
    assert (found.name, found.expects, found.negated) == (name, EXPECTS[name], False)


@pytest.mark.parametrize("name", KNOWN)
def test_a_loss_with_its_sign_turned_is_told_apart(name: str) -> None:
    known = KNOWN[name]
    found = recognize(lambda output, target: -known(output, target), *ASKED[name])
    assert (found.name, found.negated) == (name, True)


@pytest.mark.parametrize("kind", TYPES)
def test_a_module_is_recognized_by_its_type(kind: type[nn.Module]) -> None:
    assert recognize(kind(), *NUMBERS).name == TYPES[kind]


def test_a_function_of_torch_is_recognized() -> None:
    assert recognize(functional.cross_entropy, *CLASSES).name == "cross-entropy"


def test_what_is_like_no_known_loss_is_said_to_be_its_own() -> None:
    found = recognize(lambda output, target: (output - target).abs().pow(1.3).mean(), *NUMBERS)
    assert (found.name, found.expects) == ("a loss of its own", "anything")


def test_targets_in_thousands_do_not_hide_that_another_column_is_asked_for_something_else() -> None:
    grams = torch.tensor([[1.0, 4000.0], [-1.0, 5200.0], [1.0, 2900.0], [-1.0, 3300.0]])

    def beside_a_verdict(output: Tensor, target: Tensor) -> Tensor:
        verdict = functional.softplus(-output[:, 0] * target[:, 0]).mean()
        return verdict + (output[:, 1] - target[:, 1]).square().mean()

    assert recognize(beside_a_verdict, torch.zeros(4, 2), grams).name == "a loss of its own"
    of_both = lambda output, target: 3 * (output - target).square().mean()  # noqa: E731
    assert recognize(of_both, torch.zeros(4, 2), grams).name == "squared error"
