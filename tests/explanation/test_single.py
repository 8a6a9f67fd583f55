"""What a prediction rests on: sampled shares agree with their closed forms, add up, and find what was planted."""

from __future__ import annotations

import json
from html import unescape
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fitwell import Run, cli, train
from fitwell.errors import RequestError
from fitwell.explanation import attribution
from fitwell.explanation.asking import Blocks
from fitwell.explanation.attribution import (
    Part,
    bands_of,
    deletion,
    orders_for,
    regions_of,
    regions_of_bands,
    shapley,
)
from fitwell.report.predictions import predictions_page

PARTS: list[Part] = [{"numbers": (slice(0, 1),)}, {"numbers": (slice(1, 3),)}, {"codes": (slice(0, 1),)}]
RANDOM = np.random.default_rng(5)
ROW = {"numbers": RANDOM.normal(size=(1, 3)), "codes": np.array([[2]])}
OTHERS = {"numbers": RANDOM.normal(size=(4, 3)), "codes": RANDOM.integers(0, 3, size=(4, 1))}
WEIGHTS = np.array([2.0, -1.0, 0.5])


def additive(blocks: Blocks) -> np.ndarray:
    return np.asarray(blocks["numbers"] @ WEIGHTS + 0.3 * blocks["codes"][:, 0])


def tangled(blocks: Blocks) -> np.ndarray:
    numbers = blocks["numbers"]
    return np.asarray(np.tanh(numbers[:, 0] * numbers[:, 1]) + numbers[:, 2] * blocks["codes"][:, 0])


def test_shares_of_an_additive_function_are_its_terms_less_their_means_whatever_the_order() -> None:
    found = shapley(additive, ROW, OTHERS, PARTS, orders=4, seed=0)
    terms = [
        WEIGHTS[0] * (ROW["numbers"][0, 0] - OTHERS["numbers"][:, 0].mean()),
        (ROW["numbers"][0, 1:] - OTHERS["numbers"][:, 1:].mean(0)) @ WEIGHTS[1:],
        0.3 * (2 - OTHERS["codes"].mean()),
    ]
    np.testing.assert_allclose(found.values, terms, atol=1e-12)


def test_shares_add_up_to_the_prediction_less_the_average() -> None:
    for orders in (1, 3, 8):
        found = shapley(tangled, ROW, OTHERS, PARTS, orders=orders, seed=1)
        assert found.values.sum() == pytest.approx(float(tangled(ROW)[0]) - found.average, abs=1e-12)


def by_enumeration(row: Blocks, others: Blocks) -> np.ndarray:
    """Shapley values by going through every order and every other row, in float64."""
    total, count = np.zeros(len(PARTS)), 0
    for place in range(len(others["numbers"])):
        for order in permutations(range(len(PARTS))):
            now = {name: block[place : place + 1].copy() for name, block in others.items()}
            before = float(tangled(now)[0])
            for part in order:
                for block, where in PARTS[part].items():
                    now[block][0][where] = row[block][0][where]
                after = float(tangled(now)[0])
                total[part] += after - before
                before = after
            count += 1
    return total / count


def test_sampled_shares_lie_within_their_intervals_of_those_by_enumeration() -> None:
    truth = by_enumeration(ROW, OTHERS)
    inside = []
    for seed in range(60):
        found = shapley(tangled, ROW, OTHERS, PARTS, orders=32, seed=seed)
        inside.append(np.abs(found.values - truth) <= found.half_widths + 1e-12)
    assert 0.9 <= np.mean(inside) <= 1.0
    assert found.half_widths.max() < 0.5


def test_deleting_what_an_additive_function_goes_by_loses_just_that() -> None:
    weights = np.array([5.0, 3.0, 0.0, 0.0])

    def ask(blocks: Blocks) -> np.ndarray:
        return np.asarray(blocks["numbers"] @ weights)

    row, others = {"numbers": np.ones((1, 4))}, {"numbers": np.zeros((3, 4))}
    parts: list[Part] = [{"numbers": (slice(place, place + 1),)} for place in range(4)]
    found = deletion(ask, row, others, parts, weights, seed=0)
    assert found.named == pytest.approx(8.0)
    assert 0 <= found.random < 8


@pytest.mark.parametrize(("shape", "is_image"), [((9, 30, 3), True), ((100, 4), False), ((3, 2), False)])
def test_regions_cover_everything_once_but_what_tells_steps(shape: tuple[int, ...], is_image: bool) -> None:
    regions, sides = regions_of("block", shape, is_image=is_image)
    covered = np.zeros(shape, dtype=int)
    for region in regions:
        covered[region["block"]] += 1
    expected = np.ones(shape, dtype=int)
    if not is_image:
        expected[:, -1] = 0
    assert np.array_equal(covered, expected)
    assert len(regions) == np.prod(sides)


