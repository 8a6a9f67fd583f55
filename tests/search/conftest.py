"""What tests of searching share: a few documents, and an index of them."""

from __future__ import annotations

import numpy as np
import pytest

from fitwell.search import Index, index
from fitwell.vectors import Vectors

DOCUMENTS = {
    "cats": "The cat sat on the mat. Cats like mats.",
    "dogs": "A dog chased the cat, and the dog barked.",
    "wings": "Flow past a wing: lift grows with the angle.",
    "heat": "Heat flows along the wing of a fast aircraft.",
    "ünï": "Über Wärme: Tragflächen und Flüsse.",
    "nothing": "",
}


@pytest.fixture(scope="session")
def animals() -> Vectors:
    """Give words on three axes: animals, flight, and neither."""
    words = ("cat", "dog", "kitten", "wing", "aircraft", "lift", "the")
    rows = [[2, 0.1, 0.3], [1.8, 0.2, 1], [2, 0, 0.1], [0.1, 2, 0.7], [0, 1.9, 0.2], [0.2, 1.5, 1.4], [1, 1.2, 1.1]]
    return Vectors(words, np.array(rows, np.float32))


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, animals: Vectors) -> Index:
    """Give an index that ranks by every way that needs no other package; nothing may change it."""
    path = tmp_path_factory.mktemp("search") / "index"
    return index(DOCUMENTS, path, ways=("bm25", "tfidf", "words"), vectors=animals, stemmer="none").index
