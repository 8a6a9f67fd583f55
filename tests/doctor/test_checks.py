"""Every check speaks of its sickness, and of nothing on sound trainings, spikes and what was not seen."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fitwell.doctor.checks import CHECKS, checked
from fitwell.doctor.finding import Finding, findings_from_json, findings_json
from fitwell.doctor.observation import (
    Answered,
    Beside,
    LayerSeen,
    Looks,
    Observation,
    Spreads,
    Steps,
    Verdict,
)
from fitwell.topics import find

STEPS, LOOKS, HIDDEN = 30, 12, 3
LAYERS = (
    LayerSeen(name="inputs", kind="input"),
    *(LayerSeen(name=f"layers.{place}", kind="hidden") for place in range(HIDDEN)),
    LayerSeen(name="head", kind="output"),
)
CHANCE = 0.7


def signals(**changed: float | np.ndarray) -> dict[str, np.ndarray]:
    """Return healthy signals with some of them set in the hidden layers."""
    healthy = {
        "gradient_norm": 0.1,
        "weight_norm": 5.0,
        "update_ratio": 1e-3,
        "activation_mean": 0.2,
        "activation_spread": 0.7,
        "zeros": 0.4,
        "saturation": 0.1,
    }
    made = {}
    for name, usual in {**healthy, **changed}.items():
        values = np.full((STEPS, len(LAYERS)), np.nan)
        values[:] = healthy.get(name, np.nan)
        values[:, 1 : 1 + HIDDEN] = usual
        made[name] = values
    return made


def spike(value: float, usual: float) -> np.ndarray:
    """Return a signal that is beyond all bounds in a single step."""
    values = np.full((STEPS, HIDDEN), usual)
    values[STEPS // 2] = value
    return values


def steps(**changed: float | np.ndarray) -> Steps:
    """Return steps whose loss falls, with these signals."""
    return Steps(
        moments=np.linspace(0, LOOKS - 1, STEPS),
        losses=CHANCE * np.exp(-np.linspace(0, 3, STEPS)),
        rates=np.full(STEPS, 1e-3),
        signals=signals(**changed),
    )


def looks(training: np.ndarray, validation: np.ndarray) -> Looks:
    """Return looks at the end of epochs, the first before any step."""
    return Looks(moments=np.arange(float(len(training))), training=training, validation=validation)


def falling(to: float, *, pace: float = 4.0, start: float = CHANCE) -> np.ndarray:
    """Return losses that approach a value exponentially."""
    return to + (start - to) * np.exp(-np.linspace(0, pace, LOOKS))


def flat(loss: float = CHANCE) -> Looks:
    """Return looks at which nothing was learned."""
    return looks(np.full(LOOKS, loss), np.full(LOOKS, loss))


def beside(verdict: Verdict, *, constant: bool = False, metric: str = "roc_auc", value: float = 0.9) -> Beside:
    """Return a simple model and the verdict on the network against it."""
    return Beside(name="linear", constant=constant, metric=metric, value=value, network=value, verdict=verdict)


HEALTHY = Observation(
    layers=LAYERS,
    steps=steps(),
    looks=looks(falling(0.1), falling(0.15)),
    constant_loss=CHANCE,
    ending="planned",
    keeps_best=True,
    learning_rate=1e-3,
    optimizer="adamw",
    clip_norm=100.0,
    batch_rows=32,
    rows=3200,
    inputs=Spreads(names=("a", "b"), spreads=(0.5, 1.0), largest=(2.0, 3.0)),
    targets=Spreads(names=("y",), spreads=(1.0,), largest=(4.0,)),
    beside=(beside("better"), beside("better", constant=True, metric="accuracy", value=0.9)),
    classes=(Answered(name="no", rows=90, answered=88), Answered(name="yes", rows=10, answered=12)),
    accuracy_decides=True,
    settings=True,
)
WORSE = (beside("worse"),)
POOR = replace(HEALTHY, looks=flat(), beside=WORSE)  # learned nothing, where a simple model learned much

LOST = np.full(STEPS, CHANCE)
LOST[20:] = np.nan
THROWN = np.array([CHANCE, 9.0, 8.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.9, 0.8, 0.8, 0.8])
JUMPING = np.array([CHANCE, *(0.6 + 0.3 * (-1.0) ** place for place in range(LOOKS - 1))])
RISING = np.concatenate([falling(0.3)[:4], np.linspace(0.5, 1.5, LOOKS - 4)])
SHRINKING = np.array([1e-8, 1e-4, 1.0])  # gradients of the hidden layers, from the first on
GROWING = np.geomspace(0.1, 1e5, STEPS)[:, None] * np.ones(HIDDEN)

SICK: dict[str, Observation] = {
    "non_finite_values": replace(POOR, steps=replace(HEALTHY.steps, losses=LOST)),
    "frozen_parameters": replace(HEALTHY, left_out=("0", "2")),
    "unscaled_inputs": replace(
        POOR, inputs=Spreads(names=("age", "income"), spreads=(10.0, 30_000.0), largest=(90.0, 2e5))
    ),
    "unscaled_targets": replace(POOR, targets=Spreads(names=("price",), spreads=(2e5,), largest=(1e6,))),
    "poor_initialization": replace(POOR, steps=steps(activation_mean=0.5, activation_spread=1e-6)),
    "clipped_gradients": replace(HEALTHY, clip_norm=0.01),
    "learning_rate_too_high": replace(POOR, looks=looks(THROWN, np.full(LOOKS, CHANCE))),
    "learning_rate_too_low": replace(POOR, steps=steps(update_ratio=1e-7)),
    "vanishing_gradients": replace(POOR, steps=steps(gradient_norm=SHRINKING)),
    "exploding_gradients": replace(POOR, steps=steps(gradient_norm=SHRINKING[::-1] / SHRINKING[0] * 1e-4)),
    "dead_units": replace(POOR, steps=steps(zeros=0.999)),
    "saturated_units": replace(POOR, steps=steps(saturation=0.95)),
    "unstable_loss": replace(POOR, looks=looks(JUMPING, np.full(LOOKS, CHANCE))),
    "stopped_too_early": replace(POOR, looks=looks(falling(0.1, pace=0.5), falling(0.1, pace=0.5))),
    "overfitting": replace(HEALTHY, looks=looks(falling(0.01), RISING)),
    "not_learning": POOR,
    "underfitting": replace(HEALTHY, beside=WORSE),
    "ignored_class": replace(
        HEALTHY, classes=(Answered(name="no", rows=90, answered=100), Answered(name="yes", rows=10, answered=0))
    ),
    "misleading_metric": replace(
        HEALTHY, beside=(beside("not distinguishable", constant=True, metric="accuracy", value=0.95),)
    ),
}
SYMPTOMS = {name: name for name in SICK} | {"ignored_class": "class_imbalance"}

LONG = 400


def found(name: str, seen: Observation) -> Finding:
    finding = CHECKS[name](seen)
    assert finding is not None
    return finding


def test_there_is_a_sickness_for_every_check() -> None:
    assert set(SICK) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_speaks_of_its_sickness_in_words_with_figures_and_a_way_out(name: str) -> None:
    finding = found(name, SICK[name])
    assert finding.symptom == SYMPTOMS[name]
    assert finding.evidence, "the figures that say so"
    assert finding.remedies, "something to try"
    assert finding.explanation, "what is wrong"
    written = json.loads(json.dumps(findings_json([finding], complete=False), allow_nan=False))
    assert findings_from_json(written) == (finding,)


@pytest.mark.parametrize("name", CHECKS)
def test_what_a_check_speaks_of_is_explained(name: str) -> None:
    assert find(SYMPTOMS[name]).kind == "symptom"


@pytest.mark.parametrize("name", CHECKS)
def test_a_suspicion_alone_makes_no_training_sick(name: str) -> None:
    finding = found(name, SICK[name])
    assert finding.status in ("suspected", "confirmed")
    assert not finding.decides or name == "non_finite_values"


SOUND = {
    "healthy": HEALTHY,
    "in somebody's own loop, without a recipe": replace(
        HEALTHY, settings=False, constant_loss=None, beside=(), classes=(), keeps_best=False
    ),
    "nothing seen": Observation(),
    "a converged long run": replace(
        HEALTHY,
        looks=looks(
            np.concatenate([falling(0.1), np.full(LONG, 0.1)]), np.concatenate([falling(0.12), np.full(LONG, 0.12)])
        ),
    ),
    "one wild step": replace(
        HEALTHY,
        steps=steps(gradient_norm=spike(1e6, 0.1), update_ratio=spike(2.0, 1e-3), zeros=spike(1.0, 0.5)),
    ),
    "one dead, saturated, still step of a poor network": replace(
        POOR,
        looks=looks(falling(0.5), falling(0.5)),
        beside=(beside("better"),),
        steps=steps(zeros=spike(1.0, 0.5), saturation=spike(1.0, 0.5), update_ratio=spike(0.0, 1e-3)),
    ),
    "noise without a signal, which no simple model finds either": replace(
        HEALTHY, looks=flat(), beside=(beside("not distinguishable"),), accuracy_decides=False
    ),
    "sparse and saturated layers that work": replace(HEALTHY, steps=steps(zeros=0.99, saturation=0.95)),
    "gradients that die out on the way to layers that are not needed": replace(
        HEALTHY, steps=steps(gradient_norm=SHRINKING)
    ),
    "validation losses that scatter": replace(
        HEALTHY,
        looks=looks(
            falling(0.1),
            falling(0.15) + 0.02 * np.random.default_rng(0).normal(size=LOOKS),
        ),
    ),
    "standardized inputs with a far outlier": replace(
        HEALTHY, inputs=Spreads(names=("a", "b"), spreads=(1.0, 0.8), largest=(40.0, 2.0))
    ),
    "rare flags among standardized inputs": replace(
        POOR,
        looks=HEALTHY.looks,
        beside=HEALTHY.beside,
        inputs=Spreads(names=("a", "b"), spreads=(1.0, 0.005), largest=(3.0, 1.0)),
    ),
    "a few hundred epochs stopped by patience": replace(
        HEALTHY, ending="patience", looks=looks(falling(0.1, pace=0.5), falling(0.1, pace=0.5))
    ),
}


@pytest.mark.parametrize("why", SOUND)
def test_all_checks_are_silent_on_sound_trainings(why: str) -> None:
    assert [finding.explanation for finding in checked([SOUND[why]])] == []


def test_causes_stand_before_what_they_bring_about_and_what_is_grave_before_all() -> None:
    seen = replace(SICK["vanishing_gradients"], clip_norm=0.0001)
    told = [finding.symptom for finding in checked([seen])]
    assert told.index("vanishing_gradients") < told.index("not_learning") < told.index("underfitting")
    lost = replace(seen, steps=replace(seen.steps, losses=SICK["non_finite_values"].steps.losses))
    assert checked([lost])[0].symptom == "non_finite_values"


def test_a_suspicion_must_befall_half_of_the_members_and_says_how_many() -> None:
    poor = replace(POOR, beside=())
    assert checked([poor, HEALTHY, HEALTHY]) == []
    told = {finding.symptom: finding for finding in checked([poor, poor, HEALTHY])}
    assert told["not_learning"].explanation.startswith("in 2 of 3 members, the loss was never better")
    assert (told["not_learning"].evidence["befallen"], told["not_learning"].evidence["members"]) == (2, 3)


def test_a_fact_is_told_of_one_member_and_critical_only_when_it_befell_all() -> None:
    lost = replace(HEALTHY, steps=SICK["non_finite_values"].steps)
    (one,) = checked([lost, HEALTHY])
    assert (one.severity, one.status) == ("warning", "confirmed")
    (both,) = checked([lost, lost])
    assert (both.severity, both.decides) == ("critical", True)


def test_the_layer_that_was_lost_first_is_named_on_the_way_forward_then_backward() -> None:
    losses = SICK["non_finite_values"].steps.losses
    forward = signals(activation_spread=np.array([0.7, np.nan, np.nan]))
    lost = replace(HEALTHY, steps=replace(HEALTHY.steps, losses=losses, signals=forward))
    assert found("non_finite_values", lost).where == "layers.1"
    backward = signals(gradient_norm=np.array([np.nan, 1.0, 1.0]))
    lost = replace(HEALTHY, steps=replace(HEALTHY.steps, losses=losses, signals=backward))
    assert found("non_finite_values", lost).where == "layers.0"


def test_a_loss_that_was_infinite_before_any_step_is_not_blamed_on_the_rate() -> None:
    lost = replace(HEALTHY, steps=replace(HEALTHY.steps, losses=np.full(STEPS, np.inf)))
    finding = found("non_finite_values", lost)
    assert (finding.since, finding.remedies[0].change["setting"]) == ("start", "data.numbers")
    later = found("non_finite_values", SICK["non_finite_values"])
    change = later.remedies[0].change
    assert (change["setting"], change["from"], change["to"]) == ("training.learning_rate", 1e-3, 1e-4)


def test_a_validation_loss_that_is_lost_counts_though_no_single_step_was_seen() -> None:
    validation = falling(0.1)
    validation[5:] = np.nan
    lost = replace(HEALTHY, steps=replace(HEALTHY.steps), looks=looks(falling(0.1), validation))
    assert found("non_finite_values", lost).since == "epoch 5"
    unknown = replace(HEALTHY, looks=looks(falling(0.1), np.full(LOOKS, np.nan)))
    assert CHECKS["non_finite_values"](unknown) is None


def test_gradients_that_grow_with_time_explode_where_nothing_is_learned() -> None:
    grown = replace(POOR, steps=steps(gradient_norm=GROWING))
    assert found("exploding_gradients", grown).evidence["growth"] > 100
    assert CHECKS["exploding_gradients"](replace(grown, looks=HEALTHY.looks)) is None


def test_the_layer_with_the_least_gradient_is_named_with_its_share() -> None:
    finding = found("vanishing_gradients", SICK["vanishing_gradients"])
    assert (finding.where, finding.evidence["layers"], finding.evidence["hidden_layers"]) == ("layers.0", 2, HIDDEN)
    assert finding.evidence["share_of_last"] == pytest.approx(1e-8)


def test_a_layer_that_is_wild_or_at_its_bounds_before_the_first_step_is_named() -> None:
    wild = replace(POOR, steps=steps(activation_spread=np.array([1.0, 50.0, 5000.0])))
    assert "spread by 5e+03" in found("poor_initialization", wild).explanation
    bound = replace(POOR, steps=steps(saturation=np.array([0.2, 0.95, 0.1])))
    assert found("poor_initialization", bound).where == "layers.1"
    first = replace(POOR, looks=flat(10 * CHANCE))
    assert "10 times that of knowing nothing" in found("poor_initialization", first).explanation


def test_updates_that_replace_the_weights_of_a_poor_network_are_too_long() -> None:
    long = replace(POOR, steps=steps(update_ratio=0.5))
    assert found("learning_rate_too_high", long).evidence["update_ratio"] == 0.5
    assert CHECKS["learning_rate_too_high"](replace(long, looks=HEALTHY.looks)) is None


def test_a_rate_is_judged_where_the_schedule_lets_it_act() -> None:
    rates = np.where(np.arange(STEPS) < STEPS // 2, 1e-3, 1e-9)
    update = np.where(rates > 1e-6, 1e-3, 1e-9)[:, None] * np.ones(HIDDEN)
    annealed = replace(POOR, steps=replace(steps(update_ratio=update), rates=rates))
    assert CHECKS["learning_rate_too_low"](annealed) is None


def test_overfitting_only_informs_where_the_best_weights_are_kept_and_patience_ends_it() -> None:
    assert found("overfitting", SICK["overfitting"]).severity == "warning"
    stopped = replace(SICK["overfitting"], ending="patience")
    assert found("overfitting", stopped).severity == "info"
    last = found("overfitting", replace(stopped, keeps_best=False))
    assert last.severity == "warning"
    change = last.remedies[0].change
    assert (change["setting"], change["to"]) == ("training.early_stopping.restore_best", True)
    assert found("overfitting", stopped).since == "epoch 3"
    advice = [
        [each.change["text"] for each in found("overfitting", seen).remedies] for seen in (SICK["overfitting"], stopped)
    ]
    assert [texts[0] for texts in advice] == ["stop early", "add dropout"]  # what is done is not advised


def test_a_training_that_only_made_matters_worse_says_that_the_weights_in_use_are_untrained() -> None:
    rising = np.linspace(CHANCE, 3 * CHANCE, LOOKS)
    worse = replace(HEALTHY, ending="patience", looks=looks(falling(0.01), rising), beside=WORSE)
    finding = found("not_learning", worse)
    assert finding.severity == "warning"
    assert finding.explanation.startswith("the validation loss rose from 0.7 before the first step to 2.1: the weights")
    on_par = replace(worse, beside=(beside("not distinguishable"),))
    assert found("not_learning", on_par).severity == "info"
    assert CHECKS["not_learning"](replace(on_par, keeps_best=False)) is None


def test_units_counted_one_by_one_count_more_than_zeros() -> None:
    half = replace(POOR, steps=steps(dead=0.6, zeros=0.8))
    assert found("dead_units", half).evidence["share"] == 0.6
    assert CHECKS["dead_units"](replace(POOR, steps=steps(dead=0.1, zeros=0.99))) is None


def test_layers_without_any_gradient_say_nothing_about_those_that_have_some() -> None:
    still = replace(POOR, steps=steps(gradient_norm=np.array([0.0, 0.1, 0.1])))
    assert CHECKS["vanishing_gradients"](still) is None
    unknown = replace(POOR, steps=steps(gradient_norm=np.array([np.nan, 1e-8, 0.1])))
    assert found("vanishing_gradients", unknown).where == "layers.1"


def test_what_is_infinite_is_written_in_words() -> None:
    grown = np.where(np.arange(STEPS) < 5, 0.1, np.inf)[:, None] * np.ones(HIDDEN)  # beyond single precision
    endless = replace(POOR, steps=steps(gradient_norm=grown))
    report = findings_json(checked([endless]), complete=False)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert "exploding_gradients" in [each["symptom"] for each in report["findings"]]


def test_a_layer_whose_outputs_are_not_known_hides_no_other_one() -> None:
    flat_start = steps(activation_mean=0.5, activation_spread=np.array([np.nan, 1e-6, 1e-6]))
    assert found("poor_initialization", replace(POOR, steps=flat_start)).where == "layers.1"


def test_remedies_name_settings_only_where_there_is_a_recipe() -> None:
    own = replace(SICK["learning_rate_too_low"], settings=False)
    assert {each.change["setting"] for each in found("learning_rate_too_low", own).remedies} == {None}


def test_a_gain_is_measured_from_knowing_nothing() -> None:
    assert HEALTHY.gain == pytest.approx((CHANCE - HEALTHY.looks.validation.min()) / CHANCE)
