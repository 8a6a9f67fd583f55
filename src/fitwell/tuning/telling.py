"""What there is to say about a search, in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fitwell.comparison.settings import text_of
from fitwell.events import Event, Listener
from fitwell.narration import JOINED
from fitwell.space import TENDENCIES, Dimension
from fitwell.tuning.mattering import FEWEST, Share
from fitwell.tuning.record import Record
from fitwell.tuning.trials import Trial


def search_events(record: Record) -> Iterator[Event]:
    """Say what is tried."""
    count = len(record.trials)
    yield Event("tuning", f"searching with {count} trials", {"trials": count})
    for each in record.space:
        yield Event("tried", f"  {each.path} {_tried(each)}")


def _tried(dimension: Dimension) -> str:
    if dimension.tried.among:
        return ", ".join(map(text_of, dimension.tried.among))
    low, high = dimension.ends
    return f"{text_of(low)} to {text_of(high)}"


def found_events(record: Record) -> Iterator[Event]:
    """Say which trial was best, and how its settings differ from those of the recipe."""
    assert record.best is not None
    if record.best == 0:
        yield Event("tuning", "no trial had a lower validation loss than the recipe as it was: training with that")
        return
    yield Event("tuning", f"training with the settings of trial {record.best}", {"trial": record.best})
    first = record.trials[0]
    for path, value in record.trials[record.best].items():
        before = f" ({text_of(first[path])} in the recipe)" if path in first and first[path] != value else ""
        yield Event("tried", f"  {path} {text_of(value)}{before}")


def trial_text(trial: Trial) -> str:
    """Return settings as a sentence lists them.

    >>> trial_text({"network.dropout": 0.25, "network.hidden": (64, 64)})
    'network.dropout 0.25, network.hidden [64, 64]'
    """
    return ", ".join(f"{path} {text_of(value)}" for path, value in trial.items())


def mattered_events(record: Record, *, whole: int) -> Iterator[Event]:
    """Say which settings mattered at each comparison of trials enough; a whole training has `whole` epochs."""
    assert record.mattered is not None
    if not record.mattered:
        yield Event("mattered", f"what mattered cannot be told from fewer than {FEWEST} trials")
    for each in record.mattered:
        ordered = sorted(each.shares.items(), key=lambda share: -(share[1].value or 0.0))
        told = "; ".join(f"{path} {share_text(share)}" for path, share in ordered if share.matters)
        when = f"after {each.epochs:g} of {whole} epochs"
        matters = [path for path, share in ordered if share.matters]
        yield Event(
            "mattered",
            f"what mattered among {each.trials} trials {when}: {told or NOTHING_MATTERED}",
            {"epochs": each.epochs, "trials": each.trials, "matters": matters},
        )


NOTHING_MATTERED = "of no setting can it be told from chance"


def share_text(share: Share) -> str:
    """Return the share of a setting that matters, with its interval, and which values are ahead.

    >>> share_text(Share(value=0.413, low=0.12, high=0.63, matters=True, ahead="higher"))
    'explains 41 % (12 to 63 %) of the differences, higher is better'
    >>> share_text(Share(value=0.413, low=0.12, high=0.63, matters=True, ahead=(64, 64)))
    'explains 41 % (12 to 63 %) of the differences, [64, 64] is best'
    """
    assert share.value is not None and share.low is not None and share.high is not None  # noqa: PT018  (it matters)
    ahead = TENDENCIES.get(str(share.ahead)) or f"{text_of(share.ahead)} is best"
    interval = f"{100 * share.low:.0f} to {100 * share.high:.0f} %"
    return f"explains {100 * share.value:.0f} % ({interval}) of the differences, {ahead}"


def verdict_event(record: Record, *, default: str) -> Event:
    """Say whether the best settings are better on rows that the search never saw."""
    comparison = record.comparison
    assert comparison is not None
    verdict = comparison["verdict"]
    text = (
        f"on {comparison['rows']:,} {comparison['part']} rows that the search never saw, {comparison['metric']} is "
        f"{JOINED[verdict]} that of the recipe as it was: {comparison['text']}"
    )
    if verdict != "better":
        text += f"; nothing speaks for the tuned settings, so keep {default}"
    return Event("compared", text, {"verdict": verdict})


def without(listener: Listener, *kinds: str) -> Listener:
    """Return a listener that does not hear events of these kinds."""
    return _hearing(listener, lambda kind: kind not in kinds)


def only(listener: Listener, *kinds: str) -> Listener:
    """Return a listener that hears events of these kinds alone."""
    return _hearing(listener, lambda kind: kind in kinds)


def _hearing(listener: Listener, hears: Callable[[str], bool]) -> Listener:
    def listen(event: Event) -> None:
        if hears(event.kind):
            listener(event)

    return listen
