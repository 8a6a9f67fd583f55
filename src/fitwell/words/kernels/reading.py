"""A stretch of a corpus is read once, and every window in it moves the vectors: by skip-gram, or by bags of words.

A word's vector may be the mean of several rows: its own and those of its parts (fastText). Each move of the vector is a
move of all these rows, and so of their mean. A token therefore gets its vector when it comes into reach, keeps it in
the nearest cache while windows move it, and when it is out of reach, its rows are moved once by what has come together:
two passes over the rows of each token, where the original program takes two for each pair of tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fitwell.compiled import compiled, inlined
from fitwell.words.kernels import windows as _windows
from fitwell.words.kernels.interning import NOUGHT, Ids, Places, Whole
from fitwell.words.kernels.windows import TARGETS, Floats, plain_mean, plain_spread, plain_step

LONGEST = 10_000  # tokens that are read at a time; longer texts are cut, as by the original program
LOOKED_AT = 64  # of so many windows one tells its loss
FACTOR, ADDEND = np.uint64(6364136223846793005), np.uint64(1442695040888963407)  # Knuth's MMIX generator
UPPER, NUMBER_BITS, TOP_24 = np.uint64(32), np.uint64(24), np.uint64(40)

Kept = npt.NDArray[np.uint32]
Flag = npt.NDArray[np.bool_]  # (1,)
# Of each word its rows, or the nodes on its way and their turns, end to end; and where those of each word begin.
Parts = tuple[Ids, Places]
Ways = tuple[Ids, Floats, Places]

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
def located(text: Ids, count: Whole, own: int, further: int, rows: Ids) -> None:
    """Write the rows of words: those from `own` on lie so many rows further."""
    for place in range(count):
        rows[place] = text[place] + further * (text[place] >= own)


@compiled
def mark_repeated(targets: Ids, drawn: int, rate: Any, aims: Floats) -> None:
    """Aim the first target at 1 and the others at 0; one that stands there already gets the rate 0, and counts once."""
    for j in range(drawn + 1):
        aims[0, j] = rate
        aims[1, j] = np.float32(j == 0)
        for earlier in range(j):
            if targets[earlier] == targets[j]:
                aims[0, j] = np.float32(0.0)


@compiled
def aim_along(ways: Ways, first: Whole, last: Whole, rate: Any, targets: Ids, aims: Floats) -> None:
    """Aim at the turns of a way from node `first` to before `last`, at most TARGETS; what room is left does nothing."""
    nodes, turns, _ = ways
    for j in range(TARGETS):
        there = first + j < last
        targets[j] = nodes[first + j] if there else nodes[first]
        aims[0, j] = rate if there else np.float32(0.0)
        aims[1, j] = turns[first + j] if there else np.float32(0.0)


@compiled
def loss_of(gradients: Floats, aims: Floats, words: Whole, drawn: int) -> float:
    """Return minus the logarithm of the probability that the model gives to the truths of a window's targets."""
    loss = 0.0
    for p in range(words):
        for j in range(drawn + 1):
            if aims[0, j] > 0:
                error = min(abs(gradients[p, j] / aims[0, j]), np.float32(0.9999))
                loss -= np.log(1.0 - error)
    return loss


@compiled
def around(rows: Ids, count: Whole, place: Whole, reach: Whole, context: Ids) -> Whole:
    """Write the rows of the tokens up to so far from a place; return how many."""
    words = 0
    for other in range(max(0, place - reach), min(count, place + reach + 1)):
        if other != place:
            context[words] = rows[other]
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
    aims: Floats,
    moves: Floats,
    wide: Any,
) -> None:
    """Take the step of one window, with vector instructions or with plain loops."""
    if len(wide) == 0:
        plain_step(inputs, outputs, context, targets, words, drawn, gradients, aims, moves)
    else:
        step(
            inputs.ctypes.data,
            outputs.ctypes.data,
            context.ctypes.data,
            targets.ctypes.data,
            words,
            gradients.ctypes.data,
            aims.ctypes.data,
            wide[0],
            wide[1],
        )


@inlined
def averaged(inputs: Floats, context: Ids, words: Whole, bag: Floats, wide: Any) -> None:
    """Write the mean of the context to a bag, with vector instructions or with plain loops."""
    if len(wide) == 0:
        plain_mean(inputs, context, words, bag)
    else:
        mean(inputs.ctypes.data, context.ctypes.data, words, bag.ctypes.data, wide[0])


