"""Vectors are moved and projected as linear algebra says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from fitwell.errors import RequestError
from fitwell.vectors import Vectors, centered, principal, unit, without_top


@pytest.fixture
def cloud() -> Vectors:
    """Give many rows with a common mean and three directions of large spread."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((200, 6)) * [9, 5, 3, 1, 1, 1] @ np.linalg.qr(generator.standard_normal((6, 6)))[0]
    return Vectors(tuple(map(str, range(200))), (rows + 4).astype(np.float32))


def test_principal_directions_are_those_of_scikit_learn(cloud: Vectors) -> None:
    ours, theirs = principal(cloud.matrix, 3), PCA(3, svd_solver="full").fit(cloud.matrix.astype(np.float64))
    assert ours.shares == pytest.approx(theirs.explained_variance_ratio_)
    for direction, expected in zip(ours.directions, theirs.components_, strict=True):
        assert abs(direction @ expected) == pytest.approx(1)
        assert direction[np.abs(direction).argmax()] > 0
    assert np.abs(ours.points) == pytest.approx(np.abs(theirs.transform(cloud.matrix.astype(np.float64))), abs=1e-9)


def test_rows_become_of_length_one_or_stay_zero(royals: Vectors) -> None:
    lengths = np.linalg.norm(unit(royals).matrix, axis=1)
    assert lengths == pytest.approx([1, 1, 1, 1, 1, 0], abs=1e-6)


def test_the_mean_becomes_zero(cloud: Vectors) -> None:
    assert centered(cloud).matrix.mean(axis=0) == pytest.approx(0, abs=1e-5)


def test_the_shared_directions_are_taken_out(cloud: Vectors) -> None:
    left = without_top(cloud, 2)
    assert np.linalg.matrix_rank(left.matrix, tol=1e-3) == 4
    top = PCA(2, svd_solver="full").fit(cloud.matrix.astype(np.float64)).components_
    assert left.matrix @ top.T == pytest.approx(0, abs=1e-4)


def test_what_was_done_is_kept_with_the_vectors(cloud: Vectors) -> None:
    assert unit(without_top(cloud, 1)).made == {"changed": ["without_top 1", "unit"]}


def test_more_directions_than_the_width_are_refused(cloud: Vectors) -> None:
    with pytest.raises(RequestError, match="1 to 6 principal directions, but 7 were asked for"):
        principal(cloud.matrix, 7)


def test_equal_rows_explain_nothing() -> None:
    projection = principal(np.ones((4, 3), np.float32), 2)
    assert projection.shares.tolist() == [0, 0]
    assert (projection.points == 0).all()
