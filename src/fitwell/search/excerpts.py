"""What of a long text to show: the stretch that has most of the query's words."""

from __future__ import annotations

import re

from fitwell.search.terms import TOKENS

LOOKED_AT = 100_000  # characters; further on nobody looks for an excerpt
WORD = re.compile(TOKENS.pattern)


def excerpt(text: str, query: str, *, width: int) -> str:
    """Return the stretch of at most `width` characters that has most different words of the query, the first such.

    >>> excerpt("He came late. The cat sat on a mat. It slept.", "cat on mat", width=24)
    '… The cat sat on a mat. …'
    """
    text = " ".join(text[:LOOKED_AT].split())
    if len(text) <= width:
        return text
    wanted = set(TOKENS.tokens(query))
    hits = [(match.start(), word) for match in WORD.finditer(text) if (word := TOKENS.prepared(match[0])) in wanted]
    inside = width - 4  # beside an ellipsis and a space at both ends
    best, most = 0, 0
    last = 0
    for first, (start, _) in enumerate(hits):
        last = max(last, first)
        while last < len(hits) and hits[last][0] - start < inside - len(hits[last][1]):
            last += 1
        different = len({word for _, word in hits[first:last]})
        if different > most:
            best, most = start, different
    begin = _beginning(text, best, inside)
    end = begin + inside
    if end < len(text):
        end = max(text.rfind(" ", begin, end + 1), begin) if " " in text[begin:end] else end
    return f"{'… ' if begin else ''}{text[begin:end].rstrip()}{' …' if end < len(text) else ''}"


def _beginning(text: str, hit: int, width: int) -> int:
    """Return a beginning a little before the hit: after a sentence if one ends there, else after a word."""
    earliest = max(0, min(hit - width // 4, len(text) - width))
    if earliest == 0:
        return 0
    sentence = max(text.rfind(mark, earliest, hit) for mark in (". ", "! ", "? "))
    if sentence >= 0:
        return sentence + 2
    space = text.find(" ", earliest, hit)
    return space + 1 if space >= 0 else hit
