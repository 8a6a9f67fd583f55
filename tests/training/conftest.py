"""Small trainings, set up as a run sets them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fitwell.data.encode import FeatureLayout
from fitwell.networks.build import build_network
from fitwell.plan import Facts, resolve
from fitwell.recipe import Recipe, TaskName, changed, own_recipe
from fitwell.tasks.losses import Form
from fitwell.training.compiled import CompiledStep
from fitwell.training.loop import Moment, Rows, Seeds, State, batching, first_state, train
from fitwell.training.members import member_loss, member_rates, member_settings
from fitwell.training.population import Member, build_population, make_program, members_of
from fitwell.training.program import Execution, Population, Program

FORMS = {"cross_entropy": "labels", "focal": "labels"}


@dataclass(kw_only=True)
class Training:
    """Everything that the loop takes."""

    recipe: Recipe
    program: Program
    population: Population
    training: Rows
    validation: Rows
    seeds: list[Seeds]
    rates: list[float]
    members: list[Member]
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = first_state(self.population)

    def moments(self, state: State | None = None) -> Iterator[Moment]:
        start = self.state if state is None else state
        return train(self.program, start, self.training, self.validation, seeds=self.seeds, rates=self.rates)


def sine_rows(rows: int, *, seed: int, labels: bool, weights: Tensor | None = None) -> Rows:
    """Rows of 4 numbers, 2 flags and a code of 0 to 4, whose target bends with all of them."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(rows, 4, generator=generator)
    flags = (torch.rand(rows, 2, generator=generator) < 0.5).float()
    codes = torch.randint(0, 5, (rows, 1), generator=generator)
    values = torch.sin(2 * numbers[:, :1]) + numbers[:, 1:2] * flags[:, :1] + 0.3 * codes.float()
    targets = (values > 0.6).float() if labels else values
    return Rows(features={"numbers": numbers, "flags": flags, "codes": codes}, targets=targets, weights=weights)


def doubled(rows: Rows) -> Rows:
    features = {name: block.double() if block.is_floating_point() else block for name, block in rows.features.items()}
    weights = None if rows.weights is None else rows.weights.double()
    return Rows(features=features, targets=rows.targets.double(), weights=weights)


def class_weights_of(recipe: Recipe) -> list[Tensor | None]:
    """Weights of answers 0 and 1: of all members, or of each."""
    each = range(recipe.member_count if "training.class_weights" in recipe.varied else 1)
    asked = [own_recipe(recipe, member).training.class_weights for member in each]
    return [torch.tensor([[of["0"]], [of["1"]]]) if isinstance(of, dict) else None for of in asked]


LAYOUT = FeatureLayout(numbers=4, flags=2, cardinalities=(5,))


def small_training(
    *,
    members: int | list[dict[str, Any]] = 1,
    execution: Execution = "eager",
    rows: int = 70,
    weights: Tensor | None = None,
    network: dict[str, Any] | None = None,
    seed: int = 3,
    seeds: dict[str, Any] | None = None,
    training: Rows | None = None,
    layout: FeatureLayout = LAYOUT,
    double: bool = False,
    changes: dict[str, Any] | None = None,
    at_once: int | None = None,
    **settings: Any,
) -> Training:
    """Return a population on sine rows before its first step; keywords are settings of the training.

    `changes` are settings by dotted name.
    """
    shape: dict[str, Any] = {"hidden": [8, 8], "number_embedding": "none", "dropout": 0.0, "input_scale": False} | (
        network or {}
    )
    if shape.get("normalization") == "group":
        shape["normalization_groups"] = 4
    values: dict[str, Any] = {"loss": "squared_error", "batch_size": 16, "epochs": 4}
    task: TaskName = "binary" if settings.get("loss") in FORMS else "regression"
    asked = Recipe.model_validate(
        {
            "task": task,
            "target": ["y"],
            "device": "cpu",
            "seed": seed,
            "seeds": seeds or {},
            "network": shape,
            "training": values | {"early_stopping": {"patience": 0}} | settings,
        }
    )
    asked = changed(asked, {"members": members} | (changes or {}))
    recipe = resolve(asked, Facts(task=task, training_rows=rows, outputs=1, layout=layout, cores=1)).recipe
    training = training or sine_rows(rows, seed=1, labels=task == "binary", weights=weights)
    validation = sine_rows(40, seed=2, labels=task == "binary") if layout is LAYOUT else training
    single = training.features
    if double:
        training, validation = doubled(training), doubled(validation)

    def build(member: int, of_member: int) -> nn.Module:
        built = build_network(recipe, layout, 1, sample=single, seed=of_member, member=member)
        return built.double() if double else built

    assert recipe.training.loss != "auto"
    form: Form = "labels" if task == "binary" else "values"
    of_population = members_of(recipe, build)
    structure, population = build_population(of_population, settings=recipe.training, device="cpu")
    program = make_program(
        structure,
        partial(member_loss, recipe.training.loss, form),
        of_population,
        recipe=recipe,
        own=member_settings(recipe, class_weights=class_weights_of(recipe)),
        steps_per_epoch=batching(len(training), recipe.training)[1],
    )
    program = replace(
        program,
        settings=recipe.training.model_copy(update={"members_at_once": at_once or recipe.member_count}),
        execution=execution,
        whole_step=CompiledStep() if execution == "compiled" else None,
    )
    rate = recipe.training.learning_rate
    return Training(
        recipe=recipe,
        program=program,
        population=population,
        training=training,
        validation=validation,
        seeds=[member.seeds for member in of_population],
        rates=member_rates(recipe) if isinstance(rate, float) else [0.01] * recipe.member_count,
        members=of_population,
    )


@pytest.fixture
def start() -> Callable[..., Training]:
    """How to set up a small training."""
    return small_training
