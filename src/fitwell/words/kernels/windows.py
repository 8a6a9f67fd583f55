"""One window of text moves the vectors: its middle word and some drawn words against all its context words.

For context word p with vector x_p and target j with vector o_j (target 0 is the middle word, the others are drawn), the
model's probability that they belong together is s(x_p o_j), with s the logistic function. One step of gradient ascent
on its logarithm, with the vectors as they were before the window, is

    g_pj = rate_j (truth_j - s(x_p o_j)),   x_p += sum_j g_pj o_j,   o_j += sum_p g_pj x_p,

where truth_j is 1 for the middle word and 0 for the drawn ones.

The original program draws new words for every pair. Drawn once a window, they turn many products of two vectors into
one of two small matrices, which stays in registers: that is where the speed comes from (Ji et al. 2016, Parallelizing
word2vec in shared and distributed memory). Sharing them among several windows is faster still, but costs quality.

A continuous bag of words is the same step with one context vector, the mean of all, and every context vector is moved
as their mean was. With hierarchical softmax the targets are nodes on the middle word's way through a tree of all words,
and the truths are its turns.

`step` emits that product as LLVM's own vector instructions, sixteen or eight numbers wide; `plain_step` is the same in
plain loops, and serves where a processor has neither. Both are functions of the rows as they lie in memory, padded to
whole vectors. Target rows stand in registers while the context passes by; the sums of six or so products are made
together by a tree of shuffles; and the logistic function is a quotient of polynomials, since a call of exp would take
longer than everything else.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config, types
from numba.extending import intrinsic

from fitwell.compiled import compiled, vectorized
from fitwell.words.kernels.interning import Ids, Whole

Floats = npt.NDArray[np.float32]

LINE = 16  # numbers of a cache line, to which rows are padded
TARGETS = 8  # room for targets: the middle word and up to seven drawn ones
STEEPEST = 7.9  # beyond, the logistic function is within 0.0004 of 0 or 1
# tanh(x) = x P(x^2) / Q(x^2), the first terms of its continued fraction; s(x) = 1/2 + tanh(x / 2) / 2.
ABOVE = (135135.0, 17325.0, 378.0, 1.0)
BELOW = (135135.0, 62370.0, 3150.0, 28.0)


@cache
def _instructions_here() -> str:
    return str(get_host_cpu_features().flatten())


def _instructions() -> list[str]:
    """Return the sets of instructions that numba may use."""
    asked: str | None = vars(config)["CPU_FEATURES"]  # what the environment tells numba
    return (_instructions_here() if asked is None else asked).split(",")


LANES = 16 if "+avx512f" in _instructions() else 8  # numbers of a vector instruction
_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_WIDE, _NARROW = ir.VectorType(_FLOAT, LANES), ir.VectorType(_FLOAT, TARGETS)
_BYTES, _LINE_BYTES = 4 * LANES, 4 * LINE  # of a vector, and of a cache line
_FAST = ("fast",)


def has_wide_vectors() -> bool:
    """Return whether numba may use instructions for sixteen or eight numbers that multiply and add."""
    instructions = _instructions()
    return "+avx512f" in instructions or {"+avx2", "+fma"} <= set(instructions)


@compiled
def logistic(x: Any) -> Any:
    """Return s(x), as the vector instructions compute it."""
    half = np.float32(0.5) * min(max(x, np.float32(-STEEPEST)), np.float32(STEEPEST))
    square = half * half
    above = np.float32(ABOVE[0]) + square * (
        np.float32(ABOVE[1]) + square * (np.float32(ABOVE[2]) + square * np.float32(ABOVE[3]))
    )
    below = np.float32(BELOW[0]) + square * (
        np.float32(BELOW[1]) + square * (np.float32(BELOW[2]) + square * np.float32(BELOW[3]))
    )
    tangent = min(max(half * above / below, np.float32(-1.0)), np.float32(1.0))
    return np.float32(0.5) + np.float32(0.5) * tangent


@vectorized
def plain_step(
    inputs: Floats,
    outputs: Floats,
    context: Ids,
    targets: Ids,
    words: Whole,
    drawn: Whole,
    gradients: Floats,
    aims: Floats,
    moves: Floats,
) -> None:
    """Take the step of one window: `words` context words against one target and `drawn` more.

    The rows of `aims` are the targets' rates and their truths, 1 or 0.
    """
    width = inputs.shape[1]
    for p in range(words):
        for j in range(drawn + 1):
            product = np.float32(0.0)
            for i in range(width):
                product += inputs[context[p], i] * outputs[targets[j], i]
            gradients[p, j] = aims[0, j] * (aims[1, j] - logistic(product))
    moves[:] = np.float32(0.0)
    for p in range(words):
        for i in range(width):
            before = inputs[context[p], i]
            move = np.float32(0.0)
            for j in range(drawn + 1):
                move += gradients[p, j] * outputs[targets[j], i]
                moves[j, i] += gradients[p, j] * before
            inputs[context[p], i] = before + move
    for j in range(drawn + 1):
        for i in range(width):
            outputs[targets[j], i] += moves[j, i]


@vectorized
def plain_mean(inputs: Floats, context: Ids, words: Whole, bag: Floats) -> None:
    """Write the mean of the context's vectors to both rows of a bag."""
    width = inputs.shape[1]
    bag[0] = np.float32(0.0)
    for p in range(words):
        for i in range(width):
            bag[0, i] += inputs[context[p], i]
    for i in range(width):
        bag[0, i] /= np.float32(words)
        bag[1, i] = bag[0, i]


