"""Planted causes are found among changes that do nothing, alone and where they mask each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from fitwell.curing.arms import Arm, Bench, Tried
from fitwell.curing.changes import Change, Subject
from fitwell.curing.elimination import Eliminated, eliminated
from fitwell.curing.screening import Screen
from fitwell.recipe import Recipe

Gain = Callable[[Collection[str]], float]


@dataclass
class Made:
    """In the place of a bench and its subject: merit is a function of which changes were made."""

    gain: Gain
    trainings: int = 0
    bundles: list[str] = field(default_factory=list)

    def recipe(self, _done: Collection[Change]) -> Recipe:
        return Recipe()

    def try_out(self, arms: Sequence[Arm]) -> list[Tried]:
        self.trainings += len(arms)
        self.bundles += [arm.name for arm in arms]
        return [of(arm.name) for arm in arms]

    def merit(self, tried: Tried) -> float:
        return self.gain(tried.name.split(" and ") if tried.name else [])


def of(name: str) -> Tried:
    nothing: Any = None
    return Tried(name=name, recipe=None, scored=nothing, decision=nothing)


def found(names: Sequence[str], gain: Gain, most: int = 20) -> tuple[Eliminated, Made]:
    made, nothing = Made(gain), cast(Any, None)
    screen = Screen(
        base=of(""),
        seeds=(),
        changed={},
        simple={},
        target=tuple(Change(name=name, values={name: 0}) for name in names),
        target_tried=of(" and ".join(names)),
        gains=True,
        own=gain([]),
        best=gain(names),
        best_name="usual",
        trivial=nothing,
        proper_shortfall=None,
    )
    return eliminated(cast(Bench, made), cast(Subject, made), screen, most=most), made


def names_of(eliminated: Eliminated) -> list[str]:
    return [cause.name for cause in eliminated.causes]


def test_the_only_change_takes_no_training() -> None:
    result, made = found(["a"], lambda done: float("a" in done))
    assert (names_of(result), result.alone, made.trainings) == (["a"], True, 0)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9, 16])
def test_one_cause_is_found_among_many_changes(count: int) -> None:
    names = [f"c{number}" for number in range(count)]
    for cause in names:
        result, made = found(names, lambda done, cause=cause: float(cause in done))  # type: ignore[misc]
        assert (names_of(result), result.alone) == ([cause], True)
        assert made.trainings <= 12


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_two_faults_that_mask_each_other_are_found_together(count: int) -> None:
    names = [f"c{number}" for number in range(count)]
    result, made = found(names, lambda done: float({"c0", names[-1]} <= set(done)))
    assert (sorted(names_of(result)), result.alone) == (sorted(["c0", names[-1]]), False)
    assert result.is_minimal
    assert made.trainings <= 20


def test_of_two_changes_that_are_each_enough_both_are_named_the_better_first() -> None:
    result, _ = found(["a", "b", "c"], lambda done: max([0.9 * ("a" in done), 1.0 * ("b" in done)]))
    assert (names_of(result), result.alone) == (["b", "a"], True)


def test_the_change_that_is_missed_most_comes_first() -> None:
    weights = {"a": 0.35, "b": 0.65, "c": 0.0}
    result, made = found(["a", "b", "c"], lambda done: sum(weights[name] for name in done))
    assert names_of(result) == ["b", "a"]
    assert [made.merit(tried) for tried in result.tried] == [0.35, 0.65]  # what is left without each


def test_trainings_that_are_not_allowed_are_not_made_and_the_result_says_so() -> None:
    result, made = found(["a", "b", "c"], lambda done: float("a" in done), most=2)
    assert (names_of(result), result.is_minimal, made.trainings) == (["a", "b", "c"], False, 0)
