"""TF-IDF is scikit-learn's to the bit: the matrix, the order of its entries, the vocabulary."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.feature_extraction.text as theirs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from fitwell.errors import DataError, FitwellError, RequestError
from fitwell.words import BM25Vectorizer, TfidfVectorizer, texts, tfidf
from fitwell.words.counting import ranks_by_name
from fitwell.words.interning import WordTable, intern_lists

LETTERS = st.sampled_from("aAbZ09_-' \t\n\r\x00\x85\xa0\u2003éÉßΣσςİıȺKﬁ\u0301\ud800𝔸あ")
WORDS = st.sampled_from(
    [
        "the",
        "of",
        "and",
        "cat",
        "Cat",
        "ΟΔΟΣ",
        "İx",
        "é",
        "e\u0301",
        "naïve",
        "ab",
        "a\x1cb",
        "the-cat",
        "w" * 17,
        "w" * 18,
    ]
)
SENTENCES = st.lists(WORDS, max_size=12).map(" ".join)
TEXTS = st.lists(SENTENCES | st.text(LETTERS | st.characters(), max_size=30), min_size=1, max_size=8)

SETTINGS = st.fixed_dictionaries(
    {
        "analyzer": st.sampled_from(["word", "word", "char", "char_wb"]),
        "ngram_range": st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 2), (1, 3), (2, 4), (3, 3)]),
        "token_pattern": st.sampled_from([r"(?u)\b\w\w+\b", r"\S+", r"\w+", r"[a-z]+", r"(\w)\w", r"\w+ \w+|\w+"]),
        "lowercase": st.booleans(),
        "strip_accents": st.sampled_from([None, None, "ascii", "unicode"]),
        "min_df": st.sampled_from([1, 1, 2, 0.0, 0.3]),
        "max_df": st.sampled_from([1.0, 1.0, 0.7, 3]),
        "max_features": st.sampled_from([None, None, 1, 3, 10]),
        "binary": st.booleans(),
        "dtype": st.sampled_from([np.float64, np.float32]),
        "norm": st.sampled_from(["l1", "l2", None]),
        "use_idf": st.booleans(),
        "smooth_idf": st.booleans(),
        "sublinear_tf": st.booleans(),
    }
)


def assert_same(one: sp.csr_matrix, other: sp.csr_matrix) -> None:
    assert one.shape == other.shape
    assert type(one) is type(other)
    for name in ("indptr", "indices", "data"):
        ours, expected = getattr(one, name), getattr(other, name)
        assert ours.dtype == expected.dtype
        assert ours.tobytes() == expected.tobytes(), name


def plainly(given: list[str], asked: dict[str, Any]) -> tuple[sp.csr_matrix, theirs.TfidfVectorizer] | None:
    """Return what scikit-learn makes of texts, or None where it refuses."""
    vectorizer = theirs.TfidfVectorizer(**asked)
    try:
        with warnings.catch_warnings():  # of settings that this analyzer does not use
            warnings.simplefilter("ignore")
            return vectorizer.fit_transform(given), vectorizer
    except ValueError:
        return None


@settings(deadline=None, max_examples=60)
@given(TEXTS, TEXTS, SETTINGS, st.sampled_from([None, "english", ["cat", "é"]]))
@example(["ΟΔΟΣ ΟΔΟΣ", "İİ"], ["οδος"], {"analyzer": "char", "ngram_range": (1, 3)}, None)
@example(["a  b\t c\n\nd"], ["a b"], {"analyzer": "char", "ngram_range": (1, 2), "lowercase": False}, None)
@example(["ab abc a"], ["x"], {"analyzer": "char_wb", "ngram_range": (2, 4)}, None)
def test_the_matrix_is_that_of_scikit_learn(
    fitted: list[str], new: list[str], asked: dict[str, Any], stop_words: Any
) -> None:
    asked = {**asked, "stop_words": stop_words if asked["analyzer"] == "word" else None}
    expected = plainly(fitted, asked)
    ours = TfidfVectorizer(**asked, threads=1)
    if expected is None:
        with pytest.raises(FitwellError):
            ours.fit_transform(fitted)
        return
    matrix, vectorizer = expected
    assert_same(ours.fit_transform(fitted), matrix)
    assert ours.vocabulary_ == vectorizer.vocabulary_
    assert ours.get_feature_names_out().tolist() == vectorizer.get_feature_names_out().tolist()
    assert_same(ours.transform(new), vectorizer.transform(new))
    if asked.get("use_idf", True):
        assert ours.idf_.tobytes() == vectorizer.idf_.tobytes()


def test_pieces_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [f"word{number % 97} and w{number % 89} é{number % 7} " * (number % 5) for number in range(2000)]
    monkeypatch.setattr(texts, "PIECE_BYTES", 1000)
    for asked in ({}, {"ngram_range": (1, 3), "min_df": 3}, {"analyzer": "char_wb", "ngram_range": (2, 4)}):
        expected = theirs.TfidfVectorizer(**asked).fit_transform(given)
        for threads in (1, 3):
            assert_same(TfidfVectorizer(**asked, threads=threads).fit_transform(given), expected)


def test_many_features_with_long_common_beginnings_are_ordered_by_name() -> None:
    # 300,000 features fill two upper words of the set of bits; half of them differ behind the sixteenth byte only.
    words = [f"{'common beginning ' * (number % 2)}{number * 7919 % 300_000}" for number in range(300_000)]
    table = WordTable()
    table.numbers_of(intern_lists([words]))
    ranks = ranks_by_name(table, words)
    assert [words[number] for number in np.argsort(ranks)] == sorted(words)
    given = [" ".join(words[start::3]) for start in range(3)]
    assert_same(TfidfVectorizer().fit_transform(given), theirs.TfidfVectorizer().fit_transform(given))


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab\x00é"), min_size=1, max_size=20), min_size=1, unique=True))
def test_words_are_ordered_as_python_orders_strings(words: list[str]) -> None:
    table = WordTable()
    table.numbers_of(intern_lists([words]))
    assert [words[number] for number in np.argsort(ranks_by_name(table, words))] == sorted(words)


@pytest.mark.parametrize("kind", [TfidfVectorizer, BM25Vectorizer])
@pytest.mark.parametrize(
    "check",
    [  # those that need no table of numbers; scikit-learn leaves out the others for its own vectorizers too
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
)
def test_scikit_learn_takes_it_for_one_of_its_own(kind: type[Any], check: Any) -> None:
    check(kind.__name__, kind())


def test_settings_are_read_cloned_and_set_by_scikit_learn() -> None:
    vectorizer = TfidfVectorizer(norm="l1", threads=2)
    assert clone(vectorizer).get_params() == vectorizer.get_params()
    assert vectorizer.set_params(norm="l2").norm == "l2"
    # Ours are theirs, save for input from files and for functions in place of settings.
    left_out = {"input", "encoding", "decode_error", "preprocessor", "tokenizer", "vocabulary"}
    defaults = theirs.TfidfVectorizer().get_params()
    assert {**TfidfVectorizer().get_params(), **{name: defaults[name] for name in left_out}} == {
        **defaults,
        "threads": None,
    }


def test_it_works_within_a_pipeline() -> None:
    given = ["good film", "very good", "bad film", "very bad"] * 5
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(given, [1, 1, 0, 0] * 5)
    assert pipeline.predict(["a good one", "a bad one"]).tolist() == [1, 0]


def test_a_corpus_on_disk_gives_the_matrix_of_its_lines(tmp_path: Path) -> None:
    lines = ["a big cat", "", "a cat and a dog"]
    (tmp_path / "corpus.txt").write_text("\n".join(lines))
    result = tfidf(tmp_path / "corpus.txt")
    assert_same(result.matrix, theirs.TfidfVectorizer().fit_transform(lines))
    assert result.terms == ["and", "big", "cat", "dog"]


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"norm": "max"}, 'norm must be "l1", "l2" or None, but is "max"'),
        ({"dtype": np.int64}, "dtype must be numpy.float64 or numpy.float32"),
        ({"ngram_range": (2, 1)}, r"1 ≤ shortest ≤ longest, but is \(2, 1\)"),
        ({"min_df": 1.5}, "min_df must be a count from 1 up or a share from 0.0 to 1.0, but is 1.5"),
        ({"max_df": 0}, "max_df must be a count .* but is 0"),
        ({"max_features": 0}, "max_features must be at least 1, but is 0"),
        ({"stop_words": "german"}, 'stop_words must be "english" or a list of words, but is "german"'),
        ({"analyzer": "byte"}, "analyzer must be one of word, char, char_wb, but is"),
        ({"strip_accents": "all"}, 'strip_accents must be one of ascii, unicode or None, but is "all"'),
        ({"token_pattern": "(a)(b)"}, "may have one group"),
        ({"min_df": 3, "max_df": 2}, "max_df must allow at least the texts of min_df, but of 2 that is 2 and 3"),
    ],
)
def test_a_wrong_setting_is_refused(asked: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        TfidfVectorizer(**asked).fit(["a big cat", "a cat"])


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("one string", "texts must come as a list or another iterable, but one string came"),
        ([["a", "list"]], "a text must be a string, but a list of tokens came"),
        (["text", None], "one item is NoneType None"),
        (["a", "b"], "the texts must hold words, but none is left"),
        ([], "the texts must hold words, but none is left"),
    ],
)
def test_what_is_no_text_is_refused(given: Any, refusal: str) -> None:
    with pytest.raises(DataError, match=refusal):
        TfidfVectorizer().fit(given)


def test_limits_that_leave_no_term_are_refused() -> None:
    with pytest.raises(DataError, match="no term is in 2 to 2 of the 2 texts"):
        TfidfVectorizer(min_df=2).fit(["big cat", "small dog"])


def test_an_unfitted_vectorizer_says_so() -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        TfidfVectorizer().transform(["a"])
    with pytest.raises(NotFittedError, match="not fitted"):
        _ = TfidfVectorizer().idf_
