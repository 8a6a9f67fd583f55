"""GloVe counts what stands near what, in whatever memory there is, and fits the logarithms of the counts."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.words.test_word2vec import assert_topics_found, interrupt_after, planted

from fitwell import words
from fitwell.errors import DataError, RequestError
from fitwell.words import Look, cooccurrence
from fitwell.words.cooccurrence import Pairs, count_pairs
from fitwell.words.kernels.factorizing import factorize
from fitwell.words.kernels.windows import has_wide_vectors
from fitwell.words.matrices import aligned_zeros


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooccurrence, "BLOCK_NEARNESSES", 2000)


def corpus_of(texts: int = 60, kinds: int = 90) -> words.EncodedCorpus:
    """Return texts of words by Zipf's law, empty ones among them."""
    generator = np.random.default_rng(8)
    shares = 1 / np.arange(1, kinds + 1)
    drawn = [generator.choice(kinds, generator.integers(0, 25), p=shares / shares.sum()) for _ in range(texts)]
    return words.encode([[f"w{number}" for number in text.tolist()] for text in drawn])


def counted_by_loop(corpus: words.EncodedCorpus, known: int, window: int) -> dict[tuple[int, int], float]:
    """Add 1/d for two known words at a distance of d, once from each side."""
    counts = defaultdict[tuple[int, int], float](float)
    numbers = corpus.vocabulary.numbers
    for text in corpus.texts():
        left = [numbers[word] for word in text if numbers[word] < known]
        for place, word in enumerate(left):
            for distance in range(1, window + 1):
                for other in (place - distance, place + distance):
                    if 0 <= other < len(left):
                        counts[word, left[other]] += 1 / distance
    return dict(counts)


def as_dictionary(pairs: Pairs) -> dict[tuple[int, int], float]:
    """Return pairs in both directions."""
    found = dict[tuple[int, int], float]()
    for number in range(pairs.blocks):
        for row, column, count in pairs.block(number).tolist():
            assert row <= column
            assert (row, column) not in found
            found[row, column] = found[column, row] = count
    return found


