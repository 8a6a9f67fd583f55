"""Long documents are cut into passages, so that what is found is a place and not a book.

A passage has at most so many words. It ends with a paragraph if one ends in its second half, else with a sentence,
else after its last word.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fitwell.errors import RequestError

FEWEST = 10  # words of a passage, at the least that may be asked for
WORD = re.compile(r"\S+")
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]»]*$")


class Span(NamedTuple):
    """Where a passage stands in its document, counted in characters."""

    start: int
    end: int


def require_longest(words: int | None) -> None:
    """Refuse passages that are too short to say anything.

    Raises:
        RequestError: they are.
    """
    if words is not None and words < FEWEST:
        raise RequestError(f"a passage must have {FEWEST} words or more, but {words} were asked for; 150 are usual")


def passages_of(text: str, *, longest: int | None) -> list[Span]:
    """Return the passages of a text, each with at most `longest` words; None leaves it whole.

    >>> text = "One two. Three four five six seven."
    >>> [text[start:end] for start, end in passages_of(text, longest=4)]
    ['One two.', 'Three four five six', 'seven.']
    """
    if longest is None:
        return [Span(0, len(text))]
    words = [Span(*match.span()) for match in WORD.finditer(text)]
    if len(words) <= longest:
        return [Span(0, len(text))]
    passages, first = [], 0
    while first < len(words):
        after = _end(text, words, first, longest)
        passages.append(Span(words[first].start, words[after - 1].end))
        first = after
    return passages


def _end(text: str, words: list[Span], first: int, longest: int) -> int:
    """Return the word after the last one of the passage that begins with `first`."""
    if len(words) - first <= longest:
        return len(words)
    sentence = None
    for last in range(first + longest - 1, first + longest // 2 - 2, -1):
        if "\n\n" in text[words[last].end : words[last + 1].start]:
            return last + 1
        if sentence is None and SENTENCE_END.search(text[words[last].start : words[last].end]):
            sentence = last + 1
    return sentence or first + longest