@vectorized
def plain_spread(inputs: Floats, context: Ids, words: Whole, bag: Floats) -> None:
    """Move each vector of the context as the bag's first row was moved from its second."""
    width = inputs.shape[1]
    for i in range(width):
        bag[1, i] = bag[0, i] - bag[1, i]
    for p in range(words):
        for i in range(width):
            inputs[context[p], i] += bag[1, i]


class _Emitter:
    """Writes the instructions for one window: addresses are known, everything else is counted from them."""

    def __init__(self, builder: ir.IRBuilder, lines: int, inputs: Any, context: Any, words: Any) -> None:
        self.b, self.vectors = builder, lines * LINE // LANES
        self.inputs, self.context, self.words = inputs, context, words
        self.row_bytes = _LONG(self.vectors * _BYTES)

    def step(self, outputs: Any, chosen: Any, gradients: Any, aims: Any, targets: int) -> None:
        """Write all gradients first, then, vector by vector, both updates."""
        self.gradients, self.aims, self.targets = gradients, aims, targets
        self.target_rows = [self._row(outputs, self._load(chosen, 4 * j, _INT, 4)) for j in range(targets)]
        self._loop(self.words, "products", self._products)
        self._each_vector(self._updates)

    def mean(self, bag: Any) -> None:
        """Write the mean of the context's rows to both rows of a bag."""
        share = self._everywhere(self.b.fdiv(_FLOAT(1.0), self.b.sitofp(self.words, _FLOAT)))

        def one_vector(offset: Any) -> None:
            zero = ir.Constant(_WIDE, [0.0] * LANES)
            (total,) = self._loop(self.words, "sum", lambda p, sums: [self.b.fadd(sums, self._input(p, offset))], zero)
            for row in (0, 1):
                place = self.b.add(self.b.add(bag, offset), self.b.mul(_LONG(row), self.row_bytes))
                self._store(self.b.fmul(total, share), place, _WIDE, _BYTES)

        self._each_vector(one_vector)

    def spread(self, bag: Any) -> None:
        """Move each row of the context as the bag's first row was moved from its second."""

        def one_vector(offset: Any) -> None:
            now = self.b.add(bag, offset)
            before = self._load(self.b.add(now, self.row_bytes), 0, _WIDE, _BYTES)
            move = self.b.fsub(self._load(now, 0, _WIDE, _BYTES), before)

            def one_context_word(p: Any) -> None:
                place = self.b.add(self._context_row(p), offset)
                self._store(self.b.fadd(self._load(place, 0, _WIDE, _BYTES), move), place, _WIDE, _BYTES)

            self._loop(self.words, "spread", one_context_word)

        self._each_vector(one_vector)

    def _each_vector(self, body: Any) -> None:
        self._loop(_LONG(self.vectors), "vectors", lambda vector: body(self.b.mul(vector, _LONG(_BYTES))))

    def _input(self, p: Any, offset: Any) -> Any:
        return self._load(self.b.add(self._context_row(p), offset), 0, _WIDE, _BYTES)

    def _products(self, p: Any) -> None:
        """Write the gradients of one context word: its products with all targets, at once."""
        row = self._context_row(p)
        sums = [ir.Constant(_WIDE, [0.0] * LANES)] * TARGETS
        for vector in range(self.vectors):
            x = self._load(row, _BYTES * vector, _WIDE, _BYTES)
            for j, target in enumerate(self.target_rows):
                sums[j] = self._multiply_add(x, self._load(target, _BYTES * vector, _WIDE, _BYTES), sums[j])
        truth = self._load(self.aims, 4 * TARGETS, _NARROW, 32)
        error = self.b.fsub(truth, self._logistic(self._added_up(sums)))
        rate = self._load(self.aims, 0, _NARROW, 32)
        self._store(self.b.fmul(error, rate), self._gradient_row(p), _NARROW, 32)

    def _added_up(self, sums: list[Any]) -> Any:
        """Return the sum of each of eight vectors, as one vector of eight.

        Each round adds neighbors of all vectors and lays the results of two vectors into one, so that there are half
        as many: from eight vectors to four, two, one; and where these are of sixteen numbers, then its two halves.
        """
        both = (0, LANES)  # where the first and the second of two vectors begin when they are shuffled as one
        blocks = range(0, LANES, 4)
        pairs = [block + lane + start for block in blocks for lane in (0, 1) for start in both]
        fours = [block + lane + start for block in blocks for start in both for lane in (0, 1)]
        eights = [block + lane + start for block in range(0, LANES, 8) for start in both for lane in range(4)]
        for order, distance in ((pairs, 2), (fours, 2), (eights, 4)):
            sums = [self._halved(one, other, order, distance) for one, other in zip(sums[::2], sums[1::2], strict=True)]
        return self._halved(sums[0], sums[0], list(range(8)), 8) if LANES > TARGETS else sums[0]

    def _halved(self, one: Any, other: Any, order: list[int], distance: int) -> Any:
        """Return the sums of the numbers in that order and those so far behind them."""
        first = self._shuffled(one, other, order)
        return self.b.fadd(first, self._shuffled(one, other, [place + distance for place in order]), _FAST)

    def _logistic(self, x: Any) -> Any:
        b = self.b

        def constant(value: float) -> Any:
            return ir.Constant(_NARROW, [value] * TARGETS)

        half = b.fmul(self._within(x, STEEPEST), constant(0.5), _FAST)
        square = b.fmul(half, half, _FAST)

        def polynomial(factors: tuple[float, ...]) -> Any:
            result = constant(factors[-1])
            for factor in reversed(factors[:-1]):
                result = b.fadd(constant(factor), b.fmul(square, result, _FAST), _FAST)
            return result

        tangent = b.fdiv(b.fmul(half, polynomial(ABOVE), _FAST), polynomial(BELOW), _FAST)
        return b.fadd(constant(0.5), b.fmul(constant(0.5), self._within(tangent, 1.0), _FAST), _FAST)

    def _within(self, x: Any, limit: float) -> Any:
        for sign, end in ((">", -limit), ("<", limit)):
            edge = ir.Constant(_NARROW, [end] * TARGETS)
            x = self.b.select(self.b.fcmp_ordered(sign, x, edge), x, edge)
        return x

    def _updates(self, offset: Any) -> None:
        """Write both updates of one vector of every row; the targets' stand in registers while the context passes."""
        places = [self.b.add(row, offset) for row in self.target_rows]
        old = [self._load(place, 0, _WIDE, _BYTES) for place in places]

        def one_context_word(p: Any, *new: Any) -> list[Any]:
            place = self.b.add(self._context_row(p), offset)
            x = self._load(place, 0, _WIDE, _BYTES)
            moved, gradients, result = x, self._gradient_row(p), []
            for j in range(self.targets):
                gradient = self._everywhere(self._load(gradients, 4 * j, _FLOAT, 4))
                moved = self._multiply_add(gradient, old[j], moved)
                result.append(self._multiply_add(gradient, x, new[j]))
            self._store(moved, place, _WIDE, _BYTES)
            return result

        new = self._loop(self.words, "context", one_context_word, *old)
        # Backwards: of two equal targets the first one's row stays; the other's rate is 0, so it has not moved.
        for place, value in reversed(list(zip(places, new, strict=True))):
            self._store(value, place, _WIDE, _BYTES)

    def _loop(self, count: Any, name: str, body: Any, *carried: Any) -> list[Any]:
        """Write a loop that runs at least once, whose body turns the carried values into the next ones."""
        b, before = self.b, self.b.block
        inside, after = b.function.append_basic_block(name), b.function.append_basic_block(f"{name}.end")
        b.branch(inside)
        b.position_at_end(inside)
        number = b.phi(_LONG)
        number.add_incoming(_LONG(0), before)
        values = [b.phi(value.type) for value in carried]
        for phi, value in zip(values, carried, strict=True):
            phi.add_incoming(value, before)
        results = body(number, *values) or []
        following = b.add(number, _LONG(1))
        for phi, value in zip([number, *values], [following, *results], strict=True):
            phi.add_incoming(value, b.block)
        b.cbranch(b.icmp_signed("<", following, count), inside, after)
        b.position_at_end(after)
        return list(results)

    def _context_row(self, p: Any) -> Any:
        place = self.b.add(self.context, self.b.mul(p, _LONG(4)))
        return self._row(self.inputs, self._load(place, 0, _INT, 4))

    def _gradient_row(self, p: Any) -> Any:
        return self.b.add(self.gradients, self.b.mul(p, _LONG(4 * TARGETS)))

    def _row(self, matrix: Any, number: Any) -> Any:
        return self.b.add(matrix, self.b.mul(self.b.sext(number, _LONG), self.row_bytes))

    def _pointer(self, address: Any, kind: Any) -> Any:
        return self.b.inttoptr(address, kind.as_pointer())

    def _load(self, address: Any, offset: int, kind: Any, align: int) -> Any:
        place = self.b.add(address, _LONG(offset)) if offset else address
        return self.b.load(self._pointer(place, kind), align=align)

    def _store(self, value: Any, address: Any, kind: Any, align: int) -> None:
        self.b.store(value, self._pointer(address, kind), align=align)

    def _shuffled(self, one: Any, other: Any, order: list[int]) -> Any:
        return self.b.shuffle_vector(one, other, ir.Constant(ir.VectorType(_INT, len(order)), order))

    def _everywhere(self, value: Any) -> Any:
        undefined = ir.Constant(_WIDE, ir.Undefined)
        return self._shuffled(self.b.insert_element(undefined, value, _INT(0)), undefined, [0] * LANES)

    def _multiply_add(self, one: Any, other: Any, addend: Any) -> Any:
        name = f"llvm.fma.v{LANES}f32"
        known = self.b.module.globals.get(name)
        function = known or ir.Function(self.b.module, ir.FunctionType(_WIDE, [_WIDE] * 3), name)
        return self.b.call(function, [one, other, addend])


