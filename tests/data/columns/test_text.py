"""Texts become the terms that scikit-learn finds, or the numbers of their words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from tests.pretrained.conftest import write_encoder

from fitwell.data.columns import text
from fitwell.data.columns.cells import Column
from fitwell.data.columns.text import BytePairsEncoder, TermsEncoder, TextsFitting, WordsEncoder, fit
from fitwell.data.encode import Encoders, encode_features, encoders_from_json, encoders_to_json
from fitwell.errors import DataError
from fitwell.pretrained.tokenizer import opened
from fitwell.recipe import DataSettings

COLUMN = Column(name="note", kind="text", why="", missing=(), missing_count=0, distinct=9)
TEXTS = [
    "The red fox, the RED fox!",
    "a fox and a dog and a fox",
    "Größe der Straße; der Hund",
    "the dog is red",
    "der Hund is a dog",
    None,
    "…",
]

ENCODERS = {"terms": TermsEncoder, "words": WordsEncoder, "byte_pairs": BytePairsEncoder}


def settings(**given: Any) -> DataSettings:
    return DataSettings.model_validate({"text": "terms", "text_length": 50, "vocabulary_size": 1000} | given)


def fitted(form: str, cells: list[str | None] = TEXTS, **given: Any) -> Any:
    return fit(pl.Series("note", cells, dtype=pl.String), COLUMN, settings(text=form, **given))


def dense(block: np.ndarray, terms: int) -> np.ndarray:
    whole = np.zeros((len(block), terms + 1))
    np.add.at(whole, (np.arange(len(block))[:, None], block[..., 0].astype(int)), block[..., 1])
    return whole[:, 1:]


@pytest.mark.parametrize("runs", [True, False])
def test_terms_and_weights_are_those_of_scikit_learn(runs: bool) -> None:
    encoder = fitted("terms", letter_runs=runs, text_length=200)
    fresh = [*TEXTS, "the red dog saw a zebra", "greyhounds"]  # of the last, only runs are known
    block = encoder.encode(pl.Series("note", fresh))
    theirs = [TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\w+")]
    if runs:
        theirs.append(TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=2, sublinear_tf=True))
    for each in theirs:
        each.fit([text for text in TEXTS if text is not None])
    assert encoder.vocabulary == tuple(term for each in theirs for term in each.get_feature_names_out())
    expected = normalize(hstack([each.transform([text or "" for text in fresh]) for each in theirs])).toarray()
    assert bool(expected[8].any()) == runs
    assert np.allclose(dense(block, len(encoder.vocabulary)), expected, rtol=1e-6, atol=0)  # ours are float32
    assert (np.diff(block[..., 1], axis=1) <= 0).all()  # the heaviest first
    assert not block[5:7].any()  # nothing, and nothing that is a word


def test_the_heaviest_terms_are_kept_with_the_weights_that_they_have_among_all() -> None:
    whole, cut = fitted("terms"), fitted("terms", text_length=2)
    assert cut.shape == (2, 2)
    cells = pl.Series("note", TEXTS)
    assert np.array_equal(cut.encode(cells), whole.encode(cells)[:, :2])
    lengths = (whole.encode(cells)[..., 1] > 0).sum(1)
    assert cut.cut == (lengths > 2).sum() > 0


@pytest.mark.parametrize("form", ["terms", "words", "byte_pairs"])
def test_a_text_is_encoded_the_same_whatever_stands_beside_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, cells = fitted(form), pl.Series("note", TEXTS * 3)
    together = encoder.encode(cells)
    monkeypatch.setattr(text, "CHUNK", 2)
    assert np.array_equal(encoder.encode(cells), together)
    alone = [encoder.encode(cells[row : row + 1])[0] for row in range(len(cells))]
    assert np.array_equal(np.array(alone), together)


def test_words_are_numbered_by_how_often_they_occur() -> None:
    encoder = fitted("words", ["b a b", "b a c", "a b"], text_length=3)
    assert encoder.vocabulary == ("", "b", "a")  # c occurs once
    block = encoder.encode(pl.Series("note", ["A b zebra a", "", None, "b"]))
    assert block.tolist() == [[3, 2, 1], [0, 0, 0], [0, 0, 0], [2, 0, 0]]
    assert block.dtype == np.int32


def test_the_vocabulary_is_bounded() -> None:
    assert fitted("words", vocabulary_size=2).vocabulary == ("", "fox", "a")  # four times each, the fox first
    assert len(fitted("terms", vocabulary_size=3, letter_runs=False).vocabulary) == 3
    assert len(fitted("terms", vocabulary_size=3).vocabulary) == 6  # as many runs of letters


def test_few_long_texts_do_not_make_all_others_long() -> None:
    many: list[str | None] = ["one two three"] * 99
    encoder = fitted("words", [*many, "one " * 40])
    assert (encoder.length, encoder.cut) == (3, 1)


@pytest.mark.parametrize("form", ["terms", "words", "byte_pairs"])
def test_encoders_come_back_from_json_to_the_last_bit(form: str) -> None:
    encoders = Encoders(encoders=(fitted(form),))
    again = encoders_from_json(json.loads(json.dumps(encoders_to_json(encoders))))
    assert again == encoders
    assert isinstance(again.encoders[0], ENCODERS[form])
    frame = pl.DataFrame({"note": TEXTS})
    assert np.array_equal(encode_features(frame, again)["text_0"], encode_features(frame, encoders)["text_0"])
    assert encoders.layout.arrays["text_0"].vocabulary == again.layout.arrays["text_0"].vocabulary


def test_training_texts_beyond_a_bound_do_not_make_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "FITTED_ON", 2)
    assert fitted("words", ["a a", "b b", "c c", "d d"]).vocabulary == ("", "a", "c")
    monkeypatch.setattr(text, "FITTED_ON", 4)
    monkeypatch.setattr(text, "FITTED_BYTES", 6)
    assert fitted("words", ["a a", "b b", "c c", "d d"]).vocabulary == ("", "a", "c")


@pytest.mark.parametrize("most", [100, 7, 3])
def test_a_vocabulary_that_is_made_in_parts_is_that_of_all_texts(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "FITTED_ON", most)
    cells: list[str | None] = [f"w{place} w{place}" for place in range(20)]
    cells[3:3] = [None, None]
    fitting = TextsFitting(COLUMN, settings(text="words"))
    for start in range(0, 22, 5):
        fitting.add(pl.Series(cells[start : start + 5], dtype=pl.String))
    assert fitting.encoder() == fitted("words", cells)
    every = {100: 1, 7: 4, 3: 8}[most]  # the first power of two that leaves few enough
    assert fitting.encoder().vocabulary == ("", *(f"w{place}" for place in range(0, 20, every)))


# Texts of words that are as often as their rank says (Zipf), in a process of its own; a quarter of what usually makes a
# vocabulary.
MUCH_TEXT = """
import numpy as np, polars as pl
from fitwell.data.columns.cells import Column
from fitwell.data.columns import text
from fitwell.recipe import DataSettings

