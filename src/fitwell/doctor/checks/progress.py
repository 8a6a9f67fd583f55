"""How the training went as a whole: nothing learned, ended too early, learned by heart, worse than something simple."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from fitwell.doctor.checks.judging import advised, has_not_moved, is_on_par, median, since, tenth
from fitwell.doctor.finding import Finding, Remedy, remedy
from fitwell.doctor.observation import Observation
from fitwell.doctor.thresholds import (
    FEW_BATCHES,
    LAST_PART,
    LEAST_LOOKS,
    LEAST_STEPS,
    MOVED,
    RISE_ERRORS,
    RISEN,
    RISEN_BADLY,
    STILL_FALLING,
)

RATE = "training.learning_rate"


def not_learning(seen: Observation) -> Finding | None:
    """Speak when the loss never left that of knowing nothing, though simple models (where known) did learn.

    Where these did not either, it informs if training only made matters worse: the weights in use are untrained then.
    """
    if len(seen.steps) + len(seen.looks) < 2 * LEAST_STEPS:
        return None
    if _keeps_the_start(seen):
        return _untrained(seen)
    if not has_not_moved(seen):
        return None
    return Finding(
        symptom="not_learning",
        status="suspected",
        severity="warning",
        since="start",
        evidence={"best_loss": seen.best, "loss_of_knowing_nothing": seen.chance, "gain": seen.gain},
        explanation=(
            f"the loss was never better than {seen.best:.4g}, and knowing nothing gives {seen.chance:.4g}: "
            "the network has not begun to learn"
        ),
        remedies=(
            advised(seen, "let a range test find the rate", setting=RATE, new="auto"),
            advised(seen, "initialize by the activation", setting="network.initialization", new="auto"),
        ),
    )


def _keeps_the_start(seen: Observation) -> bool:
    """Tell whether the weights in use are those from before the first step, since the loss rose from there."""
    losses = seen.judged
    if not seen.keeps_best or len(losses) < LEAST_LOOKS or not np.isfinite(losses).all() or seen.looks.moments[0] > 0:
        return False
    risen = float(losses[-1]) > (1 + MOVED) * float(losses[0])
    return int(np.argmin(losses)) == 0 and risen and seen.gain < MOVED


def _untrained(seen: Observation) -> Finding:
    on_par = is_on_par(seen)
    rate = seen.learning_rate
    text = "try a tenth of the rate"
    slower = remedy(text) if rate is None else advised(seen, text, setting=RATE, old=rate, new=tenth(rate))
    return Finding(
        symptom="not_learning",
        status="suspected",
        severity="info" if on_par else "warning",
        since="start",
        evidence={"loss_at_the_start": float(seen.judged[0]), "loss_at_the_end": float(seen.judged[-1])},
        explanation=(
            f"the validation loss rose from {seen.judged[0]:.4g} before the first step to {seen.judged[-1]:.4g}: the "
            "weights of the start are kept, which have learned nothing"
            + ("; no simple model does better on these rows" if on_par else "")
        ),
        remedies=(slower, remedy("gather more rows: these may be too few to learn from")),
    )


def stopped_too_early(seen: Observation) -> Finding | None:
    """Speak when a training ended by its plan while the last third of it still brought a fifth of all it learned.

    Silent where hardly anything was learned: more of the same would not help.
    """
    losses = seen.judged[np.isfinite(seen.judged)]
    if seen.ending in ("patience", "running") or len(losses) < LEAST_STEPS:
        return None
    taken = max(1, round(len(losses) * LAST_PART))
    whole = max(seen.chance, float(losses[0])) - float(losses.min())
    late = float(losses[: len(losses) - taken].min()) - float(losses[-taken:].min())
    if whole < MOVED * abs(float(losses[0])) or late < STILL_FALLING * whole or late <= RISE_ERRORS * _scatter(losses):
        return None
    if seen.gain >= 1 - STILL_FALLING / 2:  # what is left to gain is small
        return None
    epochs = float(seen.looks.moments[-1])
    few = seen.batch_rows is not None and seen.rows is not None and seen.rows // seen.batch_rows < FEW_BATCHES
    longer = advised(seen, "train for longer", setting="training.epochs", old=epochs, new=max(1, round(3 * epochs)))
    smaller = advised(seen, "take smaller batches: more steps", setting="training.batch_size", old=seen.batch_rows)
    return Finding(
        symptom="stopped_too_early",
        status="suspected",
        severity="warning",
        since=since(seen, epochs),
        evidence={"share_of_last_part": late / whole, seen.clock: epochs},
        explanation=(
            f"the loss was still falling at the end: the last third of {epochs:g} {seen.clock}s brought "
            f"{100 * late / whole:.0f} % of all that was learned"
        ),
        remedies=(longer, smaller) if few else (longer,),
    )


def overfitting(seen: Observation) -> Finding | None:
    """Speak when the validation loss rose beyond noise since its best look while the training loss fell on.

    Where patience ends the training and the best weights are kept, a rise is how they were found, and only informs.
    """
    losses, training = seen.looks.validation, seen.looks.training
    known = np.isfinite(losses)
    losses, training, epochs = losses[known], training[known], seen.looks.moments[known]
    if len(losses) < LEAST_LOOKS:
        return None
    best = int(np.argmin(losses))
    after = losses[best + 1 :]
    # A share of next to nothing would be a huge number.
    learned = max(max(seen.chance, float(losses[0])) - float(losses[best]), MOVED * abs(float(losses[best])))
    if len(after) < LEAST_LOOKS or learned == 0:
        return None
    end = float(np.median(after[len(after) // 2 :]))
    rise = end - float(losses[best])
    fitted = median(training[best + 1 :][-max(1, len(after) // 2) :])
    fell = fitted < float(training[best]) - MOVED * abs(float(losses[0]))  # false where either is not known
    if rise < RISEN * learned or rise <= RISE_ERRORS * _scatter(losses) or not fell:
        return None
    gap = end - fitted
    lost = rise / learned
    warned = lost >= RISEN_BADLY and not (seen.keeps_best and seen.ending == "patience")
    return Finding(
        symptom="overfitting",
        status="suspected",
        severity="warning" if warned else "info",
        since=since(seen, float(epochs[best])),
        evidence={"rise": rise, "share_lost": lost, "gap": gap, f"best_{seen.clock}": float(epochs[best])},
        explanation=(
            f"since {seen.clock} {epochs[best]:g} the validation loss rose by {rise:.3g}, "
            + (f"{100 * lost:.0f} % of what had been learned" if lost < 1 else "more than all that had been learned")
            + ", while the training loss went on falling"
            + ("; the weights of that epoch are kept" if seen.keeps_best else "")
        ),
        remedies=(
            *_stopping(seen),
            advised(seen, "add dropout", setting="network.dropout", new="auto"),
            advised(seen, "add weight decay, or take a smaller network", setting="training.weight_decay", new="auto"),
        ),
    )


def _stopping(seen: Observation) -> tuple[Remedy, ...]:
    if seen.settings and not seen.keeps_best:  # the last weights are kept on purpose
        keeping = "training.early_stopping.restore_best"
        return (advised(seen, "keep the weights of the best epoch", setting=keeping, old=False, new=True),)
    if seen.keeps_best and seen.ending == "patience":
        return ()
    return (advised(seen, "stop early", setting="training.early_stopping.patience", new="auto"),)


def underfitting(seen: Observation) -> Finding | None:
    """Speak when a simple model does better on the same rows, beyond the interval."""
    worse = [beside for beside in seen.beside if beside.verdict == "worse"]
    if not worse:
        return None
    first = next((beside for beside in worse if beside.constant), worse[0])
    others = "" if len(worse) == 1 else f" ({', '.join(each.name for each in worse)} are all better)"
    return Finding(
        symptom="underfitting",
        status="confirmed",
        severity="warning",
        since="end",
        evidence={"metric": first.metric, "network": first.network, first.name: first.value},
        explanation=(
            f"a simple model ({first.name}) does better on the same rows: {first.metric} {first.value:.4g}, the "
            f"network {first.network:.4g}, beyond the interval{others}"
        ),
        remedies=tuple(
            remedy(text)
            for text in (
                *(() if seen.ending == "patience" else ("train for longer",)),
                "search for better settings (fitwell tune), or look what the findings above say",
                "use the simple model",
            )
        ),
    )


def _scatter(losses: Float[np.ndarray, " looks"]) -> float:
    """Return the standard deviation of looks around their running median of five, from its robust estimate."""
    if len(losses) < LEAST_LOOKS:
        return 0.0
    padded = np.pad(losses, 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    # 1.4826 makes the median of absolute deviations the standard deviation of a normal distribution.
    return float(1.4826 * np.median(np.abs(losses - smooth)))
