"""Texts are told by their labels: a text's vector is the mean of its rows, and one step of training moves both.

With x the mean of the text's n rows, o_l the vectors of the labels and e_l = truth_l - P(l), one step of gradient
ascent on the logarithm of the likelihood is o_l += rate e_l x for every label, and, with the labels' vectors as they
were before, each of the n rows += rate / n sum_l e_l o_l.

The losses differ in P and in which labels are looked at: all of them, with probabilities that sum to 1 (softmax) or
that each stand alone (one-vs-all); the text's own label and some drawn ones (negative sampling); or the nodes on the
way to the label (hierarchical softmax), with one vector for each node instead of each label.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fitwell.compiled import compiled, inlined, vectorized
from fitwell.words.kernels import row_steps as _steps
from fitwell.words.kernels.interning import Ids, Places, Whole
from fitwell.words.kernels.reading import LOOKED_AT, UPPER, Ways, averaged, next_random, returned
from fitwell.words.kernels.windows import Floats, logistic

# A type checker sees the first argument of an intrinsic, which numba gives.
product: Any = _steps.product
add_both: Any = _steps.add_both

SOFTMAX, ONE_VS_ALL, NEGATIVE_SAMPLING, HIERARCHICAL_SOFTMAX = range(4)
WORD, UNKNOWN_LABEL = -1, -2  # what a token may be, where it is not a label that is known
NEXT_WORD = np.uint64(116049371)  # by which fastText multiplies the hash of a run of words before it adds the next


@compiled
def rows_of_texts(
    ids: Ids,
    ends: Places,
    kinds: Ids,
    own: Ids,
    own_begins: Places,
    hashes: Ids,
    run: int,
    words: int,
    buckets: int,
) -> tuple[Places, Places, Ids, Places]:
    """Return the rows of each text end to end and where they begin, and its labels in the same way.

    Token i of the vocabulary is label `kinds[i]`, or a word, with rows `own[own_begins[i] : own_begins[i + 1]]`; the
    last one of the vocabulary ends every text. A run of 2 to `run` words has a row too, by its hash.
    """
    longest, size, start = 0, 0, 0
    for end in ends:
        longest = max(longest, end - start + 1)
        start = end
        size += own_begins[len(kinds)] - own_begins[len(kinds) - 1] + run - 1
    for token in ids:
        size += own_begins[token + 1] - own_begins[token] + run - 1
    rows, begins = np.empty(size, np.int64), np.zeros(len(ends) + 1, np.int64)
    labels, label_begins = np.empty(len(ids), np.int32), np.zeros(len(ends) + 1, np.int64)
    line = np.empty(longest, np.uint64)  # the hashes of a text's words, with their sign
    count, labelled, start = 0, 0, 0
    for text in range(len(ends)):
        length = 0
        for place in range(start, ends[text] + 1):
            token = ids[place] if place < ends[text] else len(kinds) - 1
            if kinds[token] >= 0:
                labels[labelled] = kinds[token]
                labelled += 1
            elif kinds[token] == WORD:
                for row in own[own_begins[token] : own_begins[token + 1]]:
                    rows[count] = row
                    count += 1
                line[length] = np.uint64(np.int64(hashes[token]))
                length += 1
        start = ends[text]
        for first in range(length):
            value = line[first]
            for last in range(first + 1, min(length, first + run)):
                value = value * NEXT_WORD + line[last]
                rows[count] = words + np.int64(value % np.uint64(buckets))
                count += 1
        begins[text + 1], label_begins[text + 1] = count, labelled
    return rows[:count].copy(), begins, labels[:labelled].copy(), label_begins


@vectorized
def average(inputs: Floats, rows: Ids | Places, mean: Floats) -> None:
    """Write the mean of some rows, of none zeros."""
    width = inputs.shape[1]
    for i in range(width):
        mean[i] = np.float32(0.0)
    for row in rows:
        for i in range(width):
            mean[i] += inputs[row, i]
    share = np.float32(1.0 / max(1, len(rows)))
    for i in range(width):
        mean[i] *= share


@vectorized
def begin_move(bag: Floats, x: Floats, move: Floats) -> None:
    """Take the text's vector from a bag, and a move of zeros."""
    for i in range(len(x)):
        x[i] = bag[0, i]
        move[i] = np.float32(0.0)


