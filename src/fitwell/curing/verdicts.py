"""What the experiments say, as findings: causes with what helped, suspicions confirmed or refuted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fitwell.curing.arms import TRIVIAL, Bench, Tried
from fitwell.curing.causes import Cause, cause_of, is_taste
from fitwell.curing.changes import Change
from fitwell.curing.elimination import Eliminated
from fitwell.curing.of_data import Learning
from fitwell.curing.screening import Screen
from fitwell.curing.shortfall import (
    CRITICAL,
    NOTICED,
    PROPERLY_CRITICAL,
    TASTE_CRITICAL,
    Effect,
    is_above_noise,
    shortfall,
)
from fitwell.doctor.finding import SEVERITIES, STATUSES, Finding, Remedy, Severity
from fitwell.recipe import Recipe, setting
from fitwell.recipe.accepted import shown

HEADROOM = {
    "wider": Cause("underfitting", "a wider network still learns more"),
    "regularized": Cause("overfitting", "held back more, the network learns less by heart"),
}
CERTAIN_P = 0.1  # above it, shuffled labels do about as well as the real ones
FEW_TO_JUDGE = 100  # validation rows; with fewer, a signal that is there may not show


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Causes that were found, and how far they carried on fresh trainings."""

    found: Eliminated
    effects: Mapping[Change, Effect | None]  # of each that is enough alone; else of all together, for each
    proper: Mapping[Change, Effect | None]  # the same by the proper score
    held: Mapping[Change, bool]  # beyond noise, on fresh trainings
    shortfall: float  # on fresh trainings
    proper_shortfall: float | None  # the same by the proper score

    def misses(self, share: float) -> bool:
        """Tell whether so much is missing; rows may be ranked well and yet be told apart hardly at all."""
        return self.shortfall >= share or (self.proper_shortfall or 0.0) >= max(share, PROPERLY_CRITICAL)


def cause_findings(bench: Bench, screen: Screen, judged: Judged) -> Iterator[Finding]:
    """Yield a finding for every change that matters, the likeliest cause first."""
    base = screen.base.recipe
    assert base is not None
    found = judged.found
    for place, change in enumerate(found.causes):
        alone = found.tried[place] if found.alone else None
        helped = (alone or found.together).recipe
        assert helped is not None
        cause = HEADROOM[change.name] if change.is_headroom else cause_of(change.name, base, helped)
        effect, held = judged.effects[change], judged.held[change]
        told = _changed_text(change, base, helped)
        figures = f"{bench.metric} on the validation rows goes from {_figure(bench, screen.base)} to "
        if found.alone:
            brought = f"with this alone put right, {figures}{_figure(bench, alone)}"
        else:
            others = ", ".join(other.name for other in found.causes if other is not change)
            brought = f"put right together with {others}, {figures}{_figure(bench, found.together)}"
        fresh = _fresh_text(bench, effect, judged.proper[change])
        yield Finding(
            symptom=cause.symptom,
            status="confirmed" if held else "suspected",
            severity=_severity(change, base, helped, judged) if held else "warning",
            where=None if change.is_headroom else change.name,
            since="start",
            evidence=_evidence(bench, screen, judged, place),
            explanation=f"{told.was}: {cause.mechanism}; {brought}; {fresh}",
            remedies=tuple(_remedies(bench, change, judged, place, base, helped)),
        )


def _severity(change: Change, base: Recipe, helped: Recipe, judged: Judged) -> Severity:
    if change.is_headroom:
        return "warning"
    needed = TASTE_CRITICAL if is_taste(change.name, base, helped) else CRITICAL
    return "critical" if judged.misses(needed) else "warning"


def _fresh_text(bench: Bench, effect: Effect | None, proper: Effect | None) -> str:
    if effect is None:
        return "no fresh training could tell"
    properly = "" if proper is None else f", and {proper} in {bench.proper}"
    return f"{effect.trainings} fresh trainings gain {effect} in {bench.metric}{properly}"


@dataclass(frozen=True)
class _Told:
    was: str
    remedy: str


def _changed_text(change: Change, base: Recipe, helped: Recipe) -> _Told:
    pairs = {path: (setting(base, path), setting(helped, path)) for path in change.values}
    was = " and ".join(f"{path} is {shown(old)}" for path, (old, _) in pairs.items())
    to = " and ".join(f"{path} {shown(new)}" for path, (_, new) in pairs.items())
    return _Told(was=was, remedy=f"set {to}")


def _evidence(bench: Bench, screen: Screen, judged: Judged, place: int) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "metric": bench.metric,
        "figure": bench.figure(screen.base).value,
        "best": bench.metric_of(screen.best),
        "best_of": screen.best_name,
        "trivial": bench.metric_of(screen.trivial),
        "shortfall": round(screen.shortfall, 4),
        "shortfall_on_fresh_trainings": round(judged.shortfall, 4),
        "proper_shortfall": None if judged.proper_shortfall is None else round(judged.proper_shortfall, 4),
        "enough_alone": judged.found.alone,
    }
    if judged.found.tried:
        what = "alone" if judged.found.alone else "without_it"
        evidence[what] = bench.figure(judged.found.tried[place]).value
    return evidence


