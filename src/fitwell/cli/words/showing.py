"""Words and figures as lines, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fitwell.cli.lines import aligned

if TYPE_CHECKING:
    from fitwell.vectors import Neighbor


def neighbors_text(found: Sequence[Neighbor]) -> str:
    """Return words and similarities as aligned lines.

    >>> from fitwell.vectors import Neighbor
    >>> print(neighbors_text([Neighbor("queen", 0.75), Neighbor("heir", 0.5)]))
    queen  0.7500
    heir   0.5000
    """
    return aligned((word, f"{similarity:.4f}") for word, similarity in found)


def plain(found: Sequence[Neighbor]) -> list[dict[str, object]]:
    """Return words and similarities as JSON can hold them.

    >>> from fitwell.vectors import Neighbor
    >>> plain([Neighbor("queen", 0.75)])
    [{'word': 'queen', 'similarity': 0.75}]
    """
    return [{"word": word, "similarity": similarity} for word, similarity in found]
