"""How text becomes tokens: the settings, and the plain way to do it, a text at a time.

What most people set, the longest runs of word characters or of anything but white space, is also done by a compiled
loop over bytes (`interning.py`), with the same result. The plain way serves every other pattern.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from fitwell.errors import RequestError

Normalization = Literal["none", "NFC", "NFD", "NFKC", "NFKD"]

WHITE_SPACE = r"\S+"
CHARACTERS = 0x110000
ASCII = 128
NO_TOKEN, UNUSUAL = -1, -2
SIGMA = "Σ"  # its lower case depends on whether it ends a word

# Patterns that find the longest runs of some characters: those characters, and how many of them a run must have.
RUNS = {
    r"\S+": (r"\S", 1),
    r"(?u)\S+": (r"\S", 1),
    r"[^ \t\n\v\f\r\0]+": (r"[^ \t\n\v\f\r\0]", 1),
    r"\w+": (r"\w", 1),
    r"(?u)\w+": (r"\w", 1),
    r"\b\w+\b": (r"\w", 1),
    r"(?u)\b\w+\b": (r"\w", 1),
    r"\w\w+": (r"\w", 2),
    r"\b\w\w+\b": (r"\w", 2),
    r"(?u)\b\w\w+\b": (r"\w", 2),
}


@dataclass(frozen=True, kw_only=True)
class Tokenization:
    r"""How text becomes tokens: first normalized, then lowered, then every match of the pattern is a token.

    >>> Tokenization(lowercase=True, pattern=r"\w+").tokens("Don't STOP!")
    ['don', 't', 'stop']
    """

    pattern: str = WHITE_SPACE  # a regular expression; with a group in it, the group is the token
    lowercase: bool = False
    normalization: Normalization = "none"  # of Unicode; "none" leaves characters as they are

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        known = get_args(Normalization)
        if self.normalization not in known:
            raise RequestError(f'normalization must be one of {", ".join(known)}, but is "{self.normalization}"')
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise RequestError(
                f'the token pattern must be a regular expression, but "{self.pattern}" is not: {error}; try "\\w+"'
            ) from None
        if groups > 1:
            raise RequestError(
                f'the token pattern may have one group, but "{self.pattern}" has {groups}; '
                "write (?:...) for those that are not the token"
            )

    def prepared(self, text: str) -> str:
        """Return the text normalized and lowered."""
        text = text if self.normalization == "none" else unicodedata.normalize(self.normalization, text)
        return text.lower() if self.lowercase else text

    @property
    def find(self) -> Callable[[str], list[str]]:
        """The function that lists the tokens of a prepared text."""
        return re.compile(self.pattern).findall

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, the plain way."""
        return self.find(self.prepared(text))


def folding(characters: str, *, lowercase: bool, ascii_only: bool) -> npt.NDArray[np.int32]:
    r"""Return, for each character, the one that stands for it in a token, NO_TOKEN, or UNUSUAL.

    Unusual are characters whose lower case is not one character, or depends on its neighbors.

    >>> folding(r"\w", lowercase=True, ascii_only=True)[[ord("A"), ord("b"), ord("-")]].tolist()
    [97, 98, -1]
    """
    return _folding(characters, lowercase, ASCII if ascii_only else CHARACTERS)


@cache
def _folding(characters: str, lowercase: bool, count: int) -> npt.NDArray[np.int32]:
    all_of_them = "".join(map(chr, range(count)))
    folded = np.full(count, NO_TOKEN, np.int32)
    members = np.frombuffer("".join(re.findall(characters, all_of_them)).encode("utf-32-le", "surrogatepass"), "<i4")
    folded[members] = members
    if lowercase:
        for upper, lower in ((each, each.lower()) for each in all_of_them if each.lower() != each):
            usual = len(lower) == 1 and upper != SIGMA
            folded[ord(upper)] = folded[ord(lower)] if usual else UNUSUAL
    return folded
