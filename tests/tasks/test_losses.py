"""Losses are what their formulas say, row by row, for logits of any size and in every transformation of torch.func."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional

from fitwell.errors import RecipeError
from fitwell.recipe import LossName, TrainingSettings
from fitwell.tasks.losses import LOSSES, Form, row_loss

ROWS, WIDTH = 9, 4
SMOOTHED = TrainingSettings(
    label_smoothing=0.1, focal_gamma=1.5, huber_delta=0.7, quantile=0.8, class_weights="none", beta2=0.999
)
PLAIN = TrainingSettings(label_smoothing=0.0, focal_gamma=0.0)
FITTING: list[tuple[str, Form]] = [
    (name, form) for name, loss in LOSSES.items() for form in get_args(Form) if getattr(loss, form) is not None
]


def outputs(*, scale: float = 2.0, seed: int = 0) -> Tensor:
    return scale * torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(form: str, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if form == "classes":
        return torch.randint(WIDTH, (ROWS,), generator=generator)
    if form == "labels":
        return torch.randint(2, (ROWS, WIDTH), generator=generator).double()
    return torch.randn(ROWS, WIDTH, generator=generator, dtype=torch.float64)


def weights(form: str) -> Tensor | None:
    shapes = {"classes": [0.5, 1.0, 2.0, 0.25], "labels": [0.5, 3.0]}
    return torch.tensor(shapes[form], dtype=torch.float64) if form in shapes else None


def of_class_row(name: str, logits: list[float], target: int, settings: TrainingSettings) -> float:
    """One row from probabilities, as the formulas are written."""
    p = np.exp(logits) / np.sum(np.exp(logits))
    class_weights = weights("classes")
    assert class_weights is not None
    w = class_weights.numpy()
    if name == "focal":
        return float(-w[target] * (1 - p[target]) ** settings.focal_gamma * math.log(p[target]))
    smoothing = float(settings.label_smoothing)
    y = (1 - smoothing) * np.eye(WIDTH)[target] + smoothing / WIDTH
    return float(-np.sum(w * y * np.log(p)))


def of_label(name: str, logit: float, target: float, settings: TrainingSettings) -> float:
    """One label from its probability, as the formulas are written."""
    p = 1 / (1 + math.exp(-logit))
    class_weights = weights("labels")
    assert class_weights is not None
    w0, w1 = class_weights.tolist()
    if name == "focal":
        of_answer, w = (p, w1) if target == 1 else (1 - p, w0)
        return float(-w * (1 - of_answer) ** settings.focal_gamma * math.log(of_answer))
    smoothing = float(settings.label_smoothing)
    y = target * (1 - smoothing) + smoothing / 2
    return float(-w1 * y * math.log(p) - w0 * (1 - y) * math.log(1 - p))


def of_value(name: str, output: float, target: float, settings: TrainingSettings) -> float:
    d, delta, q = output - target, settings.huber_delta, settings.quantile
    return {
        "squared_error": d * d,
        "absolute_error": abs(d),
        "huber": d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2),
        "quantile": q * -d if d < 0 else (1 - q) * d,
    }[name]


def row_by_hand(name: str, form: str, output: list[float], target: Any) -> float:
    if form == "classes":
        return of_class_row(name, output, int(target), SMOOTHED)
    one = of_label if form == "labels" else of_value
    return sum(one(name, o, t, SMOOTHED) for o, t in zip(output, target, strict=True)) / WIDTH


def test_every_loss_of_the_recipe_is_in_the_table() -> None:
    assert tuple(LOSSES) == get_args(LossName)


@pytest.mark.parametrize(("name", "form"), FITTING)
def test_every_loss_equals_its_formula_row_by_row(name: str, form: Form) -> None:
    loss = row_loss(name, form, settings=SMOOTHED, class_weights=weights(form))
    expected = [row_by_hand(name, form, o, t) for o, t in zip(outputs().tolist(), targets(form).tolist(), strict=True)]
    assert loss(outputs(), targets(form)).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "form"), FITTING)
def test_every_gradient_equals_finite_differences(name: str, form: Form) -> None:
    loss = row_loss(name, form, settings=SMOOTHED, class_weights=weights(form))
    # Drawn values lie farther from the kinks of huber, quantile and absolute error than the step of the differences.
    assert torch.autograd.gradcheck(lambda o: loss(o, targets(form)), outputs().requires_grad_())


@pytest.mark.parametrize(("name", "form"), FITTING)
def test_every_loss_works_mapped_over_members_as_one_by_one(name: str, form: Form) -> None:
    loss = row_loss(name, form, settings=SMOOTHED, class_weights=weights(form))
    o = torch.stack([outputs(seed=seed) for seed in range(3)])
    t = torch.stack([targets(form, seed) for seed in range(3)])
    mapped = vmap(grad(lambda o, t: loss(o, t).sum()))(o, t)
    alone = torch.stack([grad(lambda o, t: loss(o, t).sum())(o[i], t[i]) for i in range(3)])
    assert torch.allclose(mapped, alone, rtol=1e-12, atol=1e-15)
    assert torch.allclose(vmap(loss)(o, t), torch.stack([loss(o[i], t[i]) for i in range(3)]), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(("name", "form"), FITTING)
def test_every_loss_and_gradient_stays_finite_for_huge_outputs(
    name: str, form: Form, gamma: float, dtype: torch.dtype
) -> None:
    settings = SMOOTHED.model_copy(update={"focal_gamma": gamma})
    loss = row_loss(name, form, settings=settings)
    signs = outputs().sign().to(dtype)
    for size in (0.0, 100.0, 1e4):
        o = (size * signs).requires_grad_()
        t = targets(form) if form == "classes" else targets(form).to(dtype)
        value = loss(o, t)
        (gradient,) = torch.autograd.grad(value.sum(), o)
        assert bool(value.isfinite().all())
        assert bool((value >= 0).all())
        assert bool(gradient.isfinite().all())


def test_cross_entropy_of_classes_agrees_with_torch() -> None:
    loss = row_loss("cross_entropy", "classes", settings=SMOOTHED, class_weights=weights("classes"))
    expected = functional.cross_entropy(
        outputs(), targets("classes"), weight=weights("classes"), label_smoothing=0.1, reduction="none"
    )
    assert torch.allclose(loss(outputs(), targets("classes")), expected, rtol=1e-13)


def test_cross_entropy_of_labels_agrees_with_torch() -> None:
    o, t = outputs(), targets("labels")
    expected = functional.binary_cross_entropy_with_logits(o, t, reduction="none").mean(1)
    assert torch.allclose(row_loss("cross_entropy", "labels", settings=PLAIN)(o, t), expected, rtol=1e-13)


def test_value_losses_agree_with_torch() -> None:
    o, t = outputs(), targets("values")
    expected = {
        "squared_error": functional.mse_loss(o, t, reduction="none"),
        "absolute_error": functional.l1_loss(o, t, reduction="none"),
        "huber": functional.huber_loss(o, t, reduction="none", delta=SMOOTHED.huber_delta),
    }
    for name, values in expected.items():
        assert torch.allclose(row_loss(name, "values", settings=SMOOTHED)(o, t), values.mean(1), rtol=1e-13)


@pytest.mark.parametrize("form", ["classes", "labels"])
def test_focal_loss_without_focus_is_cross_entropy(form: Form) -> None:
    focal = row_loss("focal", form, settings=PLAIN, class_weights=weights(form))
    entropy = row_loss("cross_entropy", form, settings=PLAIN, class_weights=weights(form))
    assert torch.allclose(focal(outputs(), targets(form)), entropy(outputs(), targets(form)), rtol=1e-13)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_two_classes_are_one_label_whose_logit_is_the_difference(name: str) -> None:
    o, t = outputs()[:, :2], targets("classes") % 2
    pair = torch.tensor([0.5, 3.0], dtype=torch.float64)
    classes = row_loss(name, "classes", settings=SMOOTHED, class_weights=pair)(o, t)
    label = row_loss(name, "labels", settings=SMOOTHED, class_weights=pair)(o[:, 1:] - o[:, :1], t[:, None].double())
    assert torch.allclose(classes, label, rtol=1e-12)


def test_labels_may_each_have_their_own_class_weights() -> None:
    each = torch.rand(2, WIDTH, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for name in ("cross_entropy", "focal"):
        together = row_loss(name, "labels", settings=SMOOTHED, class_weights=each)(outputs(), targets("labels"))
        alone = [
            row_loss(name, "labels", settings=SMOOTHED, class_weights=each[:, k])(
                outputs()[:, k : k + 1], targets("labels")[:, k : k + 1]
            )
            for k in range(WIDTH)
        ]
        assert torch.allclose(together, torch.stack(alone).mean(0), rtol=1e-12)


def test_the_quantile_loss_is_least_at_the_quantile_of_the_targets() -> None:
    sample = torch.randn(1001, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    loss = row_loss("quantile", "values", settings=SMOOTHED)
    candidates = sample[:, 0].sort().values
    means = torch.stack([loss(candidate.expand(1001, 1), sample).mean() for candidate in candidates])
    assert int(means.argmin()) == 800  # the sorted place of the 0.8 quantile: the others are at most 800 and 200


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_does_not_fit_the_targets_is_refused_with_those_that_do(name: str) -> None:
    for form in get_args(Form):
        if getattr(LOSSES[name], form) is None:
            with pytest.raises(RecipeError, match=rf"{name}, which does not fit targets that are {form}; try \w+"):
                row_loss(name, form, settings=SMOOTHED)


def test_class_weights_for_values_are_refused() -> None:
    with pytest.raises(RecipeError, match="weigh classes, but the targets are values"):
        row_loss("huber", "values", settings=SMOOTHED, class_weights=torch.ones(2))
