"""Which words of a text a prediction rests on.

Words are taken out of the text itself, and what is left is encoded and predicted anew. So it does not matter how a text
is read: pairs of neighboring words come and go with their words, and so do pieces of words. A text without any of its
words is where the shares begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool

from fitwell.explanation.asking import Blocks
from fitwell.explanation.attribution import Part

WORD = re.compile(r"\w+")
MOST_PARTS = 64  # of a text with more words, a part is a few neighboring ones
PRESENT = "words"  # the block that says which parts of a text are there


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A text and where its parts are in it: from the first letter of a word to behind the last of the same or another.

    What lies between parts, such as spaces and punctuation, belongs to none and stays.
    """

    text: str
    spans: tuple[tuple[int, int], ...]

    @property
    def parts(self) -> list[Part]:
        """The parts as places in the block that says which are there."""
        return [{PRESENT: (slice(place, place + 1),)} for place in range(len(self.spans))]

    def blocks(self, *, present: bool) -> Blocks:
        """Return the block that says that all parts are there, or none."""
        return {PRESENT: np.full((1, len(self.spans)), present)}

    def left(self, present: Bool[np.ndarray, "cases parts"]) -> list[str]:
        """Return what is left of the text when only these parts are there, one text for each case.

        >>> cut_text("Win a prize!").left(np.array([[True, False, True], [False, False, False]]))
        ['Win  prize!', '  !']
        """
        ends = [0, *(place for span in self.spans for place in span), len(self.text)]
        pieces = [self.text[start:stop] for start, stop in pairwise(ends)]  # between and in parts, by turns
        return [
            "".join(piece for number, piece in enumerate(pieces) if number % 2 == 0 or case[number // 2])
            for case in present.tolist()
        ]


def cut_text(text: str, *, most: int = MOST_PARTS) -> Cut:
    """Return a text with its words as parts; where there are more than `most`, each part is as many neighbors.

    >>> cut_text("It is, I say, so.", most=3).spans
    ((0, 5), (7, 12), (14, 16))
    """
    words = [found.span() for found in WORD.finditer(text)]
    size = max(1, -(-len(words) // most))
    groups = [words[start : start + size] for start in range(0, len(words), size)]
    return Cut(text=text, spans=tuple((group[0][0], group[-1][1]) for group in groups))