def _remedies(
    bench: Bench, change: Change, judged: Judged, place: int, base: Recipe, helped: Recipe
) -> Iterator[Remedy]:
    found, effect = judged.found, judged.effects[change]
    own = {path: (setting(base, path), setting(helped, path)) for path in change.values}
    path, (old, new) = next(iter(own.items()))
    text = _changed_text(change, base, helped).remedy
    measured = _measures(effect)
    if not found.alone:
        rest = [other for other in found.causes if other is not change]
        text = f"{text}, together with {', '.join(other.name for other in rest)}"
    yield Remedy(
        change={"setting": path, "from": _plain(old), "to": _plain(new), "text": text},
        **measured,
    )


def _measures(effect: Effect | None) -> dict[str, float | None]:
    if effect is None:
        return {"effect": None, "low": None, "high": None}
    return {"effect": effect.value, "low": effect.low, "high": effect.high}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _figure(bench: Bench, tried: Tried | None) -> str:
    assert tried is not None
    value = bench.figure(tried).value
    return "none" if value is None else f"{value:.4g}"


def seed_finding(bench: Bench, screen: Screen) -> Finding | None:
    """Return that the same recipe does much worse on some seeds than on others; None where seeds agree.

    Nor where none of them learns anything: of seeds that guess, one guesses best.
    """
    tried = [screen.base, *screen.seeds]
    ranked = sorted(tried, key=bench.goodness)
    worst, best = ranked[0], ranked[-1]
    top = max(screen.best, bench.goodness(best))
    spread = shortfall(bench.goodness(worst), bench.goodness(best), screen.trivial)
    lacking = shortfall(bench.goodness(worst), top, screen.trivial)
    sound = shortfall(bench.goodness(best), top, screen.trivial)
    if spread < CRITICAL or sound >= CRITICAL:
        return None
    if not all(is_above_noise(bench.compared(best, other)) for other in (worst, screen.simple[TRIVIAL])):
        return None
    figures = [bench.figure(each).value for each in tried]
    told = ", ".join("none" if value is None else f"{value:.4g}" for value in figures)
    return Finding(
        symptom="seed_sensitive",
        status="confirmed",
        severity="critical" if lacking >= TASTE_CRITICAL else "warning",
        where="seed",
        since="start",
        evidence={"metric": bench.metric, "figures": figures, "spread": round(spread, 4)},
        explanation=(
            f"the same recipe on {len(tried)} seeds reaches {bench.metric} {told}: first weights and the order of rows "
            "decide whether it learns"
        ),
        remedies=(
            Remedy(change={"setting": "members", "from": 1, "to": 5, "text": "train several members, which average"}),
        ),
    )


def simple_finding(bench: Bench, screen: Screen) -> Finding | None:
    """Return that a simple model does better than every network that was tried; None where none does."""
    networks = [screen.base, *screen.changed.values()]
    best = max(networks, key=bench.goodness)
    simple = max((tried for name, tried in screen.simple.items() if name != TRIVIAL), key=bench.goodness, default=None)
    if simple is None:
        return None
    missing = shortfall(bench.goodness(best), bench.goodness(simple), screen.trivial)
    difference = bench.compared(simple, best)
    if missing < NOTICED or not is_above_noise(difference):
        return None
    gap = difference.difference
    return Finding(
        symptom="underfitting",
        status="confirmed",
        severity="warning",
        where=None,
        since="start",
        evidence={"metric": bench.metric, "simple": simple.name, "shortfall": round(missing, 4)},
        explanation=(
            f"of all that was tried, the simple model {simple.name} does best, with {bench.metric} "
            f"{_figure(bench, simple)} on the validation rows; the best network reaches {_figure(bench, best)}"
        ),
        remedies=(
            Remedy(
                change={"setting": None, "from": None, "to": None, "text": f"use {simple.name} for these rows"},
                effect=gap.value,
                low=gap.low,
                high=gap.high,
            ),
        ),
    )


