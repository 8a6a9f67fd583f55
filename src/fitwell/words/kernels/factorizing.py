"""One pair of words moves its vectors so that their product comes nearer to the logarithm of how often they meet.

For word i with vector w and bias b, and word j near it with vector c and bias d, the error is e = w c + b + d - ln x,
and the loss f e^2 / 2 with the weight f = min(1, (x / x_max)^0.75). AdaGrad divides each number's step by the root of
what its squared steps have added up to, 1 at the beginning: with g = rate f e c_k, w_k -= g / sqrt(s_k), s_k += g^2,
and in the same way for c, b and d, all from the values before.

`product` and `move` emit this as vector instructions, sixteen numbers wide, with the processor's estimate y of
1 / sqrt(s), made twice as exact by one step of Newton's method, y (3 - s y^2) / 2: a root and a division take ten times
as long. `plain_product` and `plain_move` do the same in plain loops, where a processor is not that wide.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fitwell.compiled import compiled, inlined, vectorized
from fitwell.words.kernels import row_steps as _steps
from fitwell.words.kernels.interning import Ids, Whole
from fitwell.words.kernels.reading import prefetch
from fitwell.words.kernels.windows import Floats

WORD_BIAS, CONTEXT_BIAS, WORD_SQUARE, CONTEXT_SQUARE = range(4)  # the columns of biases

# A type checker sees the first argument of an intrinsic, which numba gives.
product: Any = _steps.product
move: Any = _steps.move_apart


@vectorized
def plain_product(word: Floats, context: Floats) -> Any:
    """Return the product of two vectors."""
    total = np.float32(0.0)
    for k in range(len(word)):
        total += word[k] * context[k]
    return total


@vectorized
def plain_move(word: Floats, context: Floats, word_squares: Floats, context_squares: Floats, pull: Any) -> None:
    """Move two vectors against a pull, and remember its squares."""
    for k in range(len(word)):
        of_word, of_context = pull * context[k], pull * word[k]
        word[k] -= of_word / np.sqrt(word_squares[k])
        context[k] -= of_context / np.sqrt(context_squares[k])
        word_squares[k] += of_word * of_word
        context_squares[k] += of_context * of_context


@inlined
def told_near(
    i: Whole,
    j: Whole,
    log_count: Any,
    share: Any,
    rate: Any,
    words: Floats,
    contexts: Floats,
    word_squares: Floats,
    context_squares: Floats,
    biases: Floats,
    wide: Any,
) -> Any:
    """Take the step of one pair, and return its loss before."""
    if len(wide) == 0:
        near = plain_product(words[i], contexts[j])
    else:
        near = product(words.ctypes.data, np.int64(i), contexts.ctypes.data, np.int64(j), wide[0])
    error = near + biases[i, WORD_BIAS] + biases[j, CONTEXT_BIAS] - log_count
    pull = rate * share * error
    if len(wide) == 0:
        plain_move(words[i], contexts[j], word_squares[i], context_squares[j], pull)
    else:
        move(
            words.ctypes.data,
            word_squares.ctypes.data,
            np.int64(i),
            contexts.ctypes.data,
            context_squares.ctypes.data,
            np.int64(j),
            pull,
            wide[0],
        )
    biases[i, WORD_BIAS] -= pull / np.sqrt(biases[i, WORD_SQUARE])
    biases[j, CONTEXT_BIAS] -= pull / np.sqrt(biases[j, CONTEXT_SQUARE])
    biases[i, WORD_SQUARE] += pull * pull
    biases[j, CONTEXT_SQUARE] += pull * pull
    return 0.5 * share * error * error


@compiled
def factorize(
    rows: Ids,
    columns: Ids,
    counts: Floats,
    words: Floats,
    contexts: Floats,
    word_squares: Floats,
    context_squares: Floats,
    biases: Floats,
    most: float,
    rate: float,
    wide: Any,
) -> tuple[int, float]:
    """Learn from pairs, one after the other; return how many, and the sum of their losses.

    A pair of different words is two, one in each direction. `most` is x_max. Unless `wide`, which is as for
    `reading.read`, is (), rows are fetched ahead.
    """
    pairs, loss, speed = 0, 0.0, np.float32(rate)
    for place in range(len(rows)):
        if len(wide) > 0:
            ahead = min(place + 2, len(rows) - 1)
            for matrix in (words, contexts, word_squares, context_squares):
                prefetch(matrix.ctypes.data, np.int64(rows[ahead]), wide[0])
                prefetch(matrix.ctypes.data, np.int64(columns[ahead]), wide[0])
        i, j, count = rows[place], columns[place], counts[place]
        log_count = np.float32(np.log(count))
        share = np.float32(min(1.0, (count / most) ** 0.75))
        loss += told_near(i, j, log_count, share, speed, words, contexts, word_squares, context_squares, biases, wide)
        pairs += 1
        if i != j:
            loss += told_near(
                j, i, log_count, share, speed, words, contexts, word_squares, context_squares, biases, wide
            )
            pairs += 1
    return pairs, loss
