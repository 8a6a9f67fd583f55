"""What is examined: a network, its data, and how it is trained; checked at the door, never changed."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fitwell.doctor.examining.losses import Loss
from fitwell.doctor.examining.thresholds import (
    ENOUGH_ROWS,
    FEW_VALUES,
    FEWEST_NAMES,
    FOLDS,
    HELD_OUT,
    MANY,
    MIDDLE_HALF,
    RARE,
    ROWS_OF_A_NAME,
    SMALL,
    SPREAD_FACTOR,
    TINY,
)
from fitwell.errors import RequestError

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
Score = Callable[[Tensor, Tensor], float]
FEWEST_STEPS = 8  # of a sequence that has a beginning and an end
LOOKED_AT = 32  # rows that a network is tried with


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A training as its author does it."""

    model: nn.Module | Callable[[], nn.Module]
    inputs: Tensor  # (rows, …), the validation rows at the end
    targets: Tensor  # (rows, …)
    own_validation: int  # how many rows at the end are the author's own validation rows
    loss: Loss
    optimizer: MakeOptimizer
    epochs: int
    batch_size: int
    shuffle: bool
    score: Score | None
    seed: int
    asked: slice | None = None  # the columns of targets that outputs are to be, where others are for the loss alone

    @property
    def known(self) -> Tensor:
        """The targets (rows, …) that outputs are to be."""
        return self.targets if self.asked is None else self.targets[:, self.asked]

    @property
    def rows(self) -> int:
        """All rows, those of the author's validation included."""
        return len(self.inputs)

    @property
    def training_rows(self) -> int:
        """Rows before those of the author's validation."""
        return self.rows - self.own_validation

    @property
    def is_numeric(self) -> bool:
        """Whether inputs are quantities, and not codes such as word numbers."""
        return self.inputs.is_floating_point() or self.inputs.dtype == torch.uint8

    @cached_property
    def codes(self) -> Tensor:
        """Which features (features,) of a table the network takes for codes: whole numbers that it cannot do without.

        Empty where there are none.
        """
        none = torch.zeros(0, dtype=torch.bool)
        x = self.inputs
        if x.ndim != 2 or not x.is_floating_point():
            return none
        whole = (x == x.round()).all(0) & (x >= 0).all(0)
        if not bool(whole.any()):
            return none
        rows = x[:LOOKED_AT]
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            module = new_module(self, self.seed).eval()
            try:
                module((rows - rows.mean(0)) / rows.std(0).nan_to_num(1).clamp(min=1e-6))
            except (IndexError, RuntimeError, ValueError):
                return whole
        return none

    @cached_property
    def numbered(self) -> Tensor:
        """Which features (features,) of a table are whole numbers of which each value has rows enough to be a name."""
        x = self.inputs
        if x.ndim != 2 or not x.is_floating_point():
            return torch.zeros(0, dtype=torch.bool)
        whole = (x == x.round()).all(0)
        counts = torch.tensor([len(torch.unique(column)) for column in x.T])
        return whole & (counts >= FEWEST_NAMES) & (counts * ROWS_OF_A_NAME <= self.training_rows)

    @cached_property
    def skewed(self) -> Tensor:
        """Which features (features,) of a table have a spread that a few rows make; empty where inputs are no table."""
        x = self.inputs
        if x.ndim != 2 or not x.is_floating_point() or self.training_rows < SMALL:
            return torch.zeros(0, dtype=torch.bool)
        some = x[: min(MANY, self.training_rows)].sort(0).values
        low, high = some[len(some) // 4], some[3 * len(some) // 4]
        narrow = SPREAD_FACTOR * (high - low) < MIDDLE_HALF * some.std(0)
        several = torch.tensor([len(torch.unique_consecutive(column)) > FEW_VALUES for column in some.T])
        found = narrow & several & (high > low)
        return found & ~self.codes if len(self.codes) else found

    @cached_property
    def filled(self) -> Tensor:
        """How many steps at the end of each row (rows,) only fill it up: all alike, and those of most rows as well.

        Zero throughout where inputs are no sequences, or most rows are not filled up for a quarter of their steps.
        """
        x = self.inputs
        nothing = torch.zeros(self.rows, dtype=torch.long)
        if x.ndim not in (2, 3) or (x.ndim == 2 and x.is_floating_point()) or x.shape[1] < FEWEST_STEPS:
            return nothing
        steps = x.reshape(*x.shape[:2], -1)
        filler = steps[:, -1].mode(0).values
        other = (steps != filler).any(-1)
        found = torch.where(other.any(1), other.flip(1).int().argmax(1), nothing)
        return found if float((4 * found >= x.shape[1]).float().mean()) > 0.5 else nothing

    def given(self, rows: Tensor, *, fronted: bool) -> Tensor:
        """Return the inputs of some rows; `fronted`, with what fills them up in front of them."""
        x = self.inputs[rows]
        if not fronted:
            return x
        places = (torch.arange(x.shape[1]) - self.filled[rows][:, None]) % x.shape[1]
        return x[torch.arange(len(x))[:, None], places]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Which rows a training learns from, in the author's order, and which judge it."""

    training: Tensor  # (training rows,) row numbers
    held_out: Tensor  # (held-out rows,)


def subject_of(
    model: nn.Module | Callable[[], nn.Module],
    inputs: Any,
    targets: Any,
    *,
    loss: Loss,
    optimizer: MakeOptimizer,
    epochs: int,
    batch_size: int,
    shuffle: bool,
    validation: Sequence[Any] | None,
    score: Score | None,
    seed: int,
) -> Subject:
    """Return the subject of an examination.

    Raises:
        RequestError: an argument is not what `examine` takes.
    """
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(number, int) or number < 1:
            raise RequestError(f"{name} must be a whole number of at least 1, but is {number!r}")
    for name, value in (("model", model), ("loss", loss), ("optimizer", optimizer), ("score", score)):
        if not callable(value) and not (name == "score" and value is None):
            raise RequestError(f"{name} must be callable, but is of type {type(value).__name__}")
    x, y = _pair(inputs, targets, "inputs", "targets")
    own = 0
    if validation is not None:
        if len(validation) != 2:
            raise RequestError(f"validation must be a pair (inputs, targets), but has {len(validation)} parts")
        more_x, more_y = _pair(validation[0], validation[1], "the validation inputs", "the validation targets")
        for name, first, second in (("inputs", x, more_x), ("targets", y, more_y)):
            if first.shape[1:] != second.shape[1:]:
                raise RequestError(
                    f"the validation {name} must have rows of shape {tuple(first.shape[1:])} as the training's have, "
                    f"but theirs is {tuple(second.shape[1:])}"
                )
        x, y, own = torch.cat([x, more_x]), torch.cat([y, more_y.to(y.dtype)]), len(more_x)
    return Subject(
        model=copy.deepcopy(model) if isinstance(model, nn.Module) else model,
        inputs=x,
        targets=y,
        own_validation=own,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        score=score,
        seed=seed,
    )


def _pair(inputs: Any, targets: Any, inputs_name: str, targets_name: str) -> tuple[Tensor, Tensor]:
    x, y = _tensor(inputs, inputs_name), _tensor(targets, targets_name)
    if len(x) != len(y):
        raise RequestError(f"{inputs_name} and {targets_name} must have as many rows, but have {len(x)} and {len(y)}")
    if len(x) < 2:
        raise RequestError(f"{inputs_name} must have at least 2 rows, but have {len(x)}")
    return x, y


def _tensor(value: Any, name: str) -> Tensor:
    if not isinstance(value, Tensor):
        array = np.asarray(value)
        if array.dtype == object or not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise RequestError(f"{name} must be a tensor or an array of numbers, but are {array.dtype}")
        value = torch.as_tensor(array.astype(np.float32) if array.dtype == np.float64 else array)
    tensor: Tensor = value.detach()
    if tensor.ndim == 0:
        raise RequestError(f"{name} must have rows, but are a single number")
    return tensor


def new_module(subject: Subject, seed: int) -> nn.Module:
    """Return the network before its training; with the subject's own seed a module given keeps its weights."""
    torch.manual_seed(seed)
    if not isinstance(subject.model, nn.Module):
        return subject.model()
    module = copy.deepcopy(subject.model)
    if seed != subject.seed:
        _redraw(module)
    return module


def calmed(module: nn.Module) -> nn.Module:
    """Return the module after its parts that are not torch's were told that they predict, in place."""
    for part in module.modules():
        if not type(part).__module__.startswith("torch."):
            part.training = False
    return module


def unregistered(module: nn.Module) -> list[tuple[nn.Module, str, nn.Module | Tensor]]:
    """Return what torch does not know to be parts of a module: layers in plain lists and dicts, and plain weights.

    Each with the part that holds it and the name of the attribute.
    """
    known = set(map(id, module.modules()))
    found: list[tuple[nn.Module, str, nn.Module | Tensor]] = []
    for part in module.modules():
        for name, value in vars(part).items():
            if name.startswith("_"):
                continue  # where torch keeps its own
            held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
            found += [(part, name, each) for each in held if isinstance(each, nn.Module) and id(each) not in known]
            if isinstance(value, Tensor) and value.is_leaf and value.requires_grad:
                found.append((part, name, value))
    return found


def register(module: nn.Module) -> nn.Module:
    """Make layers in plain lists and dicts, and plain weights, parts of the module, in place."""
    for place, (part, name, held) in enumerate(unregistered(module)):
        if isinstance(held, nn.Module):
            part.add_module(f"{name} {place}", held)  # no attribute that a program could have is called so
        else:
            delattr(part, name)
            part.register_parameter(name, nn.Parameter(held.detach()))
    return module


def drawn_by_moments(subject: Subject) -> tuple[str, ...]:
    """Return the parameters that other seeds draw by their own mean and spread, since no layer draws them so."""
    if not isinstance(subject.model, nn.Module):
        return ()
    with torch.random.fork_rng(devices=[]):
        return _redraw(copy.deepcopy(subject.model))


def drawn_by_layers(module: nn.Module) -> nn.Module:
    """Return a copy of the module whose layers have drawn their first weights as they do by themselves."""
    fresh = copy.deepcopy(module)
    for part in fresh.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
    return fresh


def _redraw(module: nn.Module) -> tuple[str, ...]:
    """Draw other first weights of the same kind: as its layers do, or by each tensor's own moments where it differs.

    Returns the names of the latter.
    """
    by_moments = []
    fresh = drawn_by_layers(module)
    with torch.no_grad():
        for (name, own), drawn in zip(module.named_parameters(), fresh.parameters(), strict=True):
            if not own.is_floating_point() or own.numel() < 2:
                continue
            spread, usual = float(own.std()), float(drawn.std())
            untouched = torch.equal(own, drawn)  # no layer draws it
            if not untouched and usual > 0 and 0.5 < spread / usual < 2 and abs(float(own.mean())) < spread:
                own.copy_(drawn)
            elif spread > 0 and own.requires_grad:
                own.normal_(float(own.mean()), spread)
                by_moments.append(name)
    return tuple(by_moments)


def row_keys(values: Tensor) -> list[bytes]:
    """Return a digest of each row, equal where rows are."""
    flat = values.reshape(len(values), -1).contiguous().cpu().numpy()
    return [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in flat]


def folds_of(subject: Subject, labels: Tensor | None, seed: int) -> tuple[Fold, ...]:
    """Return how rows are held out: the author's own, all of tiny data, enough parts of small data, else a fifth.

    Rows with equal inputs stay together; with `labels` (rows,) every part gets its share of each class.
    """
    if subject.own_validation:
        training = torch.arange(subject.training_rows)
        return (Fold(training=training, held_out=torch.arange(subject.training_rows, subject.rows)),)
    rows = subject.rows
    if rows < TINY:
        return (Fold(training=torch.arange(rows), held_out=torch.arange(rows)),)
    parts = _parts(subject, labels, FOLDS if rows < SMALL else round(1 / HELD_OUT), seed)
    rarest = None if labels is None else int(torch.bincount(labels.flatten().clamp(min=0)).clamp(min=1).min())
    count = int(parts.max()) + 1
    judged = math.ceil(count * ENOUGH_ROWS / rows) if rows < SMALL else 1
    if rarest is not None and rows < MANY:
        judged = max(judged, math.ceil(count * RARE / rarest))
    return tuple(
        Fold(training=(parts != part).nonzero()[:, 0], held_out=(parts == part).nonzero()[:, 0])
        for part in range(min(count, judged))
    )


def _parts(subject: Subject, labels: Tensor | None, count: int, seed: int) -> Tensor:
    """Return the part, from 0, that each row is in."""
    groups: dict[bytes, list[int]] = {}
    for row, key in enumerate(row_keys(subject.inputs)):
        groups.setdefault(key, []).append(row)
    if len(groups) < 2 * count:  # a handful of different rows, repeated: nothing would be left to learn from
        groups = {str(row).encode(): [row] for row in range(subject.rows)}
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(1000 + seed)).tolist()
    members = list(groups.values())
    if labels is not None and labels.ndim == 1:
        order.sort(key=lambda group: int(labels[members[group][0]]))  # stable: shuffled within a class
    parts = torch.zeros(subject.rows, dtype=torch.long)
    for place, group in enumerate(order):
        parts[members[group]] = place % count
    return parts


def standardized_rows(subject: Subject, count: int) -> Tensor:
    """Return the first rows' inputs, each feature standardized: raw ones may saturate what is sound."""
    inputs = subject.inputs[:count]
    if not inputs.is_floating_point():
        return inputs
    spread = inputs.std(0)
    standardized = (inputs - inputs.mean(0)) / torch.where(spread > 0, spread, torch.ones(()))
    return torch.where(subject.codes, inputs, standardized) if len(subject.codes) else standardized


def steps_of(rows: int, batch_size: int, epochs: int) -> int:
    """Return how many steps a training takes.

    >>> steps_of(rows=100, batch_size=32, epochs=2)
    8
    """
    return math.ceil(rows / batch_size) * epochs
