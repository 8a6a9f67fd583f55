"""The compiled loop over bytes cuts and numbers tokens as the plain way does, for every text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fitwell.errors import RequestError
from fitwell.words.interning import Interned, decoded, intern_lists, interned
from fitwell.words.kernels.interning import UNUSUAL, folded_text
from fitwell.words.texts import piece_of
from fitwell.words.tokens import RUNS, Normalization, Tokenization, folding

# Capitals whose lower case needs its neighbors (Σ) or is longer (İ, Ⱥ), combining marks, digits, Unicode's white space,
# lone surrogates, characters beyond the basic plane.
LETTERS = st.sampled_from("aAbZ09_-' \t\n\r\x00\x1c\x85\xa0\u2003éÉßΣσςİıȺKﬁǅ\u0301\u1e9e\ud800𐐀𝔸あ漢")
TEXTS = st.lists(st.text(LETTERS | st.characters(), max_size=40), max_size=6)


def told(tokens: Interned) -> tuple[list[str], list[int], list[str]]:
    """Return the tokens, the ends of texts, and the words in order of their numbers."""
    words = decoded(tokens.letters, tokens.offsets)
    return [words[number] for number in tokens.ids.tolist()], tokens.ends.tolist(), words


def plainly(texts: list[str], tokenization: Tokenization) -> tuple[list[str], list[int], list[str]]:
    """Return the same by Python's own means."""
    tokens, ends = list[str](), list[int]()
    for text in texts:
        tokens += tokenization.tokens(text)
        ends.append(len(tokens))
    return tokens, ends, list(dict.fromkeys(tokens))


@settings(deadline=None, max_examples=150)
@given(
    TEXTS,
    st.sampled_from(sorted(RUNS)),
    st.booleans(),
    st.sampled_from(["none", "NFC", "NFD", "NFKC", "NFKD"]),
)
@example(["ΟΔΟΣ ΣΑΣ", "İstanbul", "Straße"], r"\w+", True, "none")
@example(["a" * 7 + " " + "a" * 8 + " " + "a" * 9, "a" * 16 + "b " + "a" * 16 + "c"], r"\S+", False, "none")
def test_the_compiled_loop_cuts_as_regular_expressions_do(
    texts: list[str], pattern: str, lowercase: bool, normalization: Normalization
) -> None:
    tokenization = Tokenization(pattern=pattern, lowercase=lowercase, normalization=normalization)
    assert told(interned(piece_of(texts), tokenization)) == plainly(texts, tokenization)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("aZ~\x7f .@[`{é\x00", max_size=40), max_size=4), st.sampled_from(sorted(RUNS)), st.booleans())
def test_eight_characters_at_a_time_are_folded_as_one_by_one(texts: list[str], pattern: str, lowercase: bool) -> None:
    piece = piece_of(texts)
    folded = folding(RUNS[pattern][0], lowercase=lowercase, ascii_only=False)
    possible, written, stops = folded_text(np.frombuffer(piece.text, np.uint8), piece.ends, folded)
    characters = [[int(folded[ord(each)]) for each in f"{text}\n"] for text in texts]
    assert possible == (not any({0, UNUSUAL} & set(of_text) for of_text in characters))
    if possible:
        one_by_one = ["".join(chr(max(each, 0)) for each in of_text) + "\0" for of_text in characters]
        ends = np.cumsum([len(text.encode()) for text in one_by_one], dtype=np.int64)
        assert written[: ends[-1] if len(ends) else 0].tobytes().decode() == "".join(one_by_one)
        assert stops.tolist() == ends.tolist()


@settings(deadline=None)
@given(TEXTS)
def test_any_other_pattern_is_cut_the_plain_way(texts: list[str]) -> None:
    tokenization = Tokenization(pattern=r"(?i)[a-z]+|\d")
    assert told(interned(piece_of(texts), tokenization)) == plainly(texts, tokenization)


def test_thousands_of_long_and_alike_words_stay_apart() -> None:
    # More than the first index holds; they differ behind the sixteenth byte only, some in their length only.
    words = [f"{'w' * 16}{number}" for number in range(30_000)] + ["w" * length for length in range(1, 60)]
    tokens = interned(piece_of([" ".join([*words, *reversed(words)])]), Tokenization())
    assert told(tokens)[0] == [*words, *reversed(words)]
    assert len(tokens.rows) == len(words)


def test_token_lists_are_taken_as_they_are() -> None:
    texts = [["New York", ""], [], ["É", "É"]]
    assert told(intern_lists(texts)) == (["New York", "", "É", "É"], [2, 2, 4], ["New York", "", "É"])


def test_the_token_is_the_group_of_a_pattern() -> None:
    assert Tokenization(pattern=r"<(\w+)>").tokens("<b>bold</b>") == ["b"]


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"pattern": "("}, r'must be a regular expression, but "\(" is not'),
        ({"pattern": "(a)(b)"}, r"may have one group, but .* has 2"),
        ({"normalization": "nfc"}, r'one of none, NFC, NFD, NFKC, NFKD, but is "nfc"'),
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, str], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        Tokenization(**wrong)  # type: ignore[arg-type]


def test_every_known_run_means_its_regular_expression() -> None:
    # What the loop relies on: a match is a longest run of these characters, no shorter than the least.
    text = "a bb ccc, d_e é1—x"
    for pattern, (characters, least) in RUNS.items():
        runs = re.findall(f"{characters}+", text)
        assert re.findall(pattern, text) == [run for run in runs if len(run) >= least]
