"""Text as a terminal may show it: nothing invisible in a line, and cells in columns."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence


def one_line(text: str) -> str:
    r"""Return the text with everything unprintable written out: a column's name may hold line ends or worse.

    >>> print(one_line("a\nb\x1b[2J"))
    a\nb\x1b[2J
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def aligned(rows: Iterable[Sequence[str]], *, right: Container[int] = ()) -> str:
    """Return rows of cells as lines whose columns start at the same place, or end there if their number is in `right`.

    The last cell of a row is as long as it is.

    >>> print(aligned([("accuracy", "0.9", "0.8 to 1"), ("lift", "12.1")], right=[1]))
    accuracy   0.9  0.8 to 1
    lift      12.1
    """
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in shown:
        for column, cell in enumerate(row):
            if column in right or column < len(row) - 1:
                widths[column] = max(widths.get(column, 0), len(cell))
    return "\n".join(
        "  ".join(
            cell.rjust(widths[column]) if column in right else cell.ljust(widths.get(column, 0))
            for column, cell in enumerate(row)
        ).rstrip()
        for row in shown
    )