@pytest.mark.parametrize("samples", [1, 999, 1000])
def test_the_bands_of_a_sound_add_up_to_it_and_hold_their_own_pitches(samples: int) -> None:
    wave = (5000 * np.random.default_rng(0).normal(size=(samples, 1))).astype(np.int16)
    edges = np.array([0.0, 100.0, 250.0, 500.0])
    bands = bands_of(wave, edges, rate=1000)
    assert np.array_equal(bands.sum(0).round().astype(np.int16), wave[:, 0])
    power, pitch = np.abs(np.fft.rfft(bands.astype(np.float64))), np.fft.rfftfreq(samples, 1 / 1000)
    for band, (low, high) in enumerate(pairwise(edges)):
        outside = (pitch < low) | (pitch >= high) & (band < 2)
        # What float32 leaves of a power of some thousands.
        assert power[band][outside].max(initial=0) < 1


def test_regions_of_a_sound_cover_its_own_length_once_the_highest_band_first() -> None:
    regions, sides = regions_of_bands("block", 50, 4)
    covered = np.zeros((4, 70), dtype=int)
    for region in regions:
        covered[region["block"]] += 1
    assert (covered[:, :50] == 1).all()
    assert not covered[:, 50:].any()
    assert len(regions) == np.prod(sides)
    assert [region["block"][0].start for region in regions[:: sides[1]]] == [3, 2, 1, 0]


def test_cases_that_are_many_are_asked_in_pieces_to_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shapley(tangled, ROW, OTHERS, PARTS, orders=8, seed=0)
    monkeypatch.setattr(attribution, "MOST_BYTES", 3 * sum(block.nbytes for block in ROW.values()))
    pieces = shapley(tangled, ROW, OTHERS, PARTS, orders=8, seed=0)
    assert np.array_equal(whole.values, pieces.values)


def test_the_work_is_bounded() -> None:
    assert orders_for(64, cost=2e7, rows=100) == 8
    assert orders_for(3, cost=1e3, rows=1) == 64


def table(rows: int = 240) -> pl.DataFrame:
    random = np.random.default_rng(0)
    place, bump = np.arange(rows), np.arange(rows) % 2 == 0
    series = 0.2 * random.normal(size=(rows, 20))
    series[bump, 8:12] += 2.0
    return pl.DataFrame(
        {
            "noise": random.normal(size=rows),
            "kind": np.where(place % 4 < 2, "a", "b"),
            "s": series.tolist(),
            "y": np.where(bump, "bump", "flat"),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("single")
    table().write_parquet(folder / "data.parquet")
    settings = {"training.epochs": 8, "training.compile": "never"}
    return train(folder / "data.parquet", target="y", out=folder / "run", settings=settings)


def test_what_was_planted_is_named_and_the_rest_is_not(run: Run) -> None:
    found = run.explain(table(), rows=4)
    assert [row.prediction for row in found.rows] == ["bump", "flat", "bump", "flat"]
    for row in found.rows:
        assert row.shares[0].column == "s"
        assert row.shares[0].low > max(abs(share.value) for share in row.shares[1:])
        assert sum(share.value for share in row.shares) == pytest.approx(row.value - row.average, abs=1e-5)
    bump = found.rows[0].regions[0].values
    assert set(np.argsort(-bump)[:4].tolist()) & {8, 9, 10, 11}
    assert bump[8:12].sum() > 0.8 * bump.sum() > 0
    assert found.deleted is not None
    assert found.deleted.named > found.deleted.random


def test_a_class_can_be_asked_about(run: Run) -> None:
    own = run.explain(table(), rows=1)
    other = run.explain(table(), rows=1, about="flat")
    assert other.about == "probability of flat"
    assert other.rows[0].value == pytest.approx(1 - own.rows[0].value, abs=1e-6)
    with pytest.raises(RequestError, match='there is no class "flatt"; did you mean "flat"'):
        run.explain(table(), about="flatt")
    with pytest.raises(RequestError, match="at least 1 row can be explained, but rows is 0"):
        run.explain(table(), rows=0)


def test_the_command_prints_lines_json_and_a_page(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, page = run.path.parent / "data.parquet", tmp_path / "why.html"
    assert cli.run(["explain-prediction", str(run.path), str(data), "--rows", "2"]) == 0
    text = capsys.readouterr().out
    assert "row 1: bump" in text
    assert "20 steps" in text
    assert "tested: without the half that was named first" in text
    asked = ["explain-prediction", str(run.path), str(data), "--rows", "2", "--json", "-o", str(page)]
    assert cli.run(asked) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [row["prediction"] for row in told["rows"]] == ["bump", "flat"]
    assert len(told["rows"][0]["regions"]["s"]) == 20
    html = unescape(page.read_text(encoding="utf-8"))
    assert "<polyline" in html
    assert "default-src 'none'; script-src 'sha256-" in html


def test_cells_are_escaped_on_the_page(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>"
    data = {"x": [nasty, "b"] * 40, "z": [float(row) for row in range(80)], "y": ["p", "q"] * 40}
    run = train(data, target="y", out=tmp_path / "run", settings={"training.epochs": 2, "training.compile": "never"})
    page = predictions_page(run.explain(data, rows=2), run="<b>", data="<i>").decode()
    assert nasty not in page
    assert "<b>" not in page.split("<body>")[1].split("<main>")[0]
