"""Word vectors as a value, and their file formats."""

from fitwell.vectors.contents import Contents
from fitwell.vectors.geometry import Projection, centered, principal, unit, without_top
from fitwell.vectors.subwords import Subwords
from fitwell.vectors.value import Neighbor, Vectors, load

__all__ = [
    "Contents",
    "Neighbor",
    "Projection",
    "Subwords",
    "Vectors",
    "centered",
    "load",
    "principal",
    "unit",
    "without_top",
]