text.FITTED_BYTES //= 4

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 2**20

draw = np.random.default_rng(0)
letters = draw.integers(97, 123, (50_000, 8), dtype=np.uint8)
words = pl.Series([bytes(row[: 3 + place % 6]).decode() for place, row in enumerate(letters)])
def texts(rows):
    places = np.minimum(draw.zipf(1.2, rows * 40), 50_000) - 1
    return pl.DataFrame({"row": np.repeat(np.arange(rows), 40), "word": words.gather(places)}).group_by(
        "row").agg(pl.col("word").str.join(" "))["word"]

settings = DataSettings.model_validate({"text": "terms", "text_length": 256, "vocabulary_size": 20_000})
column = Column(name="x", kind="text", why="", missing=(), missing_count=0, distinct=9)
fitting, before = text.TextsFitting(column, settings), peak()
for _ in range(6):
    fitting.add(texts(10_000))
encoder = fitting.encoder()
fitted = peak()
encoder.encode(texts(10_000))
print(before, fitted, peak())
"""


@pytest.mark.slow
def test_a_vocabulary_and_texts_are_made_in_bounded_memory() -> None:
    done = subprocess.run([sys.executable, "-c", MUCH_TEXT], capture_output=True, text=True, check=True)
    before, fitted, encoded = map(float, done.stdout.split())  # gigabytes
    assert fitted - before < 0.8  # all 12 MB take 1.1
    assert encoded - fitted < 0.2  # of which the arrays themselves are 0.02


@pytest.mark.parametrize("form", ["terms", "words"])
def test_texts_whose_words_never_occur_again_are_refused(form: str) -> None:
    with pytest.raises(
        DataError, match=r'column "note" must hold words that occur again, but no word is in two of its 2'
    ):
        fitted(form, ["alpha beta", "gamma delta"])


def test_a_column_without_training_texts_is_refused() -> None:
    with pytest.raises(DataError, match=r'column "note" must hold text, but its training rows have none'):
        fitted("words", [None, None])


def test_texts_that_do_not_fit_into_memory_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MOST_BYTES", 100)
    with pytest.raises(
        DataError,
        match=r'the 7 texts of column "note" must fit into .* set data\.streaming to always, or data.text_length',
    ):
        fitted("terms").encode(pl.Series("note", TEXTS))


def test_byte_pairs_are_joined_by_how_often_they_meet() -> None:
    encoder = fitted("byte_pairs", ["abab ab", "AB abc"], vocabulary_size=258)
    # With a blank before each word: "a b" meets 5 times, then "blank ab" 4 times; as a whole word "c" occurs once.
    assert encoder.pairs == ("a b", "\u0120 ab")
    assert (encoder.length, encoder.cut) == (3, 0)
    numbers = {part: number for number, part in enumerate(encoder.vocabulary, start=1)}
    block = encoder.encode(pl.Series("note", ["abab ab", None, "abc"]))
    of_word = numbers["\u0120ab"]
    assert block.tolist() == [[of_word, numbers["ab"], of_word], [0, 0, 0], [of_word, numbers["c"], 0]]
    assert block.dtype == np.int32


def test_byte_pairs_know_every_character_as_its_bytes() -> None:
    encoder = fitted("byte_pairs", ["one two", "two one"], vocabulary_size=300)
    for text_of_strangers in ("\u4f60\u597d", "\U0001f600\x00", "e\u0301\ufeff"):
        (row,) = replace(encoder, length=50).encode(pl.Series("note", [text_of_strangers]))
        parts = [encoder.vocabulary[number - 1] for number in row[row > 0]]
        assert len(parts) == 1 + len(text_of_strangers.encode())  # and the blank before the word


def test_byte_pairs_of_long_texts_are_cut_and_counted() -> None:
    encoder = fitted("byte_pairs", ["a b c d e", "a b", "c d"], text_length=3, vocabulary_size=300)
    assert (encoder.length, encoder.cut) == (3, 1)
    whole = replace(encoder, length=9).encode(pl.Series("note", ["a b c d e"]))
    assert np.array_equal(encoder.encode(pl.Series("note", ["a b c d e"])), whole[:, :3])


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_encoder(tmp_path_factory.mktemp("pretrained") / "model"))


def test_pieces_are_those_of_the_tokenizer_of_a_pretrained_encoder(encoder_folder: str) -> None:
    encoder = fitted("pieces", ["the film", None, "a good film", "bad"], text_encoder=encoder_folder)
    pieces = [[3, 10, 8, 4, 0], [0, 0, 0, 0, 0], [3, 9, 6, 8, 4], [3, 7, 4, 0, 0]]  # by hand, each one more
    assert encoder.encode(pl.Series(["the film", None, "a good film", "bad"])).tolist() == pieces
    assert (encoder.length, encoder.cut) == (5, 0)
    longer = encoder.encode(pl.Series(["a very very good film"]))
    assert longer.tolist() == [[3, 9, 14, 14, 4]]  # cut at what is the longest in training, before the last mark


def test_pieces_are_cut_at_the_length_that_is_asked_for_and_counted(encoder_folder: str) -> None:
    encoder = fitted("pieces", ["the film", "a good film", "bad"], text_encoder=encoder_folder, text_length=3)
    assert (encoder.length, encoder.cut) == (3, 2)
    encoder = fitted("pieces", ["a film " * 12], text_encoder=encoder_folder)
    assert (encoder.length, encoder.cut) == (16, 1)  # the encoder has no more places


def test_pieces_are_cut_the_same_after_the_folder_is_gone(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "model")
    frame = pl.DataFrame({"note": ["the film", "a good film", "bad"]})
    encoders = Encoders(encoders=(fitted("pieces", frame["note"].to_list(), text_encoder=str(folder)),))
    expected = encode_features(frame, encoders)["text_0"]
    shutil.rmtree(folder)
    opened.cache_clear()
    again = encoders_from_json(json.loads(json.dumps(encoders_to_json(encoders))))
    assert again == encoders
    assert np.array_equal(encode_features(frame, again)["text_0"], expected)
    assert again.layout.arrays["text_0"].configuration == encoders.layout.arrays["text_0"].configuration
