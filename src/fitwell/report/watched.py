"""The page of a training that somebody else's loop ran: what is suspected, the losses, and maps of the layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from fitwell.report.found import findings_shown, noted_moments
from fitwell.report.inside import signal_maps
from fitwell.report.learning import SPLITS, loss_curves
from fitwell.report.page import rendered
from fitwell.report.picture import Picture
from fitwell.report.words import number


def watched_page(
    *,
    title: str,
    steps: int,
    history: pl.DataFrame,
    layers: Sequence[str],
    findings: Sequence[Mapping[str, Any]],
) -> bytes:
    """Return a page of HTML that needs nothing else, about a watched training of so many steps."""
    grave = [each for each in findings if each["severity"] != "info"]
    headline = "Nothing suspicious was seen" if not grave else f"{_counted(len(grave), 'suspicion')} to look into"
    return rendered(
        "watched.html",
        title=title,
        headline=headline,
        kicker=f"{title} · {number(steps)} steps",
        findings=findings_shown(findings),
        pictures=list(_pictures(history, layers, findings)),
    )


def _pictures(history: pl.DataFrame, layers: Sequence[str], findings: Sequence[Mapping[str, Any]]) -> Iterator[Picture]:
    looks = history.filter((pl.col("split") != "batch") & pl.col("loss").is_finite())
    losses = looks if len(looks) else history.filter(pl.col("loss").is_finite())
    if len(losses):
        yield _losses(losses, findings)
    yield from signal_maps(history, layers=layers, clock="step")


def _losses(losses: pl.DataFrame, findings: Sequence[Mapping[str, Any]]) -> Picture:
    by_split = losses.sort("epoch").group_by("split", maintain_order=True)
    last = by_split.agg(pl.col("loss").last(), pl.col("loss").min().alias("low"))
    said = "; ".join(
        f"the {SPLITS[row['split']]} loss was {number(row['low'], digits=3)} at its lowest and "
        f"{number(row['loss'], digits=3)} at the end"
        for row in last.iter_rows(named=True)
    )
    noted = noted_moments(findings)
    return Picture(
        name="loss",
        title="Loss",
        says=said[:1].upper() + said[1:] + ".",
        reading="The training loss should fall, and the validation loss with it."
        + (" Dashed: where a finding begins." if noted else ""),
        spec=loss_curves(losses, clock="step", noted=noted),
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
