"""What all formats have in common: which words a file can hold, and what is done with words that come twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fitwell.errors import RequestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    T = TypeVar("T", bound=np.generic)

MARK = b"\xef\xbb\xbf"  # of byte order; some editors put it before UTF-8


def without_copies(words: Sequence[str], matrix: NDArray[T]) -> tuple[tuple[str, ...], NDArray[T], int]:
    """Return the words and rows without those that came before, and how many these were.

    >>> import numpy as np
    >>> without_copies(["a", "b", "a"], np.float32([[1], [2], [3]]))
    (('a', 'b'), array([[1.], [2.]], dtype=float32), 1)
    """
    first = dict(zip(reversed(words), range(len(words) - 1, -1, -1), strict=True))
    copies = len(words) - len(first)
    if not copies:
        return tuple(words), matrix, 0
    rows = sorted(first.values())
    return tuple(words[row] for row in rows), matrix[rows], copies


def require_plain(words: Sequence[str]) -> None:
    """Check that words can be told from what surrounds them.

    Raises:
        RequestError: a word holds a space, a tab, a line end or a zero byte, or is empty.
    """
    joined = "\n".join(words)
    if all(words) and joined.count("\n") == len(words) - 1 and not re.search(r"[ \t\r\0]", joined):
        return
    odd = next((word for word in words if not word or re.search(r"[ \t\r\n\0]", word)), None)
    if odd is not None:
        raise RequestError(
            f'words that are empty or hold spaces cannot be told apart in this format, but there is "{odd}"; write '
            "safetensors"
        )


def cut_off(path: Path, *, promised: int, found: int) -> str:
    """Word that a file ends before it should."""
    return (
        f"{path}: the header promises {promised:,} words, but the file ends after {found:,}; it may be cut off: get it "
        f"again, or read what is there with limit={found}"
    )
