"""A stretch of a corpus is read once, and every window in it moves the vectors: by skip-gram, or by bags of words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled, inlined
from fitwell.words.kernels import windows as _windows
from fitwell.words.kernels.interning import Ids, Places, Whole
from fitwell.words.kernels.windows import TARGETS, Floats, plain_mean, plain_spread, plain_step

LONGEST = 10_000  # tokens that are read at a time; longer texts are cut, as by the original program
LOOKED_AT = 64  # of so many windows one tells its loss
FACTOR, ADDEND = np.uint64(6364136223846793005), np.uint64(1442695040888963407)  # Knuth's MMIX generator
UPPER, NUMBER_BITS, TOP_24 = np.uint64(32), np.uint64(24), np.uint64(40)

Kept = npt.NDArray[np.uint32]

# A type checker sees the first argument of an intrinsic, which numba gives.
prefetch: Any = _windows.prefetch
step: Any = _windows.step
mean: Any = _windows.mean
spread: Any = _windows.spread


@compiled
def next_random(state: Whole) -> Whole:
    """Return the generator's next state; its upper bits are the random ones."""
    return state * FACTOR + ADDEND


@compiled
def taken(ids: Ids, start: Whole, end: Whole, keep: Kept, state: Whole, text: Ids) -> tuple[Whole, Whole]:
    """Write the words of a stretch that are in the vocabulary and not skipped; return how many, and the state.

    Words from `len(keep)` on are too rare to be known; a known one stays with probability keep / 2^32.
    """
    count = 0
    for place in range(start, end):
        word = ids[place]
        if word < len(keep):
            state = next_random(state)
            text[count] = word
            count += np.uint32(state >> UPPER) <= keep[word]
    return count, state


@compiled
def mark_repeated(targets: Ids, drawn: int, rate: Any, rates: Floats) -> None:
    """Give each target the rate, and 0 to one that stands there already: a word counts once a window."""
    for j in range(drawn + 1):
        rates[j] = rate
        for earlier in range(j):
            if targets[earlier] == targets[j]:
                rates[j] = np.float32(0.0)


@compiled
def loss_of(gradients: Floats, rates: Floats, words: Whole, drawn: int) -> float:
    """Return minus the logarithm of the probability that a window's words belong together and the drawn ones do not."""
    loss = 0.0
    for p in range(words):
        for j in range(drawn + 1):
            if rates[j] > 0:
                error = min(abs(gradients[p, j] / rates[j]), np.float32(0.9999))
                loss -= np.log(1.0 - error)
    return loss


@compiled
def around(text: Ids, count: Whole, place: Whole, reach: Whole, context: Ids) -> Whole:
    """Write the words up to so far from a place; return how many."""
    words = 0
    for other in range(max(0, place - reach), min(count, place + reach + 1)):
        if other != place:
            context[words] = text[other]
            words += 1
    return words


@inlined
def moved(
    inputs: Floats,
    outputs: Floats,
    context: Ids,
    targets: Ids,
    words: Whole,
    drawn: Whole,
    gradients: Floats,
    rates: Floats,
    moves: Floats,
    wide: Any,
) -> None:
    """Take the step of one window, with vector instructions or with plain loops."""
    if wide is None:
        plain_step(inputs, outputs, context, targets, words, drawn, gradients, rates, moves)
    else:
        step(
            inputs.ctypes.data,
            outputs.ctypes.data,
            context.ctypes.data,
            targets.ctypes.data,
            words,
            gradients.ctypes.data,
            rates.ctypes.data,
            wide[0],
            wide[1],
        )


@inlined
def averaged(inputs: Floats, context: Ids, words: Whole, bag: Floats, wide: Any) -> None:
    """Write the mean of the context to a bag, with vector instructions or with plain loops."""
    if wide is None:
        plain_mean(inputs, context, words, bag)
    else:
        mean(inputs.ctypes.data, context.ctypes.data, words, bag.ctypes.data, wide[0])


@inlined
def returned(inputs: Floats, context: Ids, words: Whole, bag: Floats, wide: Any) -> None:
    """Move each context word as the bag was moved, with vector instructions or with plain loops."""
    if wide is None:
        plain_spread(inputs, context, words, bag)
    else:
        spread(inputs.ctypes.data, context.ctypes.data, words, bag.ctypes.data, wide[0])


def scratch_size(width: int, window: int) -> int:
    """Return how many numbers `read` needs to work with."""
    return (TARGETS + 2) * width + TARGETS * (2 * window + 1)


@compiled
def read(
    ids: Ids,
    ends: Places,
    begin: int,
    keep: Kept,
    draws: Ids,
    inputs: Floats,
    outputs: Floats,
    scratch: Floats,
    window: int,
    drawn: int,
    is_bag: bool,
    rate: float,
    fall: float,
    seed: Whole,
    wide: Any,
) -> tuple[int, float]:
    """Learn from texts that end at `ends`, the first beginning at `begin`; return pairs looked at, and their loss.

    The rate falls by `fall` with each token. `draws` is a stream of drawn words, its length a power of two. `wide` is
    None for plain loops, or two tuples, as long as a row has vectors and as there are drawn words. `scratch` has a
    row's width TARGETS times for sums and twice for a bag, then the gradients and the rates (see `scratch_size`).
    """
    width = inputs.shape[1]
    rows = (TARGETS + 2) * width
    moves = scratch[: TARGETS * width].reshape(TARGETS, width)
    bag = scratch[TARGETS * width : rows].reshape(2, width)
    gradients = scratch[rows : rows + TARGETS * 2 * window].reshape(2 * window, TARGETS)
    rates = scratch[rows + TARGETS * 2 * window :]
    alone = np.zeros(1, np.int32)  # the only context word of a bag
    text, context, targets = np.empty(LONGEST, np.int32), np.empty(2 * window, np.int32), np.zeros(TARGETS, np.int32)
    state = next_random(seed)
    last = len(draws) - 1
    draw = np.int64(state >> UPPER) & last
    first, windows, looked_at, loss = begin, 0, 0, 0.0
    for end in ends:
        while begin < end:
            now = np.float32(rate - fall * (begin - first))
            cut = min(begin + LONGEST, end)
            count, state = taken(ids, begin, cut, keep, state, text)
            begin = cut
            for place in range(count):
                state = next_random(state)
                reach = window - np.int64(((state >> TOP_24) * np.uint64(window)) >> NUMBER_BITS)
                words = around(text, count, place, reach, context)
                if words == 0:
                    continue
                targets[0] = text[place]
                for j in range(drawn):
                    targets[j + 1] = draws[(draw + j) & last]
                draw = (draw + drawn) & last
                mark_repeated(targets, drawn, now, rates)
                if wide is not None:  # the rows of the next window are fetched while this one is worked on
                    for j in range(drawn):
                        prefetch(outputs.ctypes.data, np.int64(draws[(draw + j) & last]), wide[0])
                    prefetch(outputs.ctypes.data, np.int64(text[min(place + 1, count - 1)]), wide[0])
                    prefetch(inputs.ctypes.data, np.int64(text[min(place + window + 1, count - 1)]), wide[0])
                if is_bag:
                    averaged(inputs, context, words, bag, wide)
                    moved(bag, outputs, alone, targets, 1, drawn, gradients, rates, moves, wide)
                    returned(inputs, context, words, bag, wide)
                    words = 1
                else:
                    moved(inputs, outputs, context, targets, words, drawn, gradients, rates, moves, wide)
                if windows % LOOKED_AT == 0:
                    looked_at += words
                    loss += loss_of(gradients, rates, words, drawn)
                windows += 1
    return looked_at, loss
