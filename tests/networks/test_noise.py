"""Noise is a pure function of (member's seed, layer, step, place), and looks random along each of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch.func import vmap

from fitwell.networks.noise import Dropout, from_row, keep_mask, noise_words, noise_words_of_steps, normal_noise

SEEDS = st.integers(0, 2**63 - 1)
PLACES = 100_000
# Correlations of n independent pairs are about normal with deviation 1/√n; 4.5 of them come by chance once in 150,000.
BOUND = 4.5


def standardized(words: Tensor, places: int = PLACES) -> np.ndarray:
    kept = keep_mask(words, (places,), share=0.5).numpy() - 1
    return np.asarray(kept, dtype=np.float64)  # −1 and 1, mean 0, variance 1


def correlation_score(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean(one * other) * math.sqrt(len(one)))


@given(seeds=st.lists(SEEDS, min_size=32, max_size=32, unique=True), step=st.integers(0, 10**9))
def test_a_member_draws_the_same_bits_alone_among_four_and_among_thirty_two(seeds: list[int], step: int) -> None:
    alone = noise_words(seeds[2:3], step=step, layers=3)[0]
    assert torch.equal(alone, noise_words(seeds[:4], step=step, layers=3)[2])
    assert torch.equal(alone, noise_words(seeds, step=step, layers=3)[2])
    assert torch.equal(alone[:2], noise_words(seeds[2:3], step=step, layers=2)[0])


@given(seed=SEEDS, first=st.integers(0, 10**6), count=st.integers(1, 20))
def test_the_words_of_many_steps_are_those_of_each(seed: int, first: int, count: int) -> None:
    together = noise_words_of_steps([seed, 5], steps=range(first, first + count), layers=2)
    assert torch.equal(together, torch.stack([noise_words([seed, 5], step=first + k, layers=2) for k in range(count)]))


@given(seed=SEEDS, row=st.integers(0, 8), shape=st.sampled_from([(9,), (9, 7), (9, 3, 5)]))
def test_rows_of_a_batch_draw_what_they_draw_within_it(seed: int, row: int, shape: tuple[int, ...]) -> None:
    words = noise_words([seed], step=3, layers=1)
    rest = from_row(words, row)[0, 0]
    mask = keep_mask(words[0, 0], shape, share=0.4)
    assert torch.equal(keep_mask(rest, (9 - row, *shape[1:]), share=0.4), mask[row:])
    draws = normal_noise(words[0, 0], shape)
    assert torch.allclose(normal_noise(rest, (9 - row, *shape[1:])), draws[row:], rtol=1e-4, atol=1e-6)


def test_words_follow_splitmix64_written_with_whole_numbers() -> None:
    def mixed(word: int) -> int:
        word = (word + 0x9E3779B97F4A7C15) % 2**64
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        return word ^ (word >> 31)

    seed, step, layer = 2**62 + 12345, 678, 2
    word = mixed((mixed((mixed(seed) + step) % 2**64) + (layer + 1) * 0xD1B54A32D192ED03) % 2**64)
    found = noise_words([seed], step=step, layers=3)[0, layer]
    assert [int(half) % 2**32 for half in found] == [word % 2**32, word >> 32]


def test_no_two_of_many_members_steps_and_layers_share_their_words() -> None:
    words = noise_words_of_steps(range(30), steps=range(300), layers=5)
    assert len(np.unique(words.reshape(-1, 2).numpy(), axis=0)) == 30 * 300 * 5


@pytest.mark.parametrize("share", [0.01, 0.15, 0.5, 0.9])
def test_a_mask_keeps_its_share_and_keeps_the_mean(share: float) -> None:
    mask = keep_mask(noise_words([4], step=1, layers=1)[0, 0], (1000, 1000), share=share)
    dropped = float((mask == 0).double().mean())
    assert abs(dropped - share) < 4.5 * math.sqrt(share * (1 - share) / 1e6)
    assert sorted(set(mask.flatten().tolist())) == pytest.approx([0.0, 1 / (1 - share)], rel=1e-3)


@pytest.mark.parametrize("share", [1e-7, 0.999999])
def test_shares_next_to_none_and_all_are_no_problem(share: float) -> None:
    mask = keep_mask(noise_words([4], step=1, layers=1)[0, 0], (100_000,), share=share)
    assert abs(float((mask == 0).double().mean()) - share) < 1e-3
    assert bool(mask.isfinite().all())


def other_words(along: str, index: int) -> Tensor:
    if along == "steps":
        return noise_words([7], step=index, layers=1)[0, 0]
    if along == "layers":
        return noise_words([7], step=3, layers=60)[0, index]
    return noise_words([index], step=3, layers=1)[0, 0]


@pytest.mark.parametrize("along", ["steps", "layers", "members"])
def test_neighboring_streams_are_uncorrelated_also_when_shifted(along: str) -> None:
    streams = [standardized(other_words(along, index)) for index in range(40)]
    scores = []
    for one, other in pairwise(streams):
        for shift in (0, 1, 2, 64, 128):
            scores.append(correlation_score(one[shift:], other[: len(other) - shift]))
    assert max(map(abs, scores)) < BOUND
    assert 0.8 < float(np.std(scores)) < 1.2  # as random as they should be, not less


def test_places_within_a_stream_are_uncorrelated_at_every_small_lag_and_at_layer_widths() -> None:
    scores = []
    for step in range(20):
        stream = standardized(noise_words([11], step=step, layers=1)[0, 0])
        scores += [correlation_score(stream[lag:], stream[:-lag]) for lag in (1, 2, 3, 4, 8, 64, 128, 256, 512)]
    assert max(map(abs, scores)) < BOUND
    assert 0.8 < float(np.std(scores)) < 1.2


def test_the_numbers_behind_a_mask_are_uniform() -> None:
    # keep_mask at the shares k / 64 tells a number's 64th of the range; chi-square with 63 degrees of freedom.
    probabilities = []
    for step in range(20):
        words = noise_words([3], step=step, layers=1)[0, 0]
        below = [int((keep_mask(words, (PLACES,), share=k / 64) == 0).sum()) for k in range(64)]
        counts = np.diff([*below, PLACES])
        probabilities.append(stats.chisquare(counts).pvalue)
    assert min(probabilities) > 1e-6
    assert stats.kstest(probabilities, "uniform").pvalue > 1e-4


def test_normal_noise_has_the_moments_and_the_distribution_of_a_standard_normal() -> None:
    draws = normal_noise(noise_words([9], step=2, layers=1)[0, 0], (500, 400)).flatten().double().numpy()
    count = len(draws)
    assert abs(draws.mean()) < BOUND / math.sqrt(count)
    assert abs(draws.var() - 1) < BOUND * math.sqrt(2 / count)
    assert abs(stats.skew(draws)) < BOUND * math.sqrt(6 / count)
    assert abs(stats.kurtosis(draws)) < BOUND * math.sqrt(24 / count)
    assert stats.kstest(draws, "norm").pvalue > 1e-5
    assert abs(correlation_score(draws[1:], draws[:-1])) < BOUND


@pytest.mark.parametrize(
    "draw", [lambda words: keep_mask(words, (33, 7), share=0.3), lambda words: normal_noise(words, (33, 7))]
)
def test_mapped_and_single_draws_are_the_same_bits(draw: Callable[[Tensor], Tensor]) -> None:
    words = noise_words(range(5), step=8, layers=1)[:, 0]
    assert torch.equal(vmap(draw)(words), torch.stack([draw(each) for each in words]))


def test_drawing_leaves_no_trace() -> None:
    state = torch.get_rng_state()
    words = noise_words([1], step=0, layers=1)[0, 0]
    before = words.clone()
    first, second = keep_mask(words, (100,), share=0.5), keep_mask(words, (100,), share=0.5)
    assert torch.equal(first, second)
    assert torch.equal(words, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    words = noise_words([1], step=0, layers=1)[0, 0]
    assert torch.equal(keep_mask(words, (101,), share=0.5), keep_mask(words, (500,), share=0.5)[:101])


def test_dropout_reads_its_own_layers_words_and_rests_without_noise() -> None:
    inputs, words = torch.randn(6, 5), noise_words([1], step=4, layers=3)[0]
    dropout = Dropout(0.4, layer=2)
    assert torch.equal(dropout(inputs, words), inputs * keep_mask(words[2], (6, 5), share=0.4))
    assert dropout(inputs, None) is inputs