@intrinsic
def step(
    typing: Any,
    inputs: Any,
    outputs: Any,
    context: Any,
    targets: Any,
    words: Any,
    gradients: Any,
    aims: Any,
    vectors: Any,
    drawn: Any,
) -> Any:
    """Take the step of one window, by addresses; `vectors` and `drawn` are tuples as long as what they count.

    There is at least one context word. Rows are whole cache lines of 64 bytes; `vectors` has an entry for each of them.
    """
    signature = types.void(*[types.int64] * 7, vectors, drawn)

    def generate(lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, results, near, chosen, count, errors, wanted = arguments[:7]
        emitter = _Emitter(builder, len(vectors), rows, near, count)
        emitter.step(results, chosen, errors, wanted, len(drawn) + 1)
        return lowering.get_dummy_value()

    return signature, generate


@intrinsic
def mean(typing: Any, inputs: Any, context: Any, words: Any, bag: Any, vectors: Any) -> Any:
    """Do what `plain_mean` does, by addresses."""

    def generate(lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        _Emitter(builder, len(vectors), *arguments[:3]).mean(arguments[3])
        return lowering.get_dummy_value()

    return types.void(*[types.int64] * 4, vectors), generate


@intrinsic
def spread(typing: Any, inputs: Any, context: Any, words: Any, bag: Any, vectors: Any) -> Any:
    """Do what `plain_spread` does, by addresses."""

    def generate(lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        _Emitter(builder, len(vectors), *arguments[:3]).spread(arguments[3])
        return lowering.get_dummy_value()

    return types.void(*[types.int64] * 4, vectors), generate


@intrinsic
def prefetch(_context: Any, matrix: Any, row: Any, vectors: Any) -> Any:
    """Fetch a row of a matrix, given by its address, into the nearest cache, to be written soon."""
    signature = types.void(types.int64, types.int64, vectors)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        start = builder.add(arguments[0], builder.mul(arguments[1], _LONG(len(vectors) * _LINE_BYTES)))
        known = builder.module.globals.get("llvm.prefetch.p0")
        kind = ir.FunctionType(ir.VoidType(), [byte, _INT, _INT, _INT])
        function = known or ir.Function(builder.module, kind, "llvm.prefetch.p0")
        for line in range(len(vectors)):
            place = builder.inttoptr(builder.add(start, _LONG(_LINE_BYTES * line)), byte)
            builder.call(function, [place, _INT(1), _INT(3), _INT(1)])
        return context.get_dummy_value()

    return signature, generate
