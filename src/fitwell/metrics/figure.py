"""A figure is a number together with how sure we are of it, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number with its confidence interval; without a value it says why."""

    value: float | None
    low: float | None
    high: float | None
    method: str  # how the interval came about, in words
    reason: str | None = None  # why there is no value, or no interval
    approximate: bool = False  # simulations found such intervals to cover noticeably less or more often than they claim

    def as_json(self) -> dict[str, float | str | bool | None]:
        """Give the form in which `evaluation.json` keeps a figure.

        >>> Figure(value=0.5, low=0.4, high=0.6, method="Wilson").as_json()
        {'value': 0.5, 'low': 0.4, 'high': 0.6, 'method': 'Wilson'}
        """
        form: dict[str, float | str | bool | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "method": self.method,
        }
        if self.reason is not None:
            form["reason"] = self.reason
        if self.approximate:
            form["approximate"] = True
        return form

    def __str__(self) -> str:
        """Read as `0.812 (0.790 to 0.833)`, or as the reason why there is no value."""
        if self.value is None:
            return f"undefined: {self.reason}"
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def undefined(reason: str) -> Figure:
    """Make a figure that has no value and says why.

    >>> print(undefined("no row was predicted positive"))
    undefined: no row was predicted positive
    """
    return Figure(value=None, low=None, high=None, method="none", reason=reason)


@dataclass(frozen=True, kw_only=True)
class Figures(Mapping[str, Figure | tuple[Figure, ...]]):
    """Everything measured about one set of predictions: a mapping from metric to figure, readable as attributes too."""

    task: str  # "binary", "multiclass", "multilabel" or "regression"
    rows: int  # rows with a weight above 0
    confidence: float  # how often the intervals claim to cover
    entries: dict[str, Figure | tuple[Figure, ...]] = field(repr=False)
    positive: object = None  # binary: the label counted as positive
    threshold: float | None = None  # scores from here up are predicted positive
    left_out: dict[str, str] = field(default_factory=dict, repr=False)  # metrics not measured, each with the reason
    parts: dict[str, Figures] = field(default_factory=dict, repr=False)  # the same per target, where there are several

    def __getitem__(self, name: str) -> Figure | tuple[Figure, ...]:
        """Look a figure up by the name of its metric."""
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names in the order of the table `METRICS`."""
        return iter(self.entries)

    def __len__(self) -> int:
        """Count the figures."""
        return len(self.entries)

    def __getattr__(self, name: str) -> Figure:
        """Read a figure as an attribute; a metric that was left out says why."""
        entries = self.__dict__.get("entries", {})
        if isinstance(entries.get(name), Figure):
            figure: Figure = entries[name]
            return figure
        why = self.__dict__.get("left_out", {}).get(name, "it is none of the figures of this task")
        raise AttributeError(f'"{name}" was not measured: {why}')

    @property
    def lift_by_decile(self) -> tuple[Figure, ...]:
        """The lift of each tenth of the rows, highest scores first; binary only."""
        entry = self.entries.get("lift_by_decile")
        if not isinstance(entry, tuple):
            raise AttributeError(f'"lift_by_decile" is measured for binary targets, and this is "{self.task}"')
        return entry

    def as_json(self) -> dict[str, object]:
        """Give the form that `evaluation.json` keeps under "metrics"."""
        return {
            name: entry.as_json() if isinstance(entry, Figure) else [part.as_json() for part in entry]
            for name, entry in self.entries.items()
        }