@inlined
def returned(inputs: Floats, context: Ids, words: Whole, bag: Floats, wide: Any) -> None:
    """Move each context word as the bag was moved, with vector instructions or with plain loops."""
    if len(wide) == 0:
        plain_spread(inputs, context, words, bag)
    else:
        spread(inputs.ctypes.data, context.ctypes.data, words, bag.ctypes.data, wide[0])


@inlined
def composed(
    inputs: Floats, parts: Parts, text: Ids, rows: Ids, first: Whole, last: Whole, vectors: Floats, wide: Any
) -> None:
    """Give the tokens from a place to before another their vectors."""
    for place in range(first, last):
        row, until = parts[1][text[place]], parts[1][text[place] + 1]
        averaged(inputs, parts[0][row:until], until - row, vectors[rows[place] :], wide)


@inlined
def taken_back(
    inputs: Floats, parts: Parts, text: Ids, rows: Ids, first: Whole, last: Whole, vectors: Floats, wide: Any
) -> None:
    """Move the rows of the tokens from a place to before another as their vectors were moved."""
    for place in range(max(0, first), last):
        row, until = parts[1][text[place]], parts[1][text[place] + 1]
        returned(inputs, parts[0][row:until], until - row, vectors[rows[place] :], wide)


@inlined
def aimed(
    word: Whole,
    row: Whole,
    node: Whole,
    draws: Ids,
    draw: Whole,
    ways: Ways | None,
    drawn: Whole,
    now: Any,
    targets: Ids,
    aims: Floats,
) -> Whole:
    """Choose what tells a word: nodes on its way from one on, or its row and drawn ones; return the next draw."""
    if ways is None:
        last = len(draws) - 1
        targets[0] = row
        for j in range(drawn):
            targets[j + 1] = draws[(draw + j) & last]
        mark_repeated(targets, drawn, now, aims)
        draw = (draw + drawn) & last
    else:
        aim_along(ways, node, ways[2][word + 1], now, targets, aims)
    return draw


@inlined
def told(
    x: Floats,
    outputs: Floats,
    context: Ids,
    words: Whole,
    word: Whole,
    row: Whole,
    draws: Ids,
    draw: Whole,
    ways: Ways | None,
    drawn: Whole,
    now: Any,
    looks: bool,
    targets: Ids,
    gradients: Floats,
    aims: Floats,
    moves: Floats,
    wide: Any,
) -> tuple[Whole, float]:
    """Take the steps that tell a word from its context, one or a few along its way; return the next draw and the loss.

    The loss is 0 unless it is asked for.
    """
    node, until = (NOUGHT, 1) if ways is None else (ways[2][word], ways[2][word + 1])
    loss = 0.0
    while node < until:
        draw = aimed(word, row, node, draws, draw, ways, drawn, now, targets, aims)
        moved(x, outputs, context, targets, words, drawn, gradients, aims, moves, wide)
        if looks:
            loss += loss_of(gradients, aims, words, drawn)
        node += TARGETS
    return draw, loss


@inlined
def fetched(
    text: Ids,
    rows: Ids,
    count: Whole,
    place: Whole,
    ahead: Whole,
    draws: Ids,
    draw: Whole,
    ways: Ways | None,
    drawn: Whole,
    inputs: Floats,
    outputs: Floats,
    parts: Parts | None,
    wide: Any,
) -> None:
    """Begin to fetch the rows of the window after this one, where these are known."""
    if len(wide) == 0 or ways is not None:
        return
    last = len(draws) - 1
    for j in range(drawn):
        prefetch(outputs.ctypes.data, np.int64(draws[(draw + drawn + j) & last]), wide[0])
    prefetch(outputs.ctypes.data, np.int64(rows[min(place + 1, count - 1)]), wide[0])
    if parts is None:
        prefetch(inputs.ctypes.data, np.int64(rows[min(place + ahead, count - 1)]), wide[0])
    else:
        coming = text[min(place + ahead, count - 1)]
        for row in parts[0][parts[1][coming] : parts[1][coming + 1]]:
            prefetch(inputs.ctypes.data, np.int64(row), wide[0])


def scratch_size(width: int, window: int) -> int:
    """Return how many numbers `read` needs to work with."""
    return (TARGETS + 2 + 2 * (2 * window + 1)) * width + TARGETS * (2 * window + 2)


