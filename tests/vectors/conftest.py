"""What tests of word vectors share: what the original tools said, and a few words to look up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fitwell.vectors import Vectors

ORIGINALS = Path(__file__).parent / "originals"

collect_ignore = ["originals/make.py"]  # it needs the original tools


@pytest.fixture(scope="session")
def said() -> dict[str, Any]:
    """Give what gensim and fastText say of the files in `originals`."""
    read: dict[str, Any] = json.loads((ORIGINALS / "said.json").read_text(encoding="utf-8"))
    return read


@pytest.fixture
def royals() -> Vectors:
    """Give words on two axes: male to female, common to royal."""
    words = ("man", "woman", "king", "queen", "prince", "zero")
    return Vectors(words, np.array([[1, 0], [-1, 0.1], [1, 2], [-1, 2.1], [1, 1], [0, 0]], np.float32))
