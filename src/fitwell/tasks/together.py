"""What the members of a population say together: the mean of their predictions, and how far they disagree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fitwell.tasks.losses import Form


@dataclass(frozen=True, kw_only=True, eq=False)
class Together:
    """The members' mean, and for each row a number from 0 on that says how far they are apart."""

    members: int
    mean: np.ndarray  # (rows, columns)
    disagreement: np.ndarray  # (rows,)


def together(form: Form, predictions: Iterable[np.ndarray]) -> Together:
    """Return what members say together of the same rows; of any number of members one at a time is held.

    They disagree, about classes, by the share of members that do not choose the most frequent choice; about labels and
    values, by the standard deviation over members, as a mean over the columns.

    >>> said = together("values", [np.array([[1.0]]), np.array([[3.0]])])
    >>> said.mean.tolist(), said.disagreement.tolist()
    ([[2.0]], [1.0])
    """
    members, squares, choices = 0, np.zeros(()), None
    for members, of_member in enumerate(predictions, 1):
        if members == 1:
            total = mean = of_member
        else:  # Welford's (1962) update, which loses no digits where members nearly agree
            total = total + of_member
            apart = of_member - mean
            mean = mean + apart / members
            squares = squares + apart * (of_member - mean)
        if form == "classes":
            choices = np.zeros(of_member.shape, dtype=np.int32) if choices is None else choices
            choices[np.arange(len(of_member)), of_member.argmax(1)] += 1
    assert members, "a population has members"
    if members == 1:
        disagreement = np.zeros(len(total))
    elif choices is not None:
        disagreement = 1 - choices.max(1) / members
    else:
        disagreement = np.sqrt(squares / members).mean(1)
    return Together(members=members, mean=total / members, disagreement=disagreement)
