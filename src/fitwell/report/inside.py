"""Inside the network: what every layer did while it learned, as maps of layers over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from fitwell.report.picture import WIDTH, Contents, Picture, Spec, data
from fitwell.report.shades import MOST, shade, shade_encoding, sizes
from fitwell.report.words import number

SHARES = frozenset({"zeros", "dead", "saturation"})  # 0 throughout where there is nothing to see
COLUMNS = 60  # of a map, at most
LAYERS = 24  # rows of a map, at most: evenly taken


@dataclass(frozen=True)
class Signal:
    """One thing that is measured in every layer."""

    title: str
    reading: str
    log: bool  # sizes rather than differences matter


SIGNALS = {
    "gradient_norm": Signal(
        "Gradient norm",
        "How hard each layer is pulled. Layers far paler than the rest hardly learn; ever darker ones are exploding.",
        log=True,
    ),
    "update_ratio": Signal(
        "Update beside weight",
        "How far a step moves the weights, as a share of their size: about 0.001 is usual, above 0.1 is wild.",
        log=True,
    ),
    "zeros": Signal(
        "Share of zeros",
        "How many outputs of the layer are exactly 0. Near 1, most of its units are dead.",
        log=False,
    ),
    "dead": Signal(
        "Dead units",
        "How many units of the layer put out 0 for every row. They get no gradient, so they stay dead.",
        log=False,
    ),
    "saturation": Signal(
        "Saturated outputs",
        "How many outputs of the layer stand at a bound of its activation, where little gradient passes.",
        log=False,
    ),
    "activation_spread": Signal(
        "Activation spread",
        "The standard deviation of what a layer puts out. It should neither shrink nor grow from layer to layer.",
        log=True,
    ),
}


def inside_pictures(contents: Contents) -> Iterator[Picture]:
    """Yield one map per signal that was recorded."""
    if contents.history is not None:
        yield from signal_maps(contents.history)


def signal_maps(
    history: pl.DataFrame, *, layers: Sequence[str] | None = None, clock: str = "epoch"
) -> Iterator[Picture]:
    """Yield one map of layers over time per signal that a history has; a share that is 0 throughout is not drawn.

    `layers` are the names of layers in their order, where they are not those of our networks; `clock` is what the
    history's epochs count.
    """
    steps = history.filter(pl.col("split") == "batch")
    for name, signal in SIGNALS.items():
        columns = [column for column in steps.columns if column.startswith(f"{name}.")]
        if not len(steps) or not columns or (name in SHARES and _all_zero(steps, columns)):
            continue
        if layers is None:
            columns.sort(key=lambda column: _depth(_layer(column, name)))
            shown = [_layer(column, name) for column in columns]
        else:
            shown = [layer for layer in layers if f"{name}.{layer}" in columns]
            columns = [f"{name}.{layer}" for layer in shown]
        yield _map(name, signal, _binned(steps, columns), shown, clock=clock)


def _all_zero(steps: pl.DataFrame, columns: list[str]) -> bool:
    return all((steps[column].fill_nan(0).fill_null(0) == 0).all() for column in columns)


def _layer(column: str, signal: str) -> str:
    """Return the layer of a history's column in words.

    >>> _layer("zeros.layers.0", "zeros"), _layer("zeros.head", "zeros")
    ('layer 1', 'head')
    >>> _layer("zeros.arrays.image_0.layers.1", "zeros")
    'image_0 layer 2'
    """
    name = column.removeprefix(f"{signal}.")
    if "layers." not in name:
        return name
    owner, place = name.removeprefix("arrays.").split("layers.")
    return f"{owner.replace('.', ' ')}layer {int(place) + 1}"


def _binned(steps: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return the means over members and stretches of time, one row per stretch with its first epoch."""
    order = steps["step"].unique().sort()
    every = max(1, -(-len(order) // COLUMNS))
    places = pl.DataFrame({"step": order, "bin": np.arange(len(order)) // every})
    finite = [
        pl.when(pl.col(column).is_finite()).then(pl.col(column)).otherwise(None).mean().alias(column)
        for column in columns
    ]
    joined = steps.join(places, on="step")
    return joined.group_by("bin", maintain_order=True).agg(pl.col("epoch").min(), *finite).sort("bin")


def _map(name: str, signal: Signal, binned: pl.DataFrame, layers: list[str], *, clock: str) -> Picture:
    columns = [column for column in binned.columns if column not in ("bin", "epoch")]
    shown = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), LAYERS)).astype(int)).tolist()
    values = binned.select(columns).to_numpy()
    epochs = binned["epoch"].to_list()
    ends = [*epochs[1:], epochs[-1] + (epochs[-1] - epochs[-2] if len(epochs) > 1 else 1)]
    edges = _edges(values[:, shown], log=signal.log)
    cells = [
        {"x": epochs[time], "x2": ends[time], "y": layers[place], "z": shade(float(values[time, place]), edges)}
        for place in shown
        for time in range(len(epochs))
        if np.isfinite(values[time, place])
    ]
    return Picture(
        name=name.replace("_", "-"),
        title=signal.title,
        says=_said(signal, values[:, shown], [layers[place] for place in shown]),
        reading=signal.reading,
        spec=_map_spec(cells, edges, [layers[place] for place in shown], clock=clock),
    )


def _map_spec(cells: list[dict[str, object]], edges: list[float], layers: list[str], *, clock: str) -> Spec:
    return {
        "width": WIDTH - 40,
        "height": {"step": max(14, min(34, 170 // max(1, len(layers))))},
        "data": data(cells),
        "mark": {"type": "rect"},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": clock, "scale": {"zero": False, "nice": False}},
            "x2": {"field": "x2"},
            "y": {"field": "y", "type": "nominal", "title": None, "sort": layers},
            "color": shade_encoding("z", edges, offset=8),
        },
    }


def _depth(layer: str) -> tuple[int, int]:
    """Sort the inputs first, then the layers, then the head."""
    if layer.startswith("layer "):
        return 1, int(layer.split()[1])
    return (2, 0) if layer == "head" else (0, 0)


def _edges(values: np.ndarray, *, log: bool) -> list[float]:
    """Return borders between shades, at most six, evenly spaced over what occurs (in size, or in difference)."""
    seen = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not seen.size:
        return [0.0]
    low, high = np.quantile(seen, [0.01, 0.99])
    if not low < high:
        return [float(low)]
    return (
        sizes(float(low), float(high))
        if log
        else [float(f"{each:.2g}") for each in np.linspace(low, high, MOST + 1)[1:-1]]
    )


def _said(signal: Signal, values: np.ndarray, layers: list[str]) -> str:
    """Say between what the layers' means lie."""
    known = np.isfinite(values).any(axis=0)
    means = {
        layer: float(np.nanmean(column))
        for layer, column, is_known in zip(layers, values.T, known, strict=True)
        if is_known
    }
    if not means:
        return f"{signal.title}: no finite value was recorded."
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if low == high:
        return f"{signal.title}: {number(means[low], digits=2)} in {low}, on average over the training."
    return (
        f"{signal.title}: on average over the training between {number(means[low], digits=2)} ({low}) and "
        f"{number(means[high], digits=2)} ({high})."
    )