@vectorized
def end_move(bag: Floats, move: Floats, rows: int) -> None:
    """Move a bag by the share of the text's move that each of its rows gets."""
    share = np.float32(1.0 / rows)
    for i in range(len(move)):
        bag[0, i] += share * move[i]


@vectorized
def plain_product(outputs: Floats, label: Whole, x: Floats) -> Any:
    """Return the product of a label's vector and a text's."""
    total = np.float32(0.0)
    for i in range(outputs.shape[1]):
        total += outputs[label, i] * x[i]
    return total


@vectorized
def plain_add_both(outputs: Floats, label: Whole, x: Floats, gradient: Any, move: Floats) -> None:
    """Move a label's vector, and add what it gives to the move of the text."""
    for i in range(outputs.shape[1]):
        before = outputs[label, i]
        move[i] += gradient * before
        outputs[label, i] = before + gradient * x[i]


@inlined
def product_of(outputs: Floats, label: Whole, x: Floats, wide: Any) -> Any:
    """Return the product of a label's vector and a text's, with vector instructions or with a plain loop."""
    if len(wide) == 0:
        return plain_product(outputs, label, x)
    return product(outputs.ctypes.data, np.int64(label), x.ctypes.data, np.int64(0), wide[0])


@inlined
def move_label(outputs: Floats, label: Whole, x: Floats, gradient: Any, move: Floats, wide: Any) -> None:
    """Move a label's vector, and add what it gives to the move of the text, in one of both ways."""
    if len(wide) == 0:
        plain_add_both(outputs, label, x, gradient, move)
    else:
        add_both(outputs.ctypes.data, np.int64(label), x.ctypes.data, gradient, move.ctypes.data, wide[0])


@vectorized
def softmax(scores: Floats) -> None:
    """Turn scores into probabilities that sum to 1."""
    highest, total = scores[0], np.float32(0.0)
    for label in range(len(scores)):
        highest = max(highest, scores[label])
    for label in range(len(scores)):
        scores[label] = np.exp(scores[label] - highest)
        total += scores[label]
    for label in range(len(scores)):
        scores[label] /= total


@compiled
def told_by_softmax(
    outputs: Floats, x: Floats, truth: Whole, rate: Any, scores: Floats, move: Floats, wide: Any
) -> Any:
    """Take the step of one text whose label is known; return the loss."""
    for label in range(len(outputs)):
        scores[label] = product_of(outputs, label, x, wide)
    softmax(scores)
    for label in range(len(outputs)):
        move_label(outputs, label, x, rate * (np.float32(label == truth) - scores[label]), move, wide)
    return -np.log(scores[truth] + np.float32(1e-10))


@compiled
def told_apart(
    outputs: Floats, x: Floats, label: Whole, truth: Any, rate: Any, looks: bool, move: Floats, wide: Any
) -> Any:
    """Take the step of one text and one label or node, which is there or not; return the loss, 0 if nobody looks."""
    probability = logistic(product_of(outputs, label, x, wide))
    move_label(outputs, label, x, rate * (truth - probability), move, wide)
    if looks:
        return -np.log(np.float32(1.0) - abs(truth - probability) + np.float32(1e-10))
    return 0.0


