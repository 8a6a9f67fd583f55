"""Splits: every row in one part, shares kept, classes spread, groups whole, time in order, the same every time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fitwell.data.split import DIVISIONS, FOLDINGS, Split, folds, split_rows
from fitwell.errors import DataError, RequestError
from fitwell.recipe import DataSettings


def traits_of(method: str, rows: int, seed: int) -> dict[str, Any]:
    """Make what the method divides by: three classes, groups of about four rows, or times with ties."""
    random = np.random.default_rng(seed)
    made: dict[str, dict[str, Any]] = {
        "random": {},
        "stratified": {"labels": np.sort(np.arange(rows) % 3)},
        "grouped": {"groups": random.permutation(np.arange(rows) // 4)},
        "time": {"times": random.permutation(np.arange(rows) // 2)},
    }
    return made[method]


def parts_of(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def same(one: Split, other: Split) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(parts_of(one), parts_of(other), strict=True))


@pytest.mark.parametrize("method", DIVISIONS)
@settings(max_examples=40, deadline=None)
@given(rows=st.integers(12, 300), seed=st.integers(0, 2**31 - 1), data=st.data())
def test_every_row_is_in_exactly_one_part_and_no_part_is_empty(
    method: str, rows: int, seed: int, data: st.DataObject
) -> None:
    shares = data.draw(st.sampled_from([(0.15, 0.15), (0.3, 0.1), (0.05, 0.4)]))
    asked = DataSettings(validation_share=shares[0], test_share=shares[1])
    split = split_rows(rows, asked, **traits_of(method, rows, seed), seed=seed)
    assert split.method == method
    assert np.array_equal(np.sort(np.concatenate(parts_of(split))), np.arange(rows))
    assert all(part.size and np.all(np.diff(part) > 0) for part in parts_of(split))


@pytest.mark.parametrize("method", [name for name in FOLDINGS if name != "time"])
@settings(max_examples=25, deadline=None)
@given(rows=st.integers(24, 200), count=st.integers(2, 6), seed=st.integers(0, 2**31 - 1))
def test_every_row_is_tested_in_exactly_one_fold(method: str, rows: int, count: int, seed: int) -> None:
    made = folds(rows, DataSettings(folds=count), **traits_of(method, rows, seed), seed=seed)
    assert len(made) == count
    assert np.array_equal(np.sort(np.concatenate([split.test for split in made])), np.arange(rows))
    for split in made:
        assert np.array_equal(np.sort(np.concatenate(parts_of(split))), np.arange(rows))
        assert all(part.size for part in parts_of(split))


@pytest.mark.parametrize("method", DIVISIONS)
def test_the_same_seed_gives_the_same_split_and_another_seed_another_one(method: str) -> None:
    traits = traits_of(method, 200, seed=1)
    first = split_rows(200, DataSettings(), **traits, seed=5)
    assert same(first, split_rows(200, DataSettings(), **traits, seed=5))
    if method != "time":  # time decides alone
        assert not same(first, split_rows(200, DataSettings(), **traits, seed=6))


def test_the_names_of_classes_and_groups_do_not_move_rows() -> None:
    codes = np.arange(60) % 3
    plain = split_rows(60, DataSettings(), labels=codes, seed=3)
    assert same(plain, split_rows(60, DataSettings(), labels=codes * 7 + 2, classes=["a"] * 30, seed=3))
    grouped = split_rows(60, DataSettings(), groups=codes + np.arange(60) // 10 * 3, seed=3)
    named = np.array([f"g{value:03d}" for value in codes + np.arange(60) // 10 * 3])
    assert same(grouped, split_rows(60, DataSettings(), groups=named, seed=3))


@pytest.mark.parametrize("seed", range(4))
def test_rows_that_were_drawn_with_the_seed_of_the_split_are_not_divided_by_what_was_drawn(seed: int) -> None:
    column = np.random.default_rng(seed).random(4000)
    labels = (column > 0.5).astype(np.int64)
    for classes in (None, labels):
        split = split_rows(4000, DataSettings(), labels=classes, seed=seed)
        for part in (split.train, split.validation, split.test):
            assert abs(column[part].mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(part))  # five standard errors


def test_seventy_fifteen_fifteen_is_the_default_division() -> None:
    split = split_rows(1000, DataSettings(), seed=0)
    assert [part.size for part in parts_of(split)] == [700, 150, 150]
    assert (split.method, split.why) == ("random", "rows are divided at random")


def test_ten_rows_can_be_divided() -> None:
    split = split_rows(10, DataSettings(), labels=np.array([0] * 7 + [1] * 3), seed=0)
    assert [part.size for part in parts_of(split)] == [6, 2, 2]
    assert all(set(np.array([0] * 7 + [1] * 3)[part]) == {0, 1} for part in parts_of(split))


@settings(max_examples=60, deadline=None)
@example(counts=[6, 3, 3], seed=0)  # no row is left for the last class
@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=6), seed=st.integers(0, 1000))
def test_each_part_has_floor_or_ceiling_of_its_share_of_each_class(counts: list[int], seed: int) -> None:
    counts = [count + 6 for count in counts[:1]] + counts[1:]
    rows = sum(counts)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    split = split_rows(rows, DataSettings(), labels=labels, seed=seed)
    floors = [count * split.test.size // rows for count in counts]
    left_out = [count for count, floor in zip(counts, floors, strict=True) if count >= 3 and floor == 0]
    for label, count in enumerate(counts):
        in_test = np.count_nonzero(labels[split.test] == label)
        assert abs(in_test - count * split.test.size / rows) < 1
        assert np.count_nonzero(labels[split.train] == label) >= 1
        if count >= 3 and split.test.size - sum(floors) >= len(left_out):
            assert in_test >= 1


def test_exact_quotas_are_met_exactly() -> None:
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    split = split_rows(200, DataSettings(), labels=labels, seed=4)
    assert [np.bincount(labels[part]).tolist() for part in parts_of(split)] == [[70, 42, 28], [15, 9, 6], [15, 9, 6]]


def test_leftover_rows_go_to_the_largest_remainders() -> None:
    # 30 test rows of 200: quotas 15.15, 8.55 and 6.3 leave one row, which belongs to the second class.
    labels = np.repeat([0, 1, 2], [101, 57, 42])
    assert np.bincount(labels[split_rows(200, DataSettings(), labels=labels, seed=4).test]).tolist() == [15, 9, 6]


def test_stratified_folds_differ_by_one_row_of_each_class_at_most() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [53, 31, 7]))
    made = folds(91, DataSettings(folds=5), labels=labels, seed=2)
    held = np.array([np.bincount(labels[split.test], minlength=3) for split in made])
    assert np.all(held.max(axis=0) - held.min(axis=0) <= 1)
    assert np.ptp(held.sum(axis=1)) <= 1


def test_a_class_of_one_row_is_trained_on() -> None:
    labels = np.array([0] * 19 + [1])
    for seed in range(20):
        assert 19 in split_rows(20, DataSettings(), labels=labels, seed=seed).train


def test_label_sets_have_their_share_and_rare_ones_are_pooled() -> None:
    labels = np.array([[1, 0]] * 40 + [[0, 1]] * 40 + [[0, 0]] * 18 + [[1, 1]] * 2)
    split = split_rows(100, DataSettings(), labels=labels, seed=1)
    sets = Counter(map(tuple, labels[split.test].tolist()))
    assert (sets[1, 0], sets[0, 1]) == (6, 6)
    assert split.why == "every set of labels has its share of each part; 1 rare sets count as one"


def test_rare_label_sets_fall_back_to_the_most_even_random_draw() -> None:
    random = np.random.default_rng(0)
    labels = (random.random((200, 12)) < 0.4).astype(np.int64)
    split = split_rows(200, DataSettings(), labels=labels, seed=1)
    assert split.why == "most label sets are rare, so rows are divided at random: the most even of 32 draws"

    def unevenness(test: np.ndarray, validation: np.ndarray) -> float:
        return sum(float(np.abs(labels[part].mean(axis=0) - labels.mean(axis=0)).mean()) for part in (test, validation))

    orders = [random.permutation(200) for _ in range(200)]
    typical = np.quantile([unevenness(order[:30], order[30:60]) for order in orders], 0.25)
    for seed in range(5):
        split = split_rows(200, DataSettings(), labels=labels, seed=seed)
        assert unevenness(split.test, split.validation) < typical  # all of 32 draws exceed it with 0.75**32 = 0.01 %


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=3, max_size=40), seed=st.integers(0, 1000))
def test_groups_stay_whole(sizes: list[int], seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    made = [split_rows(groups.size, DataSettings(), groups=groups, seed=seed)]
    made += folds(groups.size, DataSettings(folds=3), groups=groups, seed=seed)
    for split in made:
        held = [set(groups[part]) for part in parts_of(split)]
        assert sum(map(len, held)) == len(set.union(*held))


def test_shares_of_groups_come_close() -> None:
    groups = np.repeat(np.arange(100), np.random.default_rng(0).integers(1, 30, 100))
    split = split_rows(groups.size, DataSettings(), groups=groups, seed=0)
    for part, share in zip(parts_of(split), (0.7, 0.15, 0.15), strict=True):
        assert part.size / groups.size == pytest.approx(share, abs=0.01)  # half a mean group is 0.005


def test_groups_of_one_class_each_leave_every_class_in_training() -> None:
    groups = np.arange(40) // 4  # 10 groups, of which only the last two are of class 1
    labels = (groups >= 8).astype(np.int64)
    for seed in range(20):
        split = split_rows(40, DataSettings(), groups=groups, labels=labels, seed=seed)
        assert set(labels[split.train]) == {0, 1}


def test_the_latest_rows_are_tested_and_moments_stay_together() -> None:
    times = np.random.default_rng(0).permutation(np.arange(300) // 7)
    split = split_rows(300, DataSettings(), times=times, seed=0)
    assert times[split.train].max() < times[split.validation].min()
    assert times[split.validation].max() < times[split.test].min()
    assert split.test.size == pytest.approx(45, abs=3.5)  # half a moment of 7 rows


def test_dates_are_ordered_as_dates() -> None:
    times = np.array(["2026-01-10", "2025-12-31", "2026-02-01", "2024-05-05", "2026-01-09"], dtype="datetime64[D]")
    split = split_rows(5, DataSettings(), times=times, seed=0)
    assert (split.test.tolist(), split.validation.tolist(), split.train.tolist()) == ([2], [0], [1, 3, 4])


def test_folds_by_time_train_only_on_what_came_before() -> None:
    times = np.random.default_rng(0).permutation(np.arange(120) // 3)
    made = folds(120, DataSettings(folds=4), times=times, seed=0)
    assert [split.test.size for split in made] == [24, 24, 24, 24]
    for split in made:
        assert times[split.train].max() < times[split.validation].min()
        assert times[split.validation].max() < times[split.test].min()
        before = np.count_nonzero(times < times[split.test].min())
        assert split.train.size + split.validation.size == before


def test_a_given_test_file_leaves_rows_to_train_and_validate_on() -> None:
    asked = DataSettings(test="later.csv")
    split = split_rows(85, asked, labels=np.arange(85) % 2, seed=0)
    assert [part.size for part in parts_of(split)] == [70, 15, 0]
    assert split.method == "given"
    assert "a file of their own; of the others, every class has its share" in split.why


def test_shares_of_zero_leave_parts_empty() -> None:
    split = split_rows(20, DataSettings(validation_share=0, test_share=0.25), seed=0)
    assert [part.size for part in parts_of(split)] == [15, 0, 5]


def test_a_class_that_only_comes_late_is_told() -> None:
    split = split_rows(20, DataSettings(), times=np.arange(20), labels=(np.arange(20) > 16).astype(int), seed=0)
    assert split.why.endswith("1 of the classes are not among the training rows")


REFUSALS: dict[str, tuple[int, DataSettings, dict[str, Any], str]] = {
    "one row": (1, DataSettings(), {}, r"need at least 3 rows, but there are 1"),
    "one row per class": (
        6,
        DataSettings(),
        {"labels": np.arange(6), "classes": list("abcdef")},
        r'6 rows have 6 classes \(class "a" has 1 row\)',
    ),
    "few groups": (9, DataSettings(), {"groups": np.arange(9) % 2}, r"3 parts need 3 groups, but there are 2"),
    "few times": (9, DataSettings(), {"times": np.zeros(9)}, r"3 parts need 3 different times, but there are 1"),
    "missing times": (9, DataSettings(), {"times": np.array([np.nan] * 9)}, r"every row needs a time, but 9 of 9"),
    "missing groups": (
        4,
        DataSettings(),
        {"groups": np.array(["a", None, "b", "c"], dtype=object)},
        r"every row needs a group, but 1 of 4",
    ),
    "few rows for folds": (4, DataSettings(folds=5), {}, r"5 folds need at least 5 rows, but there are 4"),
    "few groups for folds": (
        20,
        DataSettings(folds=5),
        {"groups": np.arange(20) % 4},
        r"5 folds of whole groups need 5 groups, but there are 4",
    ),
    "few times for folds": (20, DataSettings(folds=5), {"times": np.arange(20) % 6}, r"need 7 different times.* are 6"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_rows_that_cannot_be_divided_are_refused_with_the_counts(case: str) -> None:
    rows, asked, traits, words = REFUSALS[case]
    divide: Any = folds if asked.folds else split_rows
    with pytest.raises(DataError, match=words):
        divide(rows, asked, **traits, seed=0)


def test_strata_without_classes_are_refused() -> None:
    with pytest.raises(RequestError, match=r"data\.split is stratified, which needs classes, but there are none"):
        split_rows(9, DataSettings(split="stratified"), seed=0)


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(RequestError, match=r"at least 2 folds, but data\.folds is 0"):
        folds(9, DataSettings(), seed=0)
