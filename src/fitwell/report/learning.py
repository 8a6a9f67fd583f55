"""How the training went: losses and the figure that was watched, with the learning rate below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from fitwell.metrics import METRICS
from fitwell.report.found import noted_moments
from fitwell.report.picture import HEIGHT, WIDTH, Contents, Picture, Spec, Table, data, quantity
from fitwell.report.theme import color
from fitwell.report.words import capital, metric_title, number

SPLITS = {"train": "training", "validation": "validation", "batch": "training"}
LINES = 16  # members shown as faint lines, at most
LOOKS = 300  # points of a line, at most


def learning_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield the losses over the epochs, and the figure on the validation rows."""
    history = contents.history
    if history is None:
        return
    looks = history.filter(pl.col("split") != "batch")
    if not len(looks):
        return
    stopping = contents.settings.get("training", {}).get("early_stopping", {})
    restores_best = stopping.get("restore_best") is not False
    kept = best_epochs(looks) if restores_best else last_epochs(looks)
    yield _losses(looks, kept, noted_moments(contents.findings), which="best" if restores_best else "last")
    seen = looks.filter((pl.col("split") == "validation") & pl.col("figure").is_finite())
    if len(seen):
        yield _figure(seen, kept, seen["metric"][0])


def best_epochs(looks: pl.DataFrame) -> dict[int, float]:
    """Return each member's epoch with the lowest validation loss."""
    return _first_epochs(looks, by=["loss", "epoch"])


def last_epochs(looks: pl.DataFrame) -> dict[int, float]:
    """Return each member's last epoch with a finite validation loss."""
    return _first_epochs(looks, by=[-pl.col("epoch")])


def _first_epochs(looks: pl.DataFrame, *, by: Sequence[str | pl.Expr]) -> dict[int, float]:
    finite = looks.filter((pl.col("split") == "validation") & pl.col("loss").is_finite())
    first = finite.sort(by).group_by("member", maintain_order=True).first()
    return dict(zip(first["member"].to_list(), first["epoch"].to_list(), strict=True))


def loss_curves(looks: pl.DataFrame, *, clock: str, noted: Sequence[Mapping[str, Any]]) -> Spec:
    """Draw the finite losses of a history over what its epochs count, and where something was noticed."""
    lines = _thinned(looks.sort("split", "epoch"), "split")
    curves = [{"x": row["epoch"], "y": row["loss"], "s": SPLITS[row["split"]]} for row in lines]
    names = [name for name in ("training", "validation") if any(row["s"] == name for row in curves)]
    log = _is_wide(looks["loss"].to_numpy())
    return _curves(curves, [], [], title="loss", names=names, log=log, below=clock, noted=noted)


def _losses(
    looks: pl.DataFrame, kept: Mapping[int, float], noted: Sequence[Mapping[str, Any]], *, which: str
) -> Picture:
    finite = looks.filter(pl.col("loss").is_finite())
    lost = len(looks) - len(finite) - looks.filter((pl.col("split") == "train") & (pl.col("epoch") == 0)).height
    mean = finite.group_by("split", "epoch", maintain_order=True).agg(pl.col("loss").mean()).sort("split", "epoch")
    lines = _thinned(mean, "split")
    curves = [{"x": row["epoch"], "y": row["loss"], "s": SPLITS[row["split"]]} for row in lines]
    faint = _member_lines(finite, "loss") if looks["member"].n_unique() > 1 else []
    log = _is_wide(finite["loss"].to_numpy())
    marks = [{"x": epoch} for epoch in sorted(set(kept.values()))]
    top = _curves(curves, faint, marks, title="loss", names=["training", "validation"], log=log, noted=noted)
    rate = mean_rates(looks)
    return Picture(
        name="loss",
        title="Loss and learning rate",
        says=_losses_said(mean, kept, which, epochs=float(looks["epoch"].max()), lost=lost),  # type: ignore[arg-type]
        reading=(
            "The training loss should fall; the validation loss tells when to stop: once it rises while the other "
            f"falls, the network learns its rows by heart. Dotted: the {which} epoch, whose weights are kept."
            + (" Dashed: where a finding begins." if noted else "")
        ),
        spec={"vconcat": [top, _rate(rate)], "spacing": 18},
        table=Table(
            header=("epoch", "training loss", "validation loss", "learning rate"),
            rows=_table_rows(mean, rate),
        ),
    )


def _losses_said(mean: pl.DataFrame, kept: Mapping[int, float], which: str, *, epochs: float, lost: int) -> str:
    validation = mean.filter(pl.col("split") == "validation")
    if not len(validation):
        return "The validation loss was no finite number at any time."
    first, lowest = validation["loss"][0], validation["loss"].min()
    when = sorted(kept.values())
    span = f"epoch {when[0]:g}" if when[0] == when[-1] else f"epochs {when[0]:g} to {when[-1]:g}"
    said = (
        f"The validation loss went from {number(first, digits=3)} to {number(lowest, digits=3)} at its lowest; "  # type: ignore[arg-type]
        f"the {which} weights are those of {span} of {epochs:g}."
    )
    return said + (f" {lost:,} losses were infinite or no number and cannot be drawn." if lost > 0 else "")


