"""Findings from what was seen: which symptom a change cures, by what mechanism, and how far that is sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fitwell.doctor.examining.changes import BESIDE, CHANGES, STAND_IN, WIDER, Arm, Change
from fitwell.doctor.examining.eliminating import Causes
from fitwell.doctor.examining.flaw import Flaw
from fitwell.doctor.examining.measuring import Gain, Measured, gain
from fitwell.doctor.examining.screening import Screened
from fitwell.doctor.examining.signals import Signals
from fitwell.doctor.examining.thresholds import (
    EXPLODED,
    FAINT,
    KNOWN_THROUGHOUT,
    LARGE_MOMENTUM,
    MANY_DEAD,
    MANY_SATURATED,
    NOTHING_LEARNED,
    VANISHED,
)
from fitwell.doctor.finding import SEVERITIES, STATUSES, Finding, Remedy, Severity, remedy

REACHED = "skill_with_changes"
TABLE: Mapping[str, Change] = {**CHANGES, **BESIDE}

MECHANISMS: dict[str, str] = {
    "unscaled_inputs": "features of very different or large scales make the loss a narrow valley: a step that suits "
    "one weight is far too long or short for another",
    "unscaled_targets": "targets far from unit spread make the first errors, and so the steps, far too large or small, "
    "and the last layer has to cross all that distance",
    "poor_initialization": "the first weights make signals grow, shrink or all alike from layer to layer, and the "
    "gradient with them",
    "wrong_loss": "what is minimized is not what the task asks for",
    "wrong_output_activation": "the activation at the output keeps it from what the targets or the loss ask for",
    "missing_activation": "linear layers one after another are a single linear layer: the network cannot bend",
    "learning_rate_too_high": "steps jump across the minimum instead of into it",
    "learning_rate_too_low": "steps are so short that the training ends before it gets anywhere",
    "stopped_too_early": "the training ends while it still gains",
    "dead_units": "units that are zero for all rows have no gradient and never come back",
    "saturated_units": "on the flat parts of sigmoid and tanh, and where many units share a sum of one, the gradient "
    "is nearly zero",
    "vanishing_gradients": "every layer takes a part of the gradient, so that the first layers hardly learn",
    "exploding_gradients": "gradients grow from step to step of the sequence; single updates undo what was learned",
    "unshuffled_data": "batches in the order of the data hold one kind of row each, and each undoes the one before",
    "frozen_parameters": "parameters that never change, or get a part of their gradient alone, keep the network from "
    "fitting",
    "batch_size": "steps are too few, or each sees too few rows",
    "underfitting": "the network, as it is, cannot express what the data shows, or is held back from learning it",
    "overfitting": "it goes on learning the training rows by heart, at the expense of others",
    "class_imbalance": "errors on one class weigh so little beside those on another that it is hardly ever predicted",
    "not_learning": "what a row gives depends on the rows beside it, so that nothing steady can be learned of any",
    "unstable_loss": "steps overshoot, and the loss rises and falls instead of settling",
    "seed_sensitive": "whether it learns depends on the first weights and the order of rows",
}


def measured_remedy(text: str, found: Gain) -> Remedy:
    """Return a remedy that no setting of a recipe is, with what it brought."""
    change = {"setting": None, "from": None, "to": None, "text": text}
    return Remedy(change=change, effect=found.effect, low=found.low, high=found.high)


def symptoms_of(name: str, arm: Arm, base: Measured) -> tuple[str, ...]:
    """Return which symptoms a change has cured, the cause first, then what it showed in."""
    signals = base.trainings[0].signals
    if name in ("rate", "adam"):
        return _of_rate(name, arm, base)
    if signals is None:
        return (TABLE[name].symptom,)
    if name in (WIDER, STAND_IN):
        return _of_another_network(name, base, signals)
    start = signals.start
    saturated = any(each.saturated > MANY_SATURATED for each in start)
    if name == "activations":
        if signals.shrinkage < VANISHED:
            return ("vanishing_gradients", *(("saturated_units",) if saturated else ()))
        return ("saturated_units",)
    if name == "initialization":
        return _of_first_weights(signals, saturated=saturated)
    return (TABLE[name].symptom,)


def _of_rate(name: str, arm: Arm, base: Measured) -> tuple[str, ...]:
    high = arm.factor < 1 if name == "rate" else base.jumpy
    signals = base.trainings[0].signals
    if name == "adam" and signals is not None and signals.gradients and signals.travelled == 0:
        return ("frozen_parameters",)  # no rate of its own does: its steps leave the weights what they were
    if not high:
        # No single rate did, but one for each weight: gradients of very different sizes are what it makes up for.
        faded = name == "adam" and signals is not None and signals.fading and not _is_silent(signals)
        return ("vanishing_gradients", "learning_rate_too_low") if faded else ("learning_rate_too_low",)
    if base.momentum > LARGE_MOMENTUM:
        return ("unstable_loss", "learning_rate_too_high")
    exploded = base.diverged or (signals is not None and not signals.largest_gradient <= EXPLODED)
    return (
        "learning_rate_too_high",
        *(("exploding_gradients",) if exploded else ()),
        *(("unstable_loss",) if base.jumpy else ()),
    )


def _of_another_network(name: str, base: Measured, signals: Signals) -> tuple[str, ...]:
    """Return what another network's success says of the examined one.

    One that knows its rows by heart was large enough for them; and beside one that sees all steps at once, a recurrence
    through which a tenth of the gradient or less comes back is the likeliest reason.
    """
    if base.fitted >= KNOWN_THROUGHOUT:
        return ("overfitting",)
    forgets = name == STAND_IN and signals.memory < FAINT
    return ("vanishing_gradients", TABLE[name].symptom) if signals.fading or forgets else (TABLE[name].symptom,)


def _is_silent(signals: Signals) -> bool:
    return any(each.dead > MANY_DEAD for each in signals.end)


def _of_first_weights(signals: Signals, *, saturated: bool) -> tuple[str, ...]:
    poor = "poor_initialization"
    if signals.first_gradient > EXPLODED:
        return ("exploding_gradients", poor)
    if any(each.dead > MANY_DEAD for each in signals.start):
        # Where every weight is zero, so is every unit: the weights are the cause.
        return (poor, "dead_units") if signals.zero_weights else ("dead_units", poor)
    if saturated:
        return ("saturated_units", poor)
    return (poor, "vanishing_gradients") if signals.shrinkage < VANISHED else (poor,)


def cause_findings(screened: Screened, causes: Causes, *, severity: Severity, sure: bool) -> tuple[Finding, ...]:
    """Return a finding for each change without which the gain is lost, the largest effect first."""
    found: list[Finding] = []
    arm = causes.measured.arm
    for name, effect in {**causes.effects, **causes.hidden}.items():
        for symptom in symptoms_of(name, arm, screened.base):
            if symptom in {each.symptom for each in found}:
                continue
            found.append(
                Finding(
                    symptom=symptom,
                    status="confirmed" if sure else "suspected",
                    severity=severity,
                    since="start",
                    evidence=evidence_of(screened, causes),
                    explanation=_explanation(symptom, screened, causes),
                    remedies=(_remedy(name, arm, effect),),
                )
            )
    return tuple(found)


def alternative_findings(
    screened: Screened, alternatives: Iterable[tuple[str, Measured]], *, severity: Severity
) -> tuple[Finding, ...]:
    """Return a finding for each change that would be enough alone as well."""
    base = screened.base
    return tuple(
        Finding(
            symptom=symptoms_of(name, changed.arm, base)[0],
            status="confirmed",
            severity=severity,
            since="start",
            evidence={"skill": base.skill, "skill_with_changes": changed.skill, "allowed": screened.allowed},
            explanation=f"{_capitalized(MECHANISMS[symptoms_of(name, changed.arm, base)[0]])}. With this alone changed "
            f"the training reaches a skill of {changed.skill:.2f} instead of {base.skill:.2f} too.",
            remedies=(_remedy(name, changed.arm, gain(changed.contributions, base.contributions)),),
        )
        for name, changed in alternatives
    )


def with_cure(found: Finding, screened: Screened, cure: Measured) -> Finding:
    """Return a finding of a cause with what making all changes brought that help further."""
    effect = gain(cure.contributions, screened.base.contributions)
    names = sorted(cure.arm.changes)
    text = f"do all that helps: {'; '.join(said(name, cure.arm) for name in names)}"
    change = {"setting": None, "from": None, "to": None, "text": text}
    whole = Remedy(change=change, effect=effect.effect, low=effect.low, high=effect.high)
    return replace(with_skill(found, cure.skill), remedies=(*found.remedies, whole))


def with_skill(found: Finding, reached: float) -> Finding:
    """Return a finding with the skill that is reached when it is put right."""
    return replace(found, evidence={**found.evidence, "skill_with_changes": reached})


def joined(first: Finding, second: Finding) -> Finding:
    """Return one finding of two of the same symptom: as sure and grave as the graver, with the remedies of both."""
    grave, other = sorted(
        (first, second), key=lambda each: (STATUSES.index(each.status), SEVERITIES.index(each.severity))
    )
    known = {each.effect for each in grave.remedies}  # one change in other words brings the same to the last bit
    more = tuple(each for each in other.remedies if each.effect is None or each.effect not in known)
    reached = [each.evidence[REACHED] for each in (first, second) if each.evidence.get(REACHED) is not None]
    return replace(
        grave,
        where=grave.where or other.where,
        explanation=_one_after_the_other(first.explanation, second.explanation),
        evidence={**other.evidence, **grave.evidence, **({REACHED: max(reached)} if reached else {})},
        remedies=(*grave.remedies, *more),
    )


def _one_after_the_other(first: str, second: str) -> str:
    """Return both texts, without the sentence that opens the first and the second alike."""
    opening = f"{first.partition('. ')[0]}. "
    return f"{first} {second.removeprefix(opening)}"


def evidence_of(screened: Screened, causes: Causes) -> dict[str, Any]:
    """Return the figures that a cause rests on."""
    return {
        "skill": screened.base.skill,
        "skill_with_changes": causes.measured.skill,
        "allowed": screened.allowed,
        "linear_skill": screened.linear_skill,
        "shortfall": screened.shortfall,
        "changes": ", ".join(sorted(causes.measured.arm.changes)),
    }


def _explanation(symptom: str, screened: Screened, causes: Causes) -> str:
    base, reached = screened.base.skill, causes.measured.skill
    mechanism = MECHANISMS[symptom]
    others = len(causes.effects) - 1
    with_others = "" if not others else f" (together with {others} more change{'s' if others > 1 else ''})"
    return (
        f"{_capitalized(mechanism)}. As it is, the training reaches a skill of {base:.2f} on held-out "
        f"rows; with this changed{with_others} it reaches {reached:.2f}."
    )


def _capitalized(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def said(name: str, arm: Arm) -> str:
    """Return in words what a change does in an arm."""
    if name == "adam":
        return f"take Adam at a learning rate of {arm.adam_rate:g}"
    if name == "rate":
        return f"multiply the learning rate by {arm.factor:g}"
    if name == "longer":
        return f"train {arm.longer:.1f} times as long"
    return TABLE[name].text


def _remedy(name: str, arm: Arm, effect: Gain | None) -> Remedy:
    change = {"setting": TABLE[name].setting, "from": None, "to": None, "text": said(name, arm)}
    if effect is None:
        return Remedy(change=change)
    return Remedy(change=change, effect=effect.effect, low=effect.low, high=effect.high)


def flaw_finding(
    flaw: Flaw, effect: Gain | None, *, reached: float | None = None, beside_others: bool = False
) -> Finding:
    """Return a finding of what is wrong by construction, with what putting it right brought where that was tried.

    `beside_others` says that this shows only once other things are put right.
    """
    change = {"setting": None, "from": None, "to": None, "text": flaw.way_out}
    once = ", once all else that was changed is" if beside_others else ""
    measured = "" if effect is None else f" Measured, putting it right brings {effect.effect:+.2f} in skill{once}."
    return Finding(
        symptom=flaw.symptom,
        status="confirmed",
        severity=flaw.severity,
        where=flaw.where,
        since="start",
        evidence={}
        if effect is None
        else {"effect": effect.effect, "low": effect.low, "high": effect.high, "skill_with_changes": reached},
        explanation=f"{flaw.text[0].upper()}{flaw.text[1:]}.{measured}",
        remedies=(
            Remedy(change=change)
            if effect is None
            else Remedy(change=change, effect=effect.effect, low=effect.low, high=effect.high),
        ),
    )


def diverged_finding(base: Measured) -> Finding:
    """Return that the examined training ended in losses that are no numbers, for which no change was found to blame."""
    ended = sum(each.diverged for each in base.trainings)
    return Finding(
        symptom="non_finite_values",
        status="confirmed",
        severity="critical",
        since="training",
        evidence={"trainings": len(base.trainings), "diverged": ended},
        explanation="The loss became infinite or no number, and with it all that was learned. Where steps are short, "
        "look for what is not defined everywhere: a root or a logarithm at 0, a division by a spread of 0.",
        remedies=(remedy("add a small number inside roots, logarithms and divisions; then clip gradients by norm"),),
    )


def below_simple_finding(screened: Screened, again: Gain, *, name: str, reached: float) -> Finding:
    """Return that a simple model does clearly better, though no change of the network was seen to help."""
    by_heart = screened.base.fitted >= KNOWN_THROUGHOUT
    why = (
        f"it knows its own rows by heart (skill {screened.base.fitted:.2f}), which it is large enough for"
        if by_heart
        else "it cannot express, or its training cannot find, what the inputs plainly show"
    )
    way_out = (
        "hold the network back by dropout, weight decay or fewer units, stop early, or take the simple model"
        if by_heart
        else "give the output a direct path from the inputs: a shortcut, all steps of a series, fewer layers"
    )
    return Finding(
        symptom="overfitting" if by_heart else "underfitting",
        status="confirmed",
        severity="critical",
        since="end",
        evidence={"skill": screened.base.skill, "simple_skill": reached, "allowed": screened.allowed,
                  "low": again.low, "high": again.high},
        explanation=f"The network reaches a skill of {screened.base.skill:.2f} on held-out rows, {name} "
        f"{reached:.2f}: {why}.",
        remedies=(remedy(way_out),),
    )  # fmt: skip


def idle_finding(base: Measured) -> Finding | None:
    """Return that a sick training has not even learned its own rows; None where it has, or lost all it had learned."""
    if base.diverged or max(base.fitted, base.skill) > NOTHING_LEARNED:
        return None
    return Finding(
        symptom="not_learning",
        status="confirmed",
        severity="critical",
        since="end",
        evidence={"fitted": base.fitted, "skill": base.skill},
        explanation=f"On its own training rows the training ends with a skill of {base.fitted:.2f}, on held-out ones "
        f"with {base.skill:.2f}: hardly better than a constant answer. What is named before is why.",
    )


def possible_findings(screened: Screened, possible: Mapping[str, Gain | None], arm: Arm) -> tuple[Finding, ...]:
    """Return a suspicion for each change that something speaks for, beside the causes that were confirmed."""
    base = screened.base
    found = []
    for name, effect in possible.items():
        symptom = symptoms_of(name, arm, base)[0]
        brought = (
            "what putting this right alone brings was not measured to the end, since it is not enough"
            if effect is None
            else f"put right alone, it brings {effect.effect:+.2f} in skill, {effect.low:+.2f} to {effect.high:+.2f}"
        )
        found.append(
            Finding(
                symptom=symptom,
                status="suspected",
                severity="warning",
                since="start",
                evidence={"skill": base.skill, "allowed": screened.allowed},
                explanation=f"Also possible, beside what was confirmed: {MECHANISMS[symptom]}; {brought}.",
                remedies=(_remedy(name, arm, effect),),
            )
        )
    return tuple(found)


def activity_findings(base: Measured) -> tuple[Finding, ...]:
    """Return what the signals of a sick training show beside its causes: warnings, since causes were confirmed."""
    signals = base.trainings[0].signals
    if signals is None:
        return ()
    dead = max((each.dead for each in signals.end), default=0.0)
    saturated = max((each.saturated for each in signals.end), default=0.0)
    found = []
    if dead > MANY_DEAD:
        found.append(("dead_units", {"share": dead}, f"{100 * dead:.0f} % of the units of a hidden layer are dead"))
    if saturated > MANY_SATURATED:
        text = f"{100 * saturated:.0f} % of a hidden layer's values are on the flat parts of its activation"
        found.append(("saturated_units", {"share": saturated}, text))
    if signals.shrinkage < VANISHED:
        text = f"the first layer's gradient is {signals.shrinkage:.1e} of the last's"
        found.append(("vanishing_gradients", {"ratio": signals.shrinkage}, text))
    elif signals.memory < VANISHED:
        text = f"the gradient at the first steps of a sequence is {signals.memory:.1e} of that at the last ones"
        found.append(("vanishing_gradients", {"ratio": signals.memory}, text))
    if base.jumpy and not base.diverged:
        text = "the loss had risen by a tenth again and again, or weights lay far from where they began"
        found.append(("unstable_loss", {"travelled": signals.travelled}, text))
    return tuple(
        Finding(
            symptom=symptom,
            status="confirmed",
            severity="warning",
            since="end",
            evidence=evidence,
            explanation=f"At the end {text}: {MECHANISMS[symptom]}.",
        )
        for symptom, evidence, text in found
    )