def signal_finding(bench: Bench, screen: Screen, p: float) -> Finding:
    """Return that nothing does better than always giving the same answer."""
    rows = len(screen.base.scored.truth)
    certain = p >= CERTAIN_P and rows >= FEW_TO_JUDGE
    return Finding(
        symptom="label_noise",
        status="confirmed" if certain else "suspected",
        severity="critical" if certain else "warning",
        where=", ".join(bench.labelled.coding.names),
        since="data",
        evidence={
            "metric": bench.metric,
            "best": bench.metric_of(screen.best),
            "trivial": bench.metric_of(screen.trivial),
            "p": p,
            "rows": rows,
        },
        explanation=(
            f"no network and no simple model tells these rows apart: the best has {bench.metric} "
            f"{bench.metric_of(screen.best):.4g} on {rows:,} validation rows, always giving the same answer "
            f"{bench.metric_of(screen.trivial):.4g}, and with shuffled labels simple models do as well in "
            f"{100 * p:.0f} % of trials"
        ),
        remedies=(
            Remedy(
                change={
                    "setting": None,
                    "from": None,
                    "to": None,
                    "text": "check that labels belong to their rows, and look for columns that say more",
                }
            ),
        ),
    )


def learning_finding(bench: Bench, learning: Learning, *, best: float, trivial: float) -> Finding | None:
    """Return that more rows would help, and how much; None where they would hardly."""
    reach = best + learning.doubled - trivial
    share = learning.doubled / reach if reach > 0 else 0.0
    gained = learning.gained
    if share < NOTICED or gained.low <= 0:
        return None
    quarter, half, whole = (bench.metric_of(value) for value in learning.figures)
    factor = learning.doubled / gained.value
    over = f", over {learning.divisions} divisions of the rows" if learning.divisions > 1 else ""
    return Finding(
        symptom="too_few_rows",
        status="confirmed",
        severity="warning" if share >= CRITICAL else "info",
        where=None,
        since="data",
        evidence={"metric": bench.metric, "quarter": quarter, "half": half, "all": whole, "rows": learning.rows},
        explanation=(
            f"{bench.metric} still rises with the rows: {quarter:.4g} with a quarter of the {learning.rows:,} training "
            f"rows, {half:.4g} with half, {whole:.4g} with all{over}"
        ),
        remedies=(
            Remedy(
                change={"setting": None, "from": None, "to": None, "text": f"collect {learning.rows:,} rows more"},
                effect=learning.doubled,
                low=factor * gained.low,
                high=factor * gained.high,
            ),
        ),
    )


def leak_judged(bench: Bench, finding: Finding, with_it: Tried, without: Tried, *, trivial: Tried) -> Finding:
    """Return a suspected leak confirmed where the figure falls far without the column, else refuted.

    Where all other columns rank the rows well too, it is the proper score that tells how much the column gives away.
    """
    difference = bench.compared(with_it, without)
    lost = shortfall(bench.goodness(without), bench.goodness(with_it), bench.goodness(trivial))
    properly = bench.proper_shortfall(without, with_it, trivial) or 0.0
    told = f"without it, {bench.metric} is {_figure(bench, without)} instead of {_figure(bench, with_it)}"
    held = (lost >= CRITICAL or properly >= PROPERLY_CRITICAL) and is_above_noise(difference)
    gap = difference.difference
    remedies = tuple(
        replace(
            remedy,
            effect=None if gap.value is None else -gap.value,
            low=None if gap.high is None else -gap.high,
            high=None if gap.low is None else -gap.low,
        )
        for remedy in finding.remedies
    )
    return replace(
        finding,
        status="confirmed" if held else "refuted",
        evidence={**finding.evidence, "without": bench.figure(without).value},
        explanation=f"{finding.explanation}; {told}{'' if held else ', so that nothing hangs on it'}",
        remedies=remedies,
    )


def weighed(passive: Sequence[Finding], causes: Sequence[Finding], *, why: str, cleared: bool) -> list[Finding]:
    """Return what signals said, in the light of the experiments.

    A symptom that is confirmed as a cause is said once. Where another cause was confirmed, a suspicion is likely to be
    a consequence of it and only informs; where the training was cleared, suspicions are refuted. What counting the
    rows shows stands as it is.
    """
    known = [finding for finding in causes if finding.status == "confirmed"]
    kept = []
    for finding in passive:
        if finding.status != "suspected" or finding.since == "data":
            kept.append(finding)
        elif known and finding.symptom not in {cause.symptom for cause in known}:
            source = " and ".join(cause.where or cause.symptom for cause in known)
            text = f"{finding.explanation}; likely a consequence of {source}"
            kept.append(replace(finding, severity="info", explanation=text))
        elif cleared:
            kept.append(replace(finding, status="refuted", explanation=f"{finding.explanation}; refuted: {why}"))
        elif not known:
            kept.append(finding)
    return kept


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the likeliest cause first: by status, by severity, then in the order of their finding."""
    return tuple(sorted(findings, key=lambda each: (STATUSES.index(each.status), SEVERITIES.index(each.severity))))


def visible_first(causes: Sequence[Finding], passive: Sequence[Finding]) -> list[Finding]:
    """Return causes that are needed together, those first that signals had made suspected before any experiment.

    Each of them is missed, so that by how much says little about which one was the mistake.
    """
    shown = {each.symptom for each in passive if each.status == "suspected"}
    return sorted(causes, key=lambda each: each.symptom not in shown)
