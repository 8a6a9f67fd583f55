"""Word2Vec finds planted neighbors, gives the same bits again, and is stopped and resumed without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numba
import numpy as np
import pytest

from fitwell import words
from fitwell.errors import DataError, RequestError
from fitwell.words import Look, replicas, word_vectors
from fitwell.words.matrices import vector_widths
from fitwell.words.negatives import NEAR, ROUNDS, drawn_words
from fitwell.words.word2vec_settings import RATES, Architecture, Loss, Word2VecSettings

TOPICS = [
    ["cat", "dog", "cow", "pig", "hen"],
    ["red", "blue", "pink", "gray", "teal"],
    ["one", "two", "six", "ten", "nine"],
]


def planted(texts: int = 1500) -> list[list[str]]:
    """Return texts that each draw their words from one topic, and the word "the" from none."""
    generator = np.random.default_rng(3)
    return [["the", *generator.choice(TOPICS[number % 3], 6).tolist(), "the"] for number in range(texts)]


def learned(**asked: Any) -> words.Vectors:
    return words.word2vec(planted(), **{"dimension": 16, "epochs": 3, "subsample": 0, "rate": 0.05, **asked})


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "BLOCK_TOKENS", 1000)


def assert_topics_found(vectors: words.Vectors) -> None:
    for topic in TOPICS:
        for word in topic:
            others = {neighbor.word for neighbor in vectors.neighbors(word, 4)}
            assert others == set(topic) - {word}


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize(("architecture", "threads"), [("skipgram", 1), ("skipgram", 2), ("cbow", 1), ("cbow", 2)])
def test_words_of_one_topic_become_neighbors(small_blocks: None, architecture: str, threads: int, loss: str) -> None:
    vectors = learned(architecture=architecture, threads=threads, loss=loss)
    assert_topics_found(vectors)
    assert vectors.words[0] == "the"
    assert vectors.matrix.shape == (16, 16)
    assert vectors.counts is not None
    assert vectors.counts[0] == 3000


@pytest.mark.parametrize("loss", get_args(Loss))
def test_threads_find_them_too_where_they_have_copies_of_few_rows(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "OWN", 4)
    assert_topics_found(learned(threads=2, loss=loss))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(small_blocks: None) -> None:
    first = learned(seed=5).matrix
    assert learned(seed=5).matrix.tobytes() == first.tobytes()
    assert learned(seed=6).matrix.tobytes() != first.tobytes()


def run_on_a_narrow_processor(code: str, cache: Path) -> None:
    surroundings = {**os.environ, "NUMBA_CPU_FEATURES": "+sse2", "NUMBA_CPU_NAME": "x86-64"}
    surroundings["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_plain_loops_are_chosen_where_the_processor_is_not_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(numba.config), "CPU_FEATURES", "+sse2")
    assert vector_widths(16, 5) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "training",
    [
        "word2vec(texts, dimension=8)",
        "word2vec(texts, dimension=8, loss='hierarchical_softmax')",
        "fasttext(texts, dimension=8, buckets=99)",
        "glove(texts, dimension=8)",
    ],
)
def test_plain_loops_serve_where_the_processor_is_not_wide(tmp_path: Path, training: str) -> None:
    code = (
        "import numpy as np\n"
        "from fitwell.words.kernels.windows import has_wide_vectors\n"
        "from fitwell import words\n"
        "assert not has_wide_vectors()\n"
        "texts = [['a', 'b', 'c', 'd']] * 50\n"
        f"v = words.{training}\n"
        "assert np.isfinite(v.matrix).all() and v.matrix.any()\n"
    )
    run_on_a_narrow_processor(code, tmp_path)


@pytest.mark.slow
def test_instructions_for_eight_numbers_do_what_plain_loops_do(tmp_path: Path) -> None:
    # On a processor that has those for sixteen, the usual tests never see these.
    surroundings = {**os.environ, "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma", "NUMBA_CPU_NAME": "haswell"}
    surroundings["NUMBA_CACHE_DIR"] = str(tmp_path)
    code = "from fitwell.words.kernels import windows; assert windows.LANES == 8 and windows.has_wide_vectors()"
    tests = [str(Path(__file__).with_name(name)) for name in ("test_windows.py", "test_glove.py", "test_classifier.py")]
    for arguments in (["-c", code], ["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]):
        done = subprocess.run([sys.executable, *arguments], env=surroundings, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_corpus_may_be_text_or_encoded_or_a_file_of_either(tmp_path: Path) -> None:
    lines = [" ".join(text) for text in planted(200)]
    (tmp_path / "corpus.txt").write_text("\n".join(lines))
    encoded = words.encode(lines)
    words.save_corpus(encoded, tmp_path / "encoded")
    matrices = [
        words.word2vec(corpus, dimension=8, epochs=1).matrix.tobytes()
        for corpus in (lines, tmp_path / "corpus.txt", str(tmp_path / "encoded"), encoded)
    ]
    assert len(set(matrices)) == 1


def test_progress_tells_how_training_stands(small_blocks: None) -> None:
    looks = list[Look]()
    vectors = learned(progress=looks.append)
    assert len(looks) > 30
    assert looks[-1].epoch == looks[-1].epochs == vectors.made["epochs_done"] == 3
    assert looks[-1].rate == pytest.approx(1e-4)
    assert looks[-1].seconds_left == 0 < looks[0].seconds_left
    # Untrained vectors give every pair the probability 1/2: ln 2 for the word and for each of five drawn ones, of which
    # those that come twice count once.
    assert 0.5 * 6 * np.log(2) < looks[0].loss <= 6 * np.log(2) + 1e-3
    assert looks[-1].loss < looks[0].loss


def test_rare_words_get_no_vector() -> None:
    texts = [["common", "word"]] * 9 + [["rare", "word"]]
    assert set(words.word2vec(texts, dimension=4, min_count=2).words) == {"word", "common"}
    assert words.word2vec(texts, dimension=4, min_count=1, max_size=1).words == ("word",)


def interrupt_after(count: int) -> Callable[[Look], None]:
    seen = 0

    def listen(_look: Look) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGINT)

    return listen


def test_ctrl_c_keeps_what_was_learned(small_blocks: None) -> None:
    vectors = learned(progress=interrupt_after(5))
    assert 0 < float(str(vectors.made["epochs_done"])) < 1
    assert vectors.matrix.any()


def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(small_blocks: None, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    cut = learned(checkpoint=place, progress=interrupt_after(17))
    assert place.exists()
    looks = list[Look]()
    resumed = learned(checkpoint=place, progress=looks.append)
    assert looks[0].epoch > float(str(cut.made["epochs_done"]))
    assert resumed.matrix.tobytes() == learned().matrix.tobytes() != cut.matrix.tobytes()
    assert not place.exists()


def test_several_threads_go_on_from_where_they_were_cut_off(small_blocks: None, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    cut = learned(threads=2, checkpoint=place, progress=interrupt_after(9))
    looks = list[Look]()
    resumed = learned(threads=2, checkpoint=place, progress=looks.append)
    assert float(str(cut.made["epochs_done"])) < looks[0].epoch < looks[-1].epoch == 3
    assert_topics_found(resumed)


def test_the_state_is_saved_now_and_then(small_blocks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitwell.words.driving.CHECKPOINT_SECONDS", 0)
    place = tmp_path / "checkpoint"
    there = list[bool]()
    learned(checkpoint=place, progress=lambda _look: there.append(place.exists()))
    assert not there[0]
    assert all(there[1:])


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"seed": 2}, "is the checkpoint of a training with seed 1, but 2 is asked for"),
        ({"dimension": 4}, "with dimension 16, but 4 is asked for"),
    ],
)
def test_another_training_does_not_go_on_from_a_checkpoint(
    small_blocks: None, tmp_path: Path, asked: dict[str, int], refusal: str
) -> None:
    learned(checkpoint=tmp_path / "c", progress=interrupt_after(2))
    with pytest.raises(RequestError, match=refusal):
        learned(checkpoint=tmp_path / "c", **asked)
    with pytest.raises(RequestError, match="of a training on another corpus"):
        words.word2vec(planted(1499), dimension=16, epochs=3, subsample=0, rate=0.05, checkpoint=tmp_path / "c")


def test_what_is_no_checkpoint_is_refused(small_blocks: None, tmp_path: Path) -> None:
    place = tmp_path / "c"
    place.write_bytes(b"something else, and long enough")
    with pytest.raises(DataError, match="is not a whole checkpoint"):
        learned(checkpoint=place)
    place.unlink()
    learned().save(place, format="safetensors")
    with pytest.raises(DataError, match="is not a checkpoint of this version"):
        learned(checkpoint=place)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"architecture": "glove"}, 'architecture must be one of skipgram, cbow, but is "glove"'),
        ({"dimension": 0}, "dimension must be at least 1, but is 0"),
        ({"window": 0}, "window must be at least 1, but is 0"),
        ({"epochs": 0}, "epochs must be at least 1, but is 0"),
        ({"negative": 0}, "negative must be at least 1, but is 0"),
        ({"negative": 8}, "negative must be at most 7, but is 8; 5 is usual"),
        ({"rate": 0}, r"rate must be above 0\.0001, to which it falls, but is 0"),
        ({"seed": -1}, "seed must be at least 0, but is -1"),
        ({"threads": 0}, "threads must be at least 1, but is 0"),
        ({"min_count": 10**6}, "no word occurs 1000000 times"),
        ({"subsample": -1}, "subsample must be 0 or"),
    ],
)
def test_a_wrong_setting_is_refused(asked: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        words.word2vec(["a b"] * 9, **asked)


def test_words_are_drawn_by_the_power_of_their_counts() -> None:
    counts = np.array([8000, 700, 60, 5])
    drawn = np.bincount(drawn_words(counts, exponent=0.75, generator=np.random.default_rng(1)), minlength=4)
    expected = counts**0.75 / (counts**0.75).sum() * drawn.sum()
    assert drawn.sum() == 2**17
    assert drawn == pytest.approx(expected, abs=1.5)  # spread evenly: a draw more or less at each border


def test_drawn_words_are_in_random_order() -> None:
    drawn = drawn_words(np.array([8192, 8192]), exponent=1.0, generator=np.random.default_rng(1))
    changes = np.count_nonzero(np.diff(drawn))
    # A fair coin: half of all neighbors differ, give or take four standard deviations.
    assert abs(changes - len(drawn) / 2) < 4 * np.sqrt(len(drawn)) / 2


def test_drawn_words_come_again_soon_but_not_in_the_same_window() -> None:
    counts = np.full(20_000, 40)
    drawn = drawn_words(counts, exponent=1.0, generator=np.random.default_rng(1))
    assert np.bincount(drawn, minlength=20_000).std() < 1
    spans = drawn.reshape(-1, NEAR * ROUNDS)
    # From anywhere, 1,024 draws would be of about 1,000 words. A word's 105 draws fill 25 places, and share the two
    # beside these with other words.
    assert max(len(np.unique(span)) for span in spans) < 1.1 * NEAR
    rounds = spans[:64].reshape(-1, NEAR)
    assert np.mean([len(np.unique(one)) for one in rounds]) > 0.99 * NEAR


def test_the_learning_rate_begins_where_the_architecture_does_well() -> None:
    assert set(RATES) == set(get_args(Architecture))
    for architecture, rate in RATES.items():
        assert words.word2vec(["a b"] * 9, dimension=4, architecture=architecture).made["rate"] == rate  # type: ignore[arg-type]


def test_settings_are_kept_with_the_vectors() -> None:
    made = words.word2vec(["a b"] * 9, dimension=4, epochs=2).made
    settings = Word2VecSettings(
        architecture="skipgram",
        dimension=4,
        window=5,
        loss="negative_sampling",
        negative=5,
        epochs=2,
        min_count=5,
        max_size=None,
        subsample=1e-3,
        rate=0.025,
        seed=1,
    )
    assert made == {"method": "word2vec", **vars(settings), "epochs_done": 2.0, "tokens": 18}
