"""Figures become words: as many digits as their uncertainty supports, and sentences that need no glossary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

TITLES = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "average precision",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "ks": "KS distance",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "mape": "MAPE",
    "lift": "lift of the top tenth",
    "cohen_kappa": "Cohen's kappa",
    "log_loss": "log loss",
    "brier": "Brier score",
}
MODELS = {"linear": "a linear model", "trees": "boosted trees"}


def metric_title(name: str) -> str:
    """Return a metric's name as people write it.

    >>> metric_title("roc_auc"), metric_title("balanced_accuracy")
    ('ROC-AUC', 'balanced accuracy')
    """
    for suffix in ("_micro", "_weighted"):
        if name.endswith(suffix):
            return f"{metric_title(name.removesuffix(suffix))} ({suffix[1:]})"
    return TITLES.get(name, name.replace("_", " "))


def model_title(name: str, *, task: str) -> str:
    """Return a simple model's name in words."""
    if name == "majority":
        return "the mean guess" if task == "regression" else "the majority guess"
    return MODELS.get(name, name.replace("_", " "))


def number(value: float | None, *, digits: int = 4) -> str:
    """Return a number with so many significant digits and separated thousands.

    >>> number(0.84531), number(23841.7), number(0.000012345), number(None), number(3.0)
    ('0.8453', '23,840', '1.234e-05', '–', '3')
    """
    if value is None or not math.isfinite(value):
        return "–" if value is None else str(value)
    if value == 0:
        return "0"
    # As rounded: 9,999.6 becomes 10,000, with a digit more before the comma.
    places = digits - 1 - int(f"{value:.{digits - 1}e}".partition("e")[2])
    if not -6 <= places <= digits + 3:
        return f"{value:.{digits - 1}e}" if places > 0 else f"{value:.{digits}g}"
    return _plain(value, places)


def _plain(value: float, places: int) -> str:
    text = f"{round(value, places):,.{max(places, 0)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def places_of(low: float, high: float) -> int:
    """Return how many decimals an interval supports: two significant digits of its half width.

    >>> places_of(0.821, 0.867), places_of(45210, 49332)
    (3, -2)
    """
    half = (high - low) / 2
    if not half > 0:
        return 3
    return max(-9, min(9, 1 - math.floor(math.log10(half))))


def fixed(value: float, places: int) -> str:
    """Return a number with exactly so many decimals; below zero, rounded to tens, hundreds.

    >>> fixed(0.8, 3), fixed(47123.0, -2), fixed(-0.25, 2)
    ('0.800', '47,100', '−0.25')
    """
    return f"{round(value, places) + 0.0:,.{max(places, 0)}f}".replace("-", "−")


def value_text(figure: Mapping[str, Any]) -> str:
    """Return a figure's value with the digits that its interval supports.

    >>> value_text({"value": 0.84531, "low": 0.8213, "high": 0.8671})
    '0.845'
    """
    value, low, high = (figure.get(name) for name in ("value", "low", "high"))
    if value is None:
        return "–"
    return number(value) if low is None or high is None else fixed(value, places_of(low, high))


def interval_text(figure: Mapping[str, Any]) -> str:
    """Return a figure's interval with the digits that it supports, or nothing where there is none.

    >>> interval_text({"value": 0.84531, "low": 0.8213, "high": 0.8671})
    '0.821 to 0.867'
    """
    low, high = figure.get("low"), figure.get("high")
    if low is None or high is None:
        return ""
    places = places_of(low, high)
    return f"{fixed(low, places)} to {fixed(high, places)}"


def decimals(value: float | None, places: int) -> str:
    """Return a number with so many decimals, halves away from zero, as the page's script rounds them.

    >>> decimals(0.3125, 3), decimals(-0.0625, 3), decimals(-0.0001, 3), decimals(None, 3)
    ('0.313', '−0.063', '0.000', '–')
    """
    if value is None:
        return "–"
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{abs(rounded) if rounded == 0 else rounded:.{places}f}".replace("-", "−")


def percent(share: float) -> str:
    """Return a share in percent, with one decimal where it is small or nearly all.

    >>> percent(0.268), percent(0.0123), percent(1.0), percent(0.00012)
    ('27 %', '1.2 %', '100 %', '0.012 %')
    """
    hundredths = 100 * share
    if 0 < hundredths < 0.1:
        return f"{number(hundredths, digits=2)} %"
    edge = 0 < hundredths < 10 or 99 < hundredths < 100
    return f"{hundredths:.1f} %" if edge and hundredths != round(hundredths) else f"{hundredths:.0f} %"


def capital(text: str) -> str:
    """Return a text that begins with a capital, unless it begins with the name of a setting.

    >>> capital("accuracy"), capital("F1"), capital("training.epochs is 1")
    ('Accuracy', 'F1', 'training.epochs is 1')
    """
    first = text.split(" ", 1)[0]
    return text if "." in first.rstrip(".") or "_" in first else text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "row"), counted(1057, "row")
    ('1 row', '1,057 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def setting_name(path: str) -> str:
    """Return a setting's name without its group.

    >>> setting_name("training.learning_rate")
    'learning rate'
    """
    return path.rpartition(".")[2].replace("_", " ")


def setting_text(value: Any) -> str:
    """Return a setting's value as it is shown.

    >>> setting_text([64, 64]), setting_text(0.00616), setting_text(None), setting_text(True)
    ('64 · 64', '0.00616', '–', 'true')
    """
    if isinstance(value, list):
        return " · ".join(map(str, value)) or "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, digits=3)
    return "–" if value is None else str(value).lower()