@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("known", [30, 90])
def test_pairs_are_counted_by_their_distance(small_blocks: None, known: int, window: int) -> None:
    corpus = corpus_of()
    pairs = count_pairs(corpus, words=known, window=window, memory_mb=100)
    assert pairs.blocks == max(1, len(corpus.ids) * window // 2000)
    assert as_dictionary(pairs) == pytest.approx(counted_by_loop(corpus, known, window), rel=1e-6)


def test_counts_do_not_depend_on_memory(small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of()
    plenty = count_pairs(corpus, words=90, window=5, memory_mb=100)
    spilled = list[int]()
    original = cooccurrence._spilled

    def watched(run: cooccurrence.Run) -> cooccurrence.Run:
        spilled.append(len(run.keys))
        return original(run)

    monkeypatch.setattr(cooccurrence, "_spilled", watched)
    monkeypatch.setattr(cooccurrence, "FIRST_SLOTS", 64)
    monkeypatch.setattr(cooccurrence, "ENTRY_BYTES", 10_000)  # a hundred places to a megabyte
    scarce = count_pairs(corpus, words=90, window=5, memory_mb=1)
    assert len(spilled) > 10
    assert max(spilled) <= 0.7 * 64
    assert len(scarce.bounds) > 1 == len(plenty.bounds)
    for number in range(plenty.blocks):
        assert scarce.block(number).tobytes() == plenty.block(number).tobytes()


def test_blocks_mix_pairs_and_are_of_like_size(small_blocks: None) -> None:
    pairs = count_pairs(corpus_of(texts=300), words=90, window=5, memory_mb=100)
    sizes = np.array([len(pairs.block(number)) for number in range(pairs.blocks)])
    assert pairs.blocks > 5
    assert abs(sizes - sizes.mean()).max() < 5 * np.sqrt(sizes.mean())  # five standard deviations of Poisson's law


Exact = npt.NDArray[np.float64]


def fitted_by_loop(records: list[tuple[int, int, float]], arrays: list[Exact], x_max: float, rate: float) -> float:
    """Move words, contexts, their squares and biases by pairs, one direction after the other; return all losses."""
    vectors, contexts, vector_squares, context_squares, biases = arrays
    loss = 0.0
    for row, column, count in records:
        for i, j in dict.fromkeys([(row, column), (column, row)]):
            share = min(1, (count / x_max) ** 0.75)
            error = vectors[i] @ contexts[j] + biases[i, 0] + biases[j, 1] - np.log(count)
            loss += share * error**2 / 2
            of_vector, of_context = rate * share * error * contexts[j], rate * share * error * vectors[i]
            of_bias = rate * share * error
            vectors[i] -= of_vector / np.sqrt(vector_squares[i])
            contexts[j] -= of_context / np.sqrt(context_squares[j])
            biases[i, 0] -= of_bias / np.sqrt(biases[i, 2])
            biases[j, 1] -= of_bias / np.sqrt(biases[j, 3])
            vector_squares[i] += of_vector**2
            context_squares[j] += of_context**2
            biases[i, 2] += of_bias**2
            biases[j, 3] += of_bias**2
    return float(loss)


@pytest.mark.parametrize("wide", [(), ((0, 0), ())] if has_wide_vectors() else [()])
def test_fitting_pairs_is_what_a_loop_does(wide: Any) -> None:
    generator = np.random.default_rng(6)
    arrays = [aligned_zeros(9 * 32).reshape(9, 32) for _ in range(4)] + [np.ones((9, 4), np.float32)]
    for array in arrays[:2]:
        array[:, :20] = generator.normal(size=(9, 20)) * 0.3
    for array in arrays[2:4]:
        array[:] = 1
    arrays[4][:, :2] = generator.normal(size=(9, 2))
    exact = [array.astype(float) for array in arrays]
    rows, columns = generator.integers(0, 9, (2, 80), dtype=np.int32)
    counts = generator.exponential(8, 80).astype(np.float32)
    order = generator.permutation(80)
    first, second, third, fourth, fifth = arrays
    rows, columns, counts = rows[order], columns[order], counts[order]
    pairs, loss = factorize(rows, columns, counts, first, second, third, fourth, fifth, 10.0, 0.05, wide)
    records = list(zip(rows.tolist(), columns.tolist(), counts.tolist(), strict=True))
    assert loss == pytest.approx(fitted_by_loop(records, exact, 10.0, 0.05), rel=1e-4)
    assert pairs == 2 * 80 - np.count_nonzero(rows == columns)
    for array, expected in zip(arrays, exact, strict=True):
        # Single precision; the root's reciprocal may come from an estimate that is good to six digits.
        assert array == pytest.approx(expected, abs=2e-5)


def learned(**asked: Any) -> words.Vectors:
    return words.glove(planted(), **{"dimension": 20, "epochs": 10, "x_max": 10, **asked})


@pytest.mark.parametrize("threads", [1, 2])
def test_words_of_one_topic_become_neighbors(small_blocks: None, threads: int) -> None:
    vectors = learned(threads=threads)
    assert_topics_found(vectors)
    assert vectors.matrix.shape == (16, 20)
    assert vectors.made["method"] == "glove"


def test_the_same_seed_gives_the_same_bits_and_another_does_not(small_blocks: None) -> None:
    first = learned(epochs=2).matrix.tobytes()
    assert learned(epochs=2).matrix.tobytes() == first
    assert learned(epochs=2, seed=2).matrix.tobytes() != first


def test_progress_tells_how_training_stands(small_blocks: None) -> None:
    looks = list[Look]()
    vectors = learned(epochs=2, progress=looks.append)
    assert looks[-1].epoch == looks[-1].epochs == vectors.made["epochs_done"] == 2
    assert {look.unit for look in looks} == {"pairs"}
    losses = np.array([look.loss for look in looks])  # not a number where a block got no pairs
    assert np.nanmean(losses[60:]) < np.nanmean(losses[:60])
    assert looks[-1].seconds_left == 0 < looks[0].seconds_left


def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(small_blocks: None, tmp_path: Path) -> None:
    cut = learned(epochs=2, checkpoint=tmp_path / "c", progress=interrupt_after(7))
    assert (tmp_path / "c").exists()
    resumed = learned(epochs=2, checkpoint=tmp_path / "c")
    assert resumed.matrix.tobytes() == learned(epochs=2).matrix.tobytes() != cut.matrix.tobytes()
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"dimension": 0}, "dimension must be at least 1, but is 0"),
        ({"window": 0}, "window must be 1 to 10000, but is 0; 10 is usual"),
        ({"epochs": 0}, "epochs must be at least 1, but is 0"),
        ({"x_max": 0}, "x_max must be above 0, but is 0; 100 is usual"),
        ({"rate": 0}, r"rate must be above 0, but is 0; 0\.05 is usual"),
        ({"memory_mb": 0}, "memory_mb must be at least 1, but is 0"),
        ({"seed": -1}, "seed must be at least 0, but is -1"),
        ({"threads": 0}, "threads must be at least 1, but is 0"),
    ],
)
def test_a_wrong_setting_is_refused(asked: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        words.glove(["a b"] * 9, **asked)


def test_a_corpus_in_which_nothing_meets_is_refused() -> None:
    with pytest.raises(DataError, match="no two words that are frequent enough meet in a text"):
        words.glove(["a", "b"] * 9)
