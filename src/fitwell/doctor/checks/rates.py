"""Steps that are too long or too short, and losses that jump from look to look."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from fitwell.doctor.checks.judging import advised, has_not_moved, is_poor, lasted, median, since, tenth
from fitwell.doctor.finding import Finding
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import (
    BLOWN_UP,
    FALLING,
    LEAST_LOOKS,
    LEAST_STEPS,
    TURNING,
    UNSTABLE,
    UPDATE_HIGH,
    UPDATE_LOW,
)


def learning_rate_too_high(seen: Observation) -> Finding | None:
    """Speak when steps threw the loss far above that of knowing nothing, or keep replacing a poor network's weights."""
    thrown = _thrown(seen)
    if thrown is not None:
        epoch, times = thrown
        return _too_high(
            seen,
            f"after a sound start, the training loss rose to {times:.3g} times that of knowing nothing in "
            f"{seen.clock} {epoch:.4g}",
            when=since(seen, epoch),
            evidence={seen.clock: epoch, "times_constant": times},
            grave=is_poor(seen),
        )
    updates = _updates_at_full_rate(seen)
    if updates is None or not is_poor(seen):
        return None
    places = seen.places("hidden") or seen.places("output")
    of_layers = updates[:, places]
    if not len(of_layers) or not lasted(of_layers > UPDATE_HIGH).all():
        return None
    usual = float(np.median(of_layers))
    return _too_high(
        seen,
        f"each step moves the hidden weights by {100 * usual:.0f} % of their size: a thousandth is usual",
        when="start",
        evidence={"update_ratio": usual},
        grave=True,
    )


def _too_high(seen: Observation, told: str, *, when: str, evidence: dict[str, float], grave: bool) -> Finding:
    rate = seen.learning_rate
    return Finding(
        symptom="learning_rate_too_high",
        status="suspected",
        severity="warning" if grave else "info",
        since=when,
        evidence={"learning_rate": rate, **evidence},
        explanation=told + ("" if rate is None else f" (learning rate {rate:g})"),
        remedies=(
            advised(
                seen,
                "try a tenth of the rate",
                setting="training.learning_rate",
                old=rate,
                new=None if rate is None else tenth(rate),
            ),
            advised(seen, "let the rate rise during the first epochs", setting="training.warmup_epochs", new=1.0),
        ),
    )


def _thrown(seen: Observation) -> tuple[float, float] | None:
    """Return the epoch in which the mean training loss was highest and how high, if it left a sound start behind.

    Where single steps alone were seen, stretches of them stand for epochs.
    """
    chance, looks, steps = seen.chance, seen.looks, seen.steps
    finite = np.isfinite(looks.training)
    epochs, losses = looks.moments[finite], looks.training[finite]
    if not len(losses):
        known = np.isfinite(steps.losses)
        if known.sum() < 2 * LEAST_STEPS:
            return None
        parts = np.array_split(np.flatnonzero(known), min(10, known.sum() // LEAST_STEPS))
        epochs = np.array([steps.moments[part[0]] for part in parts])
        losses = np.array([np.median(steps.losses[part]) for part in parts])
    started = _start(seen)
    if not chance > 0 or not started <= BLOWN_UP * chance:
        return None
    worst = int(np.argmax(losses))
    times = float(losses[worst]) / max(chance, started)
    return (float(epochs[worst]), times) if times > BLOWN_UP else None


def _start(seen: Observation) -> float:
    """Return the loss before or at the first step."""
    first = seen.judged[:1]
    if len(first) and np.isfinite(first[0]) and seen.looks.moments[0] == 0:
        return float(first[0])
    return float(seen.steps.losses[0]) if len(seen.steps) else float("nan")


def learning_rate_too_low(seen: Observation) -> Finding | None:
    """Speak when hardly anything was learned, the loss falls all the time, and steps hardly move the hidden weights."""
    updates = _updates_at_full_rate(seen)
    places = seen.places("hidden") or seen.places("output")
    if updates is None or not places or not (has_not_moved(seen) or _creeps(seen)):
        return None
    of_layers = updates[:, places]
    if len(of_layers) < LEAST_STEPS or not lasted(of_layers < UPDATE_LOW).all():
        return None
    usual, rate = median(of_layers.ravel()), seen.learning_rate
    if usual == 0:  # nothing moves at all: that is not for want of a rate
        return None
    more = None if rate is None else 10 * rate
    return Finding(
        symptom="learning_rate_too_low",
        status="suspected",
        severity="warning",
        since="start",
        evidence={"learning_rate": rate, "update_ratio": usual, "gain": seen.gain},
        explanation=(
            f"each step moves the hidden weights by {usual:.1g} of their size, where a thousandth is usual, and the "
            f"loss fell by {100 * max(seen.gain, 0):.2f} % in all"
            + ("" if rate is None else f" (learning rate {rate:g})")
        ),
        remedies=(
            advised(seen, "let a range test find the rate", setting="training.learning_rate", old=rate, new="auto"),
            advised(seen, "try ten times the rate", setting="training.learning_rate", old=rate, new=more),
        ),
    )


def _creeps(seen: Observation) -> bool:
    """Tell whether the loss fell from look to look nearly always, and is poor nevertheless."""
    changes = np.diff(seen.judged[np.isfinite(seen.judged)])
    return len(changes) >= LEAST_LOOKS and is_poor(seen) and bool((changes < 0).mean() >= FALLING)


def unstable_loss(seen: Observation) -> Finding | None:
    """Speak when the training loss goes up and down by more than a seventh of its whole range, to the end."""
    losses = seen.looks.training[np.isfinite(seen.looks.training)]
    late = losses[len(losses) // 2 :]
    changes = np.diff(late)
    if len(changes) < LEAST_LOOKS or not seen.chance > 0:
        return None
    size = float(np.median(np.abs(changes))) / seen.chance
    turns = float((changes > 0).mean())
    if size < UNSTABLE or not TURNING <= turns <= 1 - TURNING or seen.gain >= 1 - UNSTABLE:
        return None
    return Finding(
        symptom="unstable_loss",
        status="suspected",
        severity="warning",
        since="training",
        evidence={"median_change": size, "share_rising": turns, "gain": seen.gain},
        explanation=(
            f"the training loss still jumps from look to look, by {100 * size:.0f} % of the loss of knowing nothing, "
            f"and {100 * turns:.0f} % of the jumps go up"
        ),
        remedies=(
            advised(
                seen,
                "try a third of the rate",
                setting="training.learning_rate",
                old=seen.learning_rate,
                new=None if seen.learning_rate is None else float(f"{seen.learning_rate / 3:.2g}"),
            ),
            advised(seen, "average over more rows", setting="training.batch_size", old=seen.batch_rows),
        ),
    )


def _updates_at_full_rate(seen: Observation) -> Float[np.ndarray, "steps layers"] | None:
    """Return the update ratios of steps whose rate was at least half the highest: schedules begin and end with none."""
    updates = seen.signal("update_ratio")
    if updates is None:
        return None
    rates = seen.steps.rates[: len(updates)]
    if not np.isfinite(rates).any():
        return updates[1:]
    # The first step is left out: weights that start at zero move by a share of 1, and those behind them not at all.
    full: Float[np.ndarray, "steps layers"] = updates[1:][rates[1:] >= np.nanmax(rates) / 2]
    return full
