"""A coarse copy of the rows that proves most of them out of the question, so that exact search need not read them.

**Why.** To find the nearest of a million words of width 300 by comparing with each means to read 1.2 GB, which takes
a tenth of a second however good the arithmetic is. So each row x gets a code c: five bits per coordinate, a sixth of
the bytes. A code is only near its row, but *how* near is known, and that is enough to be exact.

**The proof.** Cosine similarity is the cosine of an angle, and angles between directions obey the triangle
inequality. Let δ be the angle between x and its code c, measured when the code is made, and η the angle between the
question q and the rounded question r that is compared with codes. Then

    angle(x, q) ≥ angle(c, r) − δ − η

Say the k-th best similarity found so far is cos θ. A row can only enter the best k if angle(x, q) < θ, hence only if
angle(c, r) < θ + η + δ. Every other row is passed by without looking at it; the rest are computed exactly, from the
row itself in float64. Nothing is approximate in the answer. With φ = θ + η, and where φ + δ ≤ π (else the row is
looked at), dividing cos(c, r) ≥ cos(φ + δ) by cos δ makes it one product and one sum per row:

    (c·r) · u / |r| + sin φ · tan δ ≥ cos φ        with u = 1 / (|c| cos δ) = |x| / (x·c)

**Guess, then prove.** The first pass over the codes looks at the rows whose code seems better than the best so far;
their exact similarities give a θ that is nearly always final already. The second pass is the proof; it reuses the
sums c·r.

**How tight.** Rounding to 31 levels moves a bell-shaped row by δ ≈ 0.055. The ten nearest of a million random rows of
width 100 lie near cos θ = 0.43; θ + δ + η leaves the rows whose code shows a cosine above 0.37: a few hundred.

**Coordinates of unequal size** would waste levels, so level l of coordinate j stands for l·σ_j, where σ_j is the
larger of this coordinate's and the overall root mean square. The question is multiplied by σ_j in turn.

**Sixteen bits suffice.** |c·r| ≤ |c| |r| (Cauchy-Schwarz), so r is scaled until that product is below 2¹⁵: then the
sum fits 16 bits, and overflow on the way there does not matter, because addition wraps around. Thus a processor adds
16 or 32 rows at a time, and what binds is reading memory: a sixth of the matrix, and 8 bytes per row.

Rows lie side by side in blocks of `LANES`, three coordinates of a row in one 16-bit word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fitwell.compiled import to_be_read
from fitwell.vectors.search.coding import AT_A_TIME, BITS, LANES, OFFSET, PER_WORD, Codes, Questions
from fitwell.vectors.threads import over_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray


def coded(matrix: NDArray[np.float32]) -> Codes:
    """Return the codes of every row; all values must be finite."""
    from fitwell.vectors.search.kernels import encode

    rows, width = matrix.shape
    blocks, words = -(-rows // LANES), -(-width // (PER_WORD * AT_A_TIME)) * AT_A_TIME
    codes = Codes(
        packed=np.empty((blocks, words, LANES), np.uint16),
        scales=np.zeros((blocks, LANES), np.float32),
        tangents=np.zeros((blocks, LANES), np.float32),
        norms=np.empty(rows),
        levels=_levels(matrix),
        longest=1.0,
        widest_angle=0.0,
    )
    longest = over_parts(lambda first, last: encode(to_be_read(matrix), first, last, codes), blocks)
    return codes._replace(longest=max(longest), widest_angle=float(np.arctan(codes.tangents.max())))


def questioned(codes: Codes, directions: NDArray[np.float64]) -> Questions:
    """Round directions of length 1 as finely as 16 bits allow."""
    count, width = directions.shape
    weighted = directions * codes.levels
    # rounding adds at most half a level per coordinate to the length
    room = (2**15 - 1) / codes.longest - 0.5 * np.sqrt(width)
    rounded = np.rint(weighted * (room / np.linalg.norm(weighted, axis=1, keepdims=True)))
    seen = rounded / codes.levels
    lengths = np.linalg.norm(seen, axis=1)
    padded = np.zeros((count, codes.packed.shape[1] * PER_WORD), np.int64)
    padded[:, :width] = rounded
    return Questions(
        exact=np.ascontiguousarray(directions),
        multipliers=_for_whole_words(padded.reshape(count, -1, PER_WORD)),
        starts=(-OFFSET * padded.sum(axis=1)).astype(np.int16),
        factors=(1 / lengths).astype(np.float32),
        angles=_angles(directions, seen / lengths[:, None]),
    )


def _for_whole_words(rounded: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return what to multiply a word and its shifted copies with, so that its parts need not be cut out of it.

    A word is w = a + 2⁵ b + 2¹⁰ c; shifted it is w' = b + 2⁵ c and w'' = c. So a = w − 2⁵ w' and b = w' − 2⁵ w'', and
    a·x + b·y + c·z = w·x + w'·(y − 2⁵ x) + w''·(z − 2⁵ y), where wrapping around in 16 bits does not matter either.
    """
    multipliers = rounded.copy()
    multipliers[..., 1:] -= rounded[..., :-1] << BITS
    return multipliers.astype(np.int16)


def _levels(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    squares, chunk = np.zeros(matrix.shape[1]), 1 << 16
    for start in range(0, len(matrix), chunk):
        part = matrix[start : start + chunk]
        squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)
    each = np.sqrt(squares / max(len(matrix), 1))
    overall = float(np.sqrt((each**2).mean()))
    return np.maximum(each, overall if overall > 0 else 1.0)


def _angles(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    # by the chord: the arc cosine loses half its digits near 0
    return 2 * np.arcsin(np.minimum(np.linalg.norm(left - right, axis=1) / 2, 1))  # type: ignore[no-any-return]
