"""What a program of the doctor's benchmark is: a training that somebody could have written, and what is wrong with it.

A faulty program and its repaired twin are one function that is told which of the two to be, so that a reader sees the
fault as the difference. Each returns the arguments of `fw.examine` and, apart from them, rows that neither the training
nor the doctor sees. What a program predicts on those rows says whether its fault hurts: they are prepared as its author
would prepare new rows, but their targets are always right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

Rows = tuple[Tensor, Tensor]  # inputs and targets, rows first
Score = Callable[[Tensor, Tensor], float]  # (outputs, targets), 1 at best; 0 or the chance level for a constant
Part = Literal[
    "development",
    "asked",
    "later",
    "recent",
    "last",
    "unseen",
    "unseen again",
    "unseen third",
    "unseen fourth",
    "unseen fifth",
    "unseen sixth",
    "unseen seventh",
    "unseen eighth",
    "unseen ninth",
    "unseen tenth",
    "unseen eleventh",
    "unseen twelfth",
    "unseen thirteenth",
    "unseen fourteenth",
    "held out",
    "recently held out",
]
Kind = Literal["faulty", "repaired", "healthy"]
Optimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A training, ready to be examined or run."""

    arguments: dict[str, Any]  # of `fw.examine`
    test: Rows
    score: Score


class Build(Protocol):
    """A function that makes a faulty program or its repaired twin."""

    def __call__(self, seed: int, *, faulty: bool) -> Case:
        """Return the training; `seed` draws generated rows, the split and the first weights."""


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """A faulty program and its twin."""

    build: Build
    causes: tuple[str, ...]  # all that is wrong, the main one first
    accepted: tuple[str, ...] = ()  # other names that a fair judge takes for the main one
    modality: Literal["table", "image", "sequence"] = "table"
    by_construction: bool = False  # wrong whatever it costs: its score need not fall short
    in_the_data: bool = False  # no change of the training can cure it

    @property
    def name(self) -> str:
        """The function's name, as words."""
        return words(self.build)


@dataclass(frozen=True, kw_only=True)
class Healthy:
    """A program with which nothing is wrong."""

    build: Callable[[int], Case]
    modality: Literal["table", "image", "sequence"] = "table"

    @property
    def name(self) -> str:
        """The function's name, as words."""
        return words(self.build)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A line of the benchmark: one training that is judged."""

    name: str
    kind: Kind
    part: Part
    modality: str
    make: Callable[[int], Case]
    causes: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    by_construction: bool = False
    in_the_data: bool = False
    twin: str | None = None  # the repaired program of a faulty one


def words(function: object) -> str:
    """Return a function's name as words."""
    return str(getattr(function, "__name__", function)).replace("_", " ")


def programs_of(part: Part, faulty: Iterable[Faulty], healthy: Iterable[Healthy]) -> list[Program]:
    """Return a part's programs: each faulty one, followed by its twin, then the healthy ones."""
    made: list[Program] = []
    for each in faulty:
        twin = f"{each.name}, repaired"
        made.append(
            Program(
                name=each.name,
                kind="faulty",
                part=part,
                modality=each.modality,
                make=told(each.build, faulty=True),
                causes=each.causes,
                accepted=each.accepted,
                by_construction=each.by_construction,
                in_the_data=each.in_the_data,
                twin=twin,
            )
        )
        made.append(
            Program(name=twin, kind="repaired", part=part, modality=each.modality, make=told(each.build, faulty=False))
        )
    for healthy_one in healthy:
        made.append(
            Program(
                name=healthy_one.name, kind="healthy", part=part, modality=healthy_one.modality, make=healthy_one.build
            )
        )
    return made


def told(build: Build, *, faulty: bool) -> Callable[[int], Case]:
    """Return the function that makes one of the two."""
    return lambda seed: build(seed, faulty=faulty)


def case(
    seed: int,
    model: Callable[[], nn.Module] | nn.Module,
    rows: Rows,
    test: Rows,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    score: Score,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    shuffle: bool = True,
    validation: Rows | None = None,
    judged_by: Score | None = None,
) -> Case:
    """Return a training; `judged_by` is the score that its author watches, where it is one of their own."""
    arguments: dict[str, Any] = {
        "model": model,
        "inputs": rows[0],
        "targets": rows[1],
        "loss": loss,
        "optimizer": optimizer,
        "epochs": epochs,
        "batch_size": batch_size,
        "shuffle": shuffle,
        "validation": validation,
        "seed": seed,
    }
    if judged_by is not None:
        arguments["score"] = judged_by
    return Case(arguments=arguments, test=test, score=score)


def adam(rate: float, **settings: Any) -> Optimizer:
    """Return Adam with this rate."""
    return lambda parameters: torch.optim.Adam(parameters, lr=rate, **settings)


def sgd(rate: float, **settings: Any) -> Optimizer:
    """Return stochastic gradient descent with this rate."""
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, **settings)