@compiled
def read(
    ids: Ids,
    ends: Places,
    begin: int,
    keep: Kept,
    draws: Ids,
    ways: Ways | None,
    inputs: Floats,
    outputs: Floats,
    own: int,
    further: int,
    parts: Parts | None,
    scratch: Floats,
    window: int,
    drawn: int,
    is_bag: bool,
    rate: float,
    fall: float,
    seed: Whole,
    stopped: Flag,
    wide: Any,
) -> tuple[int, int, float]:
    """Learn from texts that end at `ends`, the first beginning at `begin`, until somebody has `stopped` it.

    Return how many texts were read, pairs looked at, and their loss; and stop the others, who have the same `stopped`.
    The rate falls by `fall` with each token. `draws` is a stream of drawn words, its length a power of two; where there
    are `ways`, words are told by these, `drawn` is TARGETS - 1, and the stream is not read. The rows of words from
    `own` on lie `further` on; the stream has rows already. Without `parts` a word has one row. `wide` is () for plain
    loops, or two tuples, as long as a row has vectors and as `drawn`. `scratch` has a row's width TARGETS times for
    sums, twice for a bag and twice for each token in reach, then the gradients, and the rates and truths (see
    `scratch_size`).
    """
    width, reached = inputs.shape[1], 2 * window + 1
    rows_of_bag = (TARGETS + 2) * width
    rows_of_all = rows_of_bag + 2 * reached * width
    moves = scratch[: TARGETS * width].reshape(TARGETS, width)
    bag = scratch[TARGETS * width : rows_of_bag].reshape(2, width)
    vectors = scratch[rows_of_bag:rows_of_all].reshape(2 * reached, width)  # of each token in reach: now, and at first
    gradients = scratch[rows_of_all : rows_of_all + TARGETS * 2 * window].reshape(2 * window, TARGETS)
    aims = scratch[rows_of_all + TARGETS * 2 * window :].reshape(2, TARGETS)
    alone = np.zeros(1, np.int32)  # the only context word of a bag
    text, rows = np.empty(LONGEST, np.int32), np.empty(LONGEST, np.int32)
    around_it, targets = np.empty(2 * window, np.int32), np.zeros(TARGETS, np.int32)
    slots = (np.arange(LONGEST) % reached * 2).astype(np.int32)  # of the vectors: as many tokens on, the same again
    state = next_random(seed)
    draw = np.int64(state >> UPPER) & (len(draws) - 1)
    first, texts, windows, looked_at, loss = begin, 0, 0, 0, 0.0
    for end in ends:
        if stopped[0]:
            break
        texts += 1
        while begin < end:
            now = np.float32(rate - fall * (begin - first))
            cut = min(begin + LONGEST, end)
            count, state = taken(ids, begin, cut, keep, state, text)
            located(text, count, own, further, rows)
            begin, entered = cut, NOUGHT
            for place in range(count):
                state = next_random(state)
                reach = window - np.int64(((state >> TOP_24) * np.uint64(window)) >> NUMBER_BITS)
                if parts is None:
                    source, words = inputs, around(rows, count, place, reach, around_it)
                else:
                    composed(inputs, parts, text, slots, entered, min(count, place + window + 1), vectors, wide)
                    entered = min(count, place + window + 1)
                    source, words = vectors, around(slots, count, place, reach, around_it)
                fetched(text, rows, count, place, window + 1, draws, draw, ways, drawn, inputs, outputs, parts, wide)
                if words > 0:
                    x, context, several = source, around_it, words
                    if is_bag:
                        averaged(source, around_it, words, bag, wide)
                        x, context, several = bag, alone, 1
                    looks = windows % LOOKED_AT == 0
                    draw, its_loss = told(
                        x,
                        outputs,
                        context,
                        several,
                        text[place],
                        rows[place],
                        draws,
                        draw,
                        ways,
                        drawn,
                        now,
                        looks,
                        targets,
                        gradients,
                        aims,
                        moves,
                        wide,
                    )
                    if is_bag:
                        returned(source, around_it, words, bag, wide)
                    loss += its_loss
                    looked_at += several * looks
                    windows += 1
                if parts is not None:  # the token that is out of reach now; behind the last place, all that are left
                    out = place - window + 1 if place < count - 1 else count
                    taken_back(inputs, parts, text, slots, place - window, out, vectors, wide)
    stopped[0] = True
    return texts, looked_at, loss
