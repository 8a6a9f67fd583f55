"""Where a word occurs: each time it does, with as much of its text around it as an encoder reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from fitwell.errors import DataError, RequestError
from fitwell.vectors.spelling import nearest_spelling
from fitwell.words.texts import Corpus, Piece, Unit, pieces_of

AROUND = 60  # words to each side that are kept of a long text
SPELLED = 5000  # texts whose words are offered where the word does not occur


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """A word in its sentence."""

    text: str  # the sentence, or what stands around the word in a long text
    start: int  # where in it the word begins, in characters
    end: int
    source: int  # which text of the corpus it is in, from 0
    earlier: int  # how often the word comes in `text` before this place


def texts_of(corpus: Corpus, *, unit: Unit = "line", field: str | None = None) -> Iterator[str]:
    """Yield the texts of a corpus, tokens of one that came as lists with spaces between.

    Raises:
        DataError: the corpus cannot be read. RequestError: the unit is unknown.
    """
    for piece in pieces_of(corpus, unit=unit, field=field):
        yield from piece.texts() if isinstance(piece, Piece) else map(" ".join, piece)


def occurrences_of(word: str, texts: Iterable[str], *, most: int) -> list[Occurrence]:
    """Return where a word occurs, capital letters or not; of very many occurrences the first ones.

    >>> [each] = occurrences_of("bank", ["A loan.", "Banks? My bank!"], most=10)
    >>> each.text[each.start : each.end], each.source, each.earlier
    ('bank', 1, 0)

    Raises:
        RequestError: it is no single word, or does not occur.
    """
    if not word or re.search(r"\s", word):
        raise RequestError(f'a word must be a run of characters without a space, but is "{word}"; ask for one word')
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    seen: dict[str, None] = {}
    count = 0

    def read() -> Iterator[Occurrence]:
        nonlocal count
        for source, text in enumerate(texts):
            count += 1
            found = [match.span() for match in pattern.finditer(text)]
            if not found and count <= SPELLED:
                seen.update(dict.fromkeys(re.findall(r"\w+", text.lower())))
            for start, end in found:
                yield _around(text, start, end, pattern, source=source)

    occurrences = list(islice(read(), most))
    if not occurrences:
        if not count:
            raise DataError("a corpus must hold text, but it is empty; name another one")
        near = nearest_spelling(word.lower(), tuple(seen))
        raise RequestError(f'"{word}" must occur in the corpus, but is in none of its {count:,} texts{near}')
    return occurrences


def _around(text: str, start: int, end: int, pattern: re.Pattern[str], *, source: int) -> Occurrence:
    """Return an occurrence with the words around it."""
    left = list(re.finditer(r"\S+", text[:start]))[-AROUND:]
    right = list(islice(re.finditer(r"\S+", text[end:]), AROUND))
    first = left[0].start() if left else start
    last = end + right[-1].end() if right else end
    kept = text[first:last]
    start, end = start - first, end - first
    earlier = sum(match.start() < start for match in pattern.finditer(kept))
    return Occurrence(text=kept, start=start, end=end, source=source, earlier=earlier)
