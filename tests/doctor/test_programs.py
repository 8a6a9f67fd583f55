"""The programs that the doctor is judged by are sound: named, complete, trainable, and faulty where they say so."""

from __future__ import annotations

import importlib
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

# As the doctor's design lists them; all that a training in PyTorch can have.
SYMPTOMS = {
    "overfitting", "underfitting", "vanishing_gradients", "exploding_gradients", "dead_units", "saturated_units",
    "poor_initialization", "learning_rate_too_high", "learning_rate_too_low", "unstable_loss", "seed_sensitive",
    "stopped_too_early", "not_learning", "wrong_output_activation", "wrong_loss", "unscaled_inputs", "unscaled_targets",
    "missing_activation", "class_imbalance", "one_class", "label_noise", "misaligned_labels", "too_few_rows",
    "target_leakage", "split_leakage", "unshuffled_data", "frozen_parameters", "non_finite_values", "batch_size",
    "misleading_metric",
}  # fmt: skip


@pytest.fixture(scope="module")
def benchmark() -> Any:
    """The modules of the benchmark, which is no package that is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("doctor_programs"), importlib.import_module("doctor_programs.training")


@pytest.fixture
def programs(benchmark: Any) -> Any:
    return benchmark[0].PROGRAMS


def test_there_are_as_many_programs_as_a_verdict_needs(programs: Any) -> None:
    kinds = Counter(each.kind for each in programs)
    assert kinds["faulty"] >= 60
    assert kinds["healthy"] >= 30
    assert len({each.name for each in programs}) == len(programs)


def test_every_faulty_program_has_a_twin_in_its_own_part(programs: Any) -> None:
    parts = {each.name: (each.kind, each.part) for each in programs}
    for each in programs:
        assert (each.twin is not None) == (each.kind == "faulty")
        assert each.twin is None or parts[each.twin] == ("repaired", each.part)


@pytest.mark.parametrize("kind", ["faulty", "healthy"])
def test_a_third_of_the_programs_is_held_out(programs: Any, kind: str) -> None:
    # Beside these stand the parts that were asked about later, once each, before the doctor was changed by it.
    parts = Counter(each.part for each in programs if each.kind == kind and each.part in ("development", "held out"))
    assert 0.3 < parts["held out"] / parts.total() < 0.4


def test_every_symptom_is_the_fault_of_two_programs_of_which_one_is_held_out(programs: Any) -> None:
    for part in ("development", "held out"):
        faults = {cause for each in programs if each.part == part for cause in each.causes}
        assert faults == SYMPTOMS, part
    assert {name for each in programs for name in each.accepted} <= SYMPTOMS


def test_a_program_is_the_same_each_time_it_is_made(programs: Any) -> None:
    for each in programs:
        one, other = each.make(3), each.make(3)
        for name in ("inputs", "targets"):
            same = torch.equal(one.arguments[name].nan_to_num(), other.arguments[name].nan_to_num())
            assert same, each.name


@pytest.mark.filterwarnings("ignore:Using a target size")  # which is the fault of one
def test_every_program_takes_a_step(programs: Any, benchmark: Any) -> None:
    for each in programs:
        made = each.make(3)
        short = {**made.arguments, "inputs": made.arguments["inputs"][:40], "targets": made.arguments["targets"][:40]}
        short |= {"epochs": 1, "batch_size": min(20, short["batch_size"])}
        case = replace(made, arguments=short)
        model, optimizer = benchmark[1].begun(case)
        steps = list(benchmark[1].trained(case, model, optimizer))
        assert steps[-1].last, each.name
        score = case.score(benchmark[1].outputs_of(model, case.test[0]), case.test[1])
        assert each.kind == "faulty" or math.isfinite(score), each.name


def test_a_fault_costs_what_its_twin_keeps(programs: Any, benchmark: Any) -> None:
    scores = {}
    for name in ("all weights zero", "all weights zero, repaired"):
        case = next(each for each in programs if each.name == name).make(3)
        model, optimizer = benchmark[1].begun(case)
        for _ in benchmark[1].trained(case, model, optimizer):
            pass
        scores[name] = case.score(benchmark[1].outputs_of(model, case.test[0]), case.test[1])
    assert scores["all weights zero"] < 0.6 < 0.9 < scores["all weights zero, repaired"]
