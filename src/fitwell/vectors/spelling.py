"""The known word that is spelled most like an unknown one, found quickly among millions."""

from __future__ import annotations

from collections.abc import Sequence

from fitwell.errors import nearest

MOST = 5000  # candidates compared letter by letter, the most frequent ones: files begin with these


def nearest_spelling(word: str, words: Sequence[str]) -> str:
    """Offer the closest word as the end of a sentence, or nothing when none is close.

    Candidates begin or end with the same letter, whatever its case, and are of about the same length.

    >>> nearest_spelling("qeen", ["king", "queen", "quern"])
    '; did you mean "queen"?'
    """
    folded = word.lower()
    first, last, length = folded[:1], folded[-1:], len(word)
    close = [
        known
        for known in words
        if abs(len(known) - length) <= 2 and (known[:1].lower() == first or known[-1:].lower() == last)
    ]
    same = next((known for known in close if known.lower() == folded), None)
    return f'; did you mean "{same}"?' if same else nearest(word, close[:MOST])
