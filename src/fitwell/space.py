"""What a search tries: the settings of a recipe that may vary, and the values each of them may take.

A recipe names its ranges in `tune.ranges`. Without them these are the usual ones: each is a function of the recipe that
Fitwell chose for the data, and a line in a table; as everywhere, a setting that the user made is left alone then.

A value has a place between 0 and 1, spread as the scale says, so that who draws trials, or looks for what mattered,
need not know what the values are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fitwell.errors import RecipeError
from fitwell.plan import OPEN
from fitwell.recipe import APPLIES, Range, Recipe, changed, default_of, setting
from fitwell.recipe.accepted import place_of, takes_whole_numbers

RATE_FACTOR = 5.0  # how far below and above the usual learning rate, which suits tables already
DECAY_FACTOR = 10.0
MOST_DROPOUT = 0.5
DIGITS = 3  # of a number that is tried: more would only be noise in a recipe

# Where along the scale of a number the trials that are ahead lie.
TENDENCIES = {
    "higher": "higher is better",
    "lower": "lower is better",
    "middle": "the middle is best",
    "ends": "the ends are best",
}


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One setting that varies."""

    path: str
    tried: Range
    whole: bool  # whole numbers only
    why: str  # these values

    def value(self, place: float) -> Any:
        """Return the value at a place, which is at least 0 and below 1.

        >>> rate = Dimension(path="x", tried=Range(low=0.01, high=1.0, scale="log"), whole=False, why="")
        >>> rate.value(0.0), rate.value(0.5)
        (0.01, 0.1)
        """
        if self.tried.among:
            return self.tried.among[int(place * len(self.tried.among))]
        low, high = self.ends
        half = 0.5 if self.whole else 0.0  # so that the first and the last whole number get their share too
        start, end = self._spread(low - half), self._spread(high + half)
        value = self._gathered(start + place * (end - start))
        value = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        within = min(max(value, low), high)
        return int(within) if self.whole else within

    def place(self, value: Any) -> float:
        """Return where a number lies between the ends, 0 at the lower; one outside of them has a place beyond."""
        start, end = map(self._spread, self.ends)
        return (self._spread(value) - start) / (end - start)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest number."""
        low, high = self.tried.low, self.tried.high
        assert low is not None and high is not None, self.path  # noqa: PT018  (a recipe's range has both or a list)
        return low, high

    def _spread(self, value: float) -> float:
        return math.log(value) if self.tried.scale == "log" else value

    def _gathered(self, value: float) -> float:
        return math.exp(value) if self.tried.scale == "log" else value


@dataclass(frozen=True)
class Usual:
    """What is usually tried, and why."""

    tried: Range
    why: str


def space_of(asked: Recipe, chosen: Recipe) -> tuple[Dimension, ...]:
    """Return what a search tries; `chosen` is what was asked with every `auto` replaced, and is the first trial.

    Raises:
        RecipeError: a range has a value that its setting does not take, or no setting is left to vary.
    """
    tried = {path: Usual(each, "as the recipe says") for path, each in asked.tune.ranges.items()}
    tried = tried or usual_ranges(asked, chosen)
    if not tried:
        raise RecipeError(
            "a search needs a setting to vary, but the recipe makes all that are usually varied "
            f"({', '.join(USUAL)}); leave one of them out, or name ranges in tune.ranges"
        )
    space = tuple(dimension_of(path, each.tried, why=each.why) for path, each in tried.items())
    for dimension in space:
        _require_sense(dimension, tried, asked=asked, chosen=chosen)
    return space


def with_effect(values: Mapping[str, Any], *, chosen: Recipe) -> dict[str, Any]:
    """Return some settings without those that the others leave nothing to decide.

    >>> with_effect({"training.optimizer": "adamw", "training.momentum": 0.5}, chosen=Recipe())
    {'training.optimizer': 'adamw'}
    """

    def has_effect(path: str) -> bool:
        if path not in APPLIES:
            return True
        other, words = APPLIES[path]
        return values.get(other, setting(chosen, other)) in words

    return {path: value for path, value in values.items() if has_effect(path)}


def usual_ranges(asked: Recipe, chosen: Recipe) -> dict[str, Usual]:
    """Return the usual ranges around the chosen recipe, of the settings that were not made.

    >>> from fitwell.recipe import parse
    >>> chosen = parse({"training": {"learning_rate": 0.002}, "network": {"hidden": [128, 128, 128]}})
    >>> usual_ranges(Recipe(), chosen)["training.learning_rate"].tried
    Range(low=0.0004, high=0.01, scale='log', among=())
    """
    found = {path: usual(chosen) for path, usual in USUAL.items() if setting(asked, path) == OPEN.get(path, "auto")}
    return {path: usual for path, usual in found.items() if usual is not None}


def _rate(chosen: Recipe) -> Usual | None:
    rate = chosen.training.learning_rate
    if not isinstance(rate, float):
        return None  # a range test has yet to find it
    return Usual(_around(rate, RATE_FACTOR), f"from a fifth to five times the usual {rate:g}")


def _decay(chosen: Recipe) -> Usual | None:
    decay = chosen.training.weight_decay
    if decay in ("auto", 0.0):
        return None  # the optimizer has none
    return Usual(_around(float(decay), DECAY_FACTOR), f"from a tenth to ten times the usual {decay:g}")


def _dropout(chosen: Recipe) -> Usual | None:
    if not chosen.network.hidden:
        return None
    return Usual(Range(low=0.0, high=MOST_DROPOUT), f"from none to half of the units, around {chosen.network.dropout}")


def _hidden(chosen: Recipe) -> Usual | None:
    hidden = chosen.network.hidden
    assert hidden != "auto"
    if not hidden:
        return None
    width, depth = hidden[0], len(hidden)
    shapes = ((max(1, width // 2),) * max(1, depth - 1), hidden, (2 * width,) * max(1, depth - 1))
    return Usual(Range(among=shapes), "half as wide and twice as wide, with a layer less each, and as chosen")


def _around(value: float, factor: float) -> Range:
    return Range(low=float(f"{value / factor:.{DIGITS}g}"), high=float(f"{value * factor:.{DIGITS}g}"), scale="log")


# Every setting that is usually varied. Numbers vary within one population; each shape is one of its own, and the more
# trials share one, the less each costs. So the activation, which the benchmark tables chose, is not among them.
USUAL: dict[str, Callable[[Recipe], Usual | None]] = {
    "training.learning_rate": _rate,
    "training.weight_decay": _decay,
    "network.dropout": _dropout,
    "network.hidden": _hidden,
}


def dimension_of(path: str, tried: Range, *, why: str) -> Dimension:
    """Return a setting of the recipe with what it is varied over."""
    field = place_of(Recipe, path.split(".")).field
    assert field is not None, path  # the recipe refuses ranges of unknown settings
    return Dimension(path=path, tried=tried, whole=takes_whole_numbers(field.annotation), why=why)


def _require_sense(dimension: Dimension, others: Mapping[str, Usual], *, asked: Recipe, chosen: Recipe) -> None:
    path = dimension.path
    if path in APPLIES:
        other, words = APPLIES[path]
        if other not in others and setting(chosen, other) not in words:
            raise RecipeError(
                f"tune.ranges names {path}, but it has no effect while {other} is {setting(chosen, other)} (only with "
                f"{', '.join(sorted(words))}); leave it out, or name a range of {other} too"
            )
    ends = () if dimension.tried.among else dimension.ends
    values = dimension.tried.among or [int(end) if dimension.whole and end == int(end) else end for end in ends]
    without = changed(asked, {each: default_of(each) for each in others})
    for value in values:
        if value in ("auto", "usual"):
            raise RecipeError(
                f"tune.ranges.{path} must list values to try, but lists {value}, which stands for one of them; "
                "leave it out"
            )
        changed(without, {path: value}, origin="tune.ranges")
