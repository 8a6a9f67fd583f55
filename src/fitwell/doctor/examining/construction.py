"""What cannot be right whatever the data: confirmed by looking, without a training.

Each check is a function and a line in a table. Its finding names the change that would put it right, so that what that
brings can be measured and said, even where it is small.
"""

from __future__ import annotations

from collections.abc import Callable

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.flaw import Flaw
from fitwell.doctor.examining.loss_flaws import (
    against_targets,
    broadcast_targets,
    climbing_loss,
    mismatched_output,
    mismatched_term,
    one_sided_loss,
    order_blind_loss,
    squared_error_of_classes,
    unasked_class,
    unasked_output,
    unasked_rows,
    undefined_loss,
)
from fitwell.doctor.examining.network_flaws import (
    cut_gradients,
    deaf_output,
    lone_shares,
    mixed_rows,
    no_gradient,
    nothing_to_train,
    restless_output,
    stale_statistics,
    unnumbered_rows,
    unregistered_weights,
)
from fitwell.doctor.examining.subject import Subject

Check = Callable[[Subject, Anatomy], Flaw | None]

CHECKS: tuple[Check, ...] = (
    nothing_to_train,
    unregistered_weights,
    no_gradient,
    unnumbered_rows,
    lone_shares,
    mismatched_output,
    mismatched_term,
    broadcast_targets,
    climbing_loss,
    order_blind_loss,
    one_sided_loss,
    unasked_class,
    unasked_output,
    unasked_rows,
    against_targets,
    stale_statistics,
    restless_output,
    undefined_loss,
    squared_error_of_classes,
    deaf_output,
    cut_gradients,
    mixed_rows,
)


def flaws(subject: Subject, anatomy: Anatomy) -> tuple[Flaw, ...]:
    """Return what is wrong by construction."""
    found = [check(subject, anatomy) for check in CHECKS]
    return tuple(each for each in found if each is not None)
