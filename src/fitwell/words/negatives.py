"""The stream of drawn words: what a window's words are told apart from.

Words drawn one by one lie anywhere in the vocabulary, and waiting for their vectors takes longer than computing with
them. So a stream first draws `NEAR` places for words, fills them in `ROUNDS` orders, one after the other, and goes on
with new ones. Each word comes as often as before, and next to any other, but from its first time to its last its vector
stays near the processor. As the draws of one round are independent, and a place comes once a round, windows that
follow each other are told apart from different words, as they should be.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FEWEST, MOST = 2**12, 2**21  # drawn words of a stream; it is read around and around, each block from another place
A_TOKEN = 8  # drawn words for each token, where that is not too many
NEAR = 256  # words whose vectors a core's own cache holds beside all else
ROUNDS = 4  # more cost quality: a word would be told apart from its surroundings too often at a time


def drawn_words(
    counts: npt.NDArray[np.int64], *, exponent: float, generator: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Return words drawn in proportion to a power of their counts, in random order; how many is a power of two.

    The draws are spread evenly over the distribution, so that each word comes as often as it should, up to one.

    >>> words = drawn_words(np.array([900, 100]), exponent=1.0, generator=np.random.default_rng(0))
    >>> round(float(np.mean(words == 0)), 3)
    0.9
    """
    wanted = int(np.clip(A_TOKEN * counts.sum(), FEWEST, MOST))
    size = 1 << (wanted - 1).bit_length()
    shares = counts.astype(np.float64) ** exponent
    upper = np.cumsum(shares) / shares.sum()
    points = (np.arange(size) + generator.random(size)) / size
    # Both rise, and there are far fewer words than points: so each word finds where its points end.
    ends = np.searchsorted(points, upper, side="right")
    ends[-1] = size  # rounded, the last sum may be below 1
    words = np.repeat(np.arange(len(counts), dtype=np.int32), np.diff(ends, prepend=0))
    # What comes in one place is one word, or some that are about as rare.
    places = words.reshape(-1, ROUNDS).take(generator.permutation(np.arange(size // ROUNDS, dtype=np.int32)), axis=0)
    orders = np.stack([generator.permutation(NEAR) for _ in range(ROUNDS)])
    return places.reshape(-1, NEAR, ROUNDS)[:, orders, np.arange(ROUNDS)[:, None]].reshape(-1)