def _figure(seen: pl.DataFrame, kept: Mapping[int, float], metric: str) -> Picture:
    title, falls = metric_title(metric), metric in METRICS and not METRICS[metric].higher_is_better
    mean = seen.group_by("split", "epoch", maintain_order=True).agg(pl.col("figure").mean()).sort("epoch")
    curves = [{"x": row["epoch"], "y": row["figure"], "s": "validation"} for row in _thinned(mean, "split")]
    faint = _member_lines(seen, "figure") if seen["member"].n_unique() > 1 else []
    marks = [{"x": epoch} for epoch in sorted(set(kept.values()))]
    last, best = mean["figure"][-1], mean["figure"].min() if falls else mean["figure"].max()
    # Between the best and what is nearly the worst: one bad look would press all others together.
    most = float(np.quantile(seen["figure"].to_numpy(), 0.98 if falls else 0.02))
    ends = sorted((most, float(best)))  # type: ignore[arg-type]
    spec = _curves(curves, faint, marks, title=title, names=["validation"], log=False, ends=ends, below="epoch")
    spec["height"] = HEIGHT + 84  # as tall as its neighbor
    return Picture(
        name="watched-figure",
        title=f"{capital(title)} on the validation rows",
        says=f"The {title} was {number(best, digits=3)} at its {'lowest' if falls else 'highest'} and "  # type: ignore[arg-type]
        f"{number(last, digits=3)} at the end.",
        reading="The figure people understand, beside the loss that is minimized; they need not peak together."
        + (" Faint lines are single members." if faint else ""),
        spec=spec,
    )


def mean_rates(looks: pl.DataFrame) -> pl.DataFrame:
    """Return the learning rate at each look, the mean over members."""
    rates = looks.filter(pl.col("learning_rate").is_finite())
    return rates.group_by("epoch", maintain_order=True).agg(pl.col("learning_rate").mean()).sort("epoch")


def _table_rows(mean: pl.DataFrame, rate: pl.DataFrame) -> list[list[str]]:
    wide = rate.select("epoch", "learning_rate")
    for split in ("train", "validation"):
        of_split = mean.filter(pl.col("split") == split).select("epoch", pl.col("loss").alias(split))
        wide = wide.join(of_split, on="epoch", how="left")
    wide = wide.sort("epoch")
    every = max(1, -(-len(wide) // 24))
    return [
        [f"{row['epoch']:g}", number(row["train"]), number(row["validation"]), number(row["learning_rate"], digits=3)]
        for row in wide.gather_every(every).iter_rows(named=True)
    ]


def _curves(
    curves: list[dict[str, Any]],
    faint: list[dict[str, Any]],
    marks: list[dict[str, Any]],
    *,
    title: str,
    names: list[str],
    log: bool,
    ends: Sequence[float] = (),
    below: str | None = None,
    noted: Sequence[Mapping[str, Any]] = (),
) -> Spec:
    """Draw named lines over the epochs, members faintly behind them, and the epochs whose weights are kept dotted."""
    colors = [color("quiet"), color("main")] if len(names) > 1 else [color("main")]
    scale: dict[str, Any] = {"type": "log"} if log else {"zero": False}
    if len(set(ends)) > 1:
        scale = {"zero": False, "clamp": True, "domain": list(ends)}
    y = quantity("y", title, **scale, tickCount=5)
    x = quantity("x", below, zero=False, nice=False, tickCount=6)
    paint = {
        "field": "s",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": colors},
        **({} if len(names) > 1 else {"legend": None}),
    }
    layers: list[Spec] = [
        {"data": data(marks), "mark": {"type": "rule", "strokeDash": [2, 3]}, "encoding": {"x": x}},
    ]
    if faint:
        detail = {"detail": {"field": "m"}, "color": paint}
        layers.append(
            {
                "data": data(faint),
                "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.28},
                "encoding": {"x": x, "y": y, **detail},
            }
        )
    layers.append({"data": data(curves), "mark": {"type": "line"}, "encoding": {"x": x, "y": y, "color": paint}})
    for place, each in enumerate(noted):
        dashed = {"type": "rule", "strokeDash": [5, 3], "color": color("wary")}
        words = {"type": "text", "align": "left", "dx": 4, "dy": 8 + 14 * place, "y": 0, "color": color("wary")}
        layers.append({"data": data([each]), "mark": dashed, "encoding": {"x": x}})
        layers.append({"data": data([each]), "mark": words, "encoding": {"x": x, "text": {"field": "t"}}})
    return {"width": WIDTH, "height": HEIGHT, "layer": layers}


def _rate(rate: pl.DataFrame) -> Spec:
    every = max(1, -(-len(rate) // LOOKS))
    rows = [{"x": row[0], "y": row[1]} for row in rate.gather_every(every).iter_rows()]
    return {
        "width": WIDTH,
        "height": 56,
        "data": data(rows),
        "mark": {"type": "line", "color": color("second")},
        "encoding": {
            "x": quantity("x", "epoch", zero=False, nice=False, tickCount=6),
            "y": quantity("y", "learning rate", tickCount=2, format="~g"),
        },
    }


def _thinned(frame: pl.DataFrame, by: str) -> list[dict[str, Any]]:
    """Return the rows of each line, evenly thinned to what can be seen; its last one stays."""
    kept = []
    for part in frame.partition_by(by, maintain_order=True):
        places = np.unique(np.linspace(0, len(part) - 1, min(len(part), LOOKS)).astype(int))
        kept += part[places].to_dicts()
    return kept


def _member_lines(frame: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    shown = frame.filter(pl.col("member") < LINES).with_columns(line=pl.format("{}/{}", "member", "split"))
    return [
        {"x": row["epoch"], "y": row[column], "s": SPLITS[row["split"]], "m": row["line"]}
        for row in _thinned(shown.sort("line", "epoch"), "line")
    ]


def _is_wide(values: np.ndarray) -> bool:
    """Tell whether values span so many sizes that only a logarithmic axis shows them."""
    return bool(len(values)) and values.min() > 0 and values.max() > 50 * np.median(values)