@compiled
def told(
    loss: int,
    outputs: Floats,
    x: Floats,
    labels: Ids,
    chosen: Whole,
    draws: Ids,
    draw: Whole,
    negative: int,
    ways: Ways,
    rate: Any,
    looks: bool,
    scores: Floats,
    move: Floats,
    wide: Any,
) -> tuple[Whole, float]:
    """Take the step of one text by one of the losses; return the next draw and the loss."""
    total, last = 0.0, len(draws) - 1
    if loss == SOFTMAX:
        total = told_by_softmax(outputs, x, chosen, rate, scores, move, wide)
    elif loss == ONE_VS_ALL:
        for label in range(len(outputs)):
            truth = np.float32(0.0)
            for own in labels:
                truth = np.float32(1.0) if own == label else truth
            total += told_apart(outputs, x, label, truth, rate, looks, move, wide)
    elif loss == NEGATIVE_SAMPLING:
        total += told_apart(outputs, x, chosen, np.float32(1.0), rate, looks, move, wide)
        for _ in range(negative):
            while draws[draw & last] == chosen:
                draw += 1
            total += told_apart(outputs, x, draws[draw & last], np.float32(0.0), rate, looks, move, wide)
            draw += 1
    else:
        nodes, turns, begins = ways
        for place in range(begins[chosen], begins[chosen + 1]):
            total += told_apart(outputs, x, nodes[place], turns[place], rate, looks, move, wide)
    return draw & last, total


@compiled
def learn_texts(
    order: Places,
    rows: Ids,
    begins: Places,
    labels: Ids,
    label_begins: Places,
    inputs: Floats,
    outputs: Floats,
    loss: int,
    draws: Ids,
    negative: int,
    ways: Ways,
    rate: float,
    fall: float,
    seed: Whole,
    scratch: Floats,
    wide: Any,
) -> tuple[int, float]:
    """Learn from texts in an order; return how many were looked at, and their loss.

    The rate falls by `fall` with each text. Of several labels one is drawn, unless all are told. Texts without rows or
    labels teach nothing. `scratch` has four rows as wide as those of the inputs; `wide` is as for `reading.read`.
    """
    bag, x, move = scratch[:2], scratch[2], scratch[3]
    scores = np.empty(len(outputs), np.float32)
    state = next_random(seed)
    draw = np.int64(state >> UPPER) & (len(draws) - 1)
    looked_at, total = 0, 0.0
    for number, text in enumerate(order):
        own = labels[label_begins[text] : label_begins[text + 1]]
        its_rows = rows[begins[text] : begins[text + 1]]
        if len(own) == 0 or len(its_rows) == 0:
            continue
        state = next_random(state)
        chosen = own[np.int64(state >> UPPER) % len(own)]
        now = np.float32(rate - fall * number)
        looks = loss == SOFTMAX or number % LOOKED_AT == 0
        averaged(inputs, its_rows, len(its_rows), bag, wide)
        begin_move(bag, x, move)
        draw, its_loss = told(
            loss, outputs, x, own, chosen, draws, draw, negative, ways, now, looks, scores, move, wide
        )
        end_move(bag, move, len(its_rows))
        returned(inputs, its_rows, len(its_rows), bag, wide)
        looked_at += looks
        total += its_loss
    return looked_at, total


@compiled
def probabilities_of(
    rows: Places, begins: Places, inputs: Floats, outputs: Floats, loss: int, ways: Ways, result: Floats
) -> None:
    """Fill in the probability of each label for each text; a text without rows has the vector 0."""
    x, each = np.zeros(inputs.shape[1], np.float32), np.empty(len(outputs), np.float32)
    nodes, turns, way_begins = ways
    for text in range(len(begins) - 1):
        average(inputs, rows[begins[text] : begins[text + 1]], x)
        for label in range(len(each)):
            each[label] = plain_product(outputs, label, x)
        if loss == SOFTMAX:
            softmax(each)
        else:
            for label in range(len(each)):
                each[label] = 1.0 / (1.0 + np.exp(-each[label]))
        for label in range(len(each)):
            result[text, label] = each[label]
            if loss == HIERARCHICAL_SOFTMAX:
                result[text, label] = np.float32(1.0)
                for place in range(way_begins[label], way_begins[label + 1]):
                    right = each[nodes[place]]
                    result[text, label] *= right if turns[place] > 0 else 1.0 - right
