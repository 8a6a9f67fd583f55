"""Vector instructions on whole rows, for `factorizing.py` and `classifying.py`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fitwell.words.kernels.windows import LANES, LINE

_FLOAT, _LONG, _MASK = ir.FloatType(), ir.IntType(64), ir.IntType(16)
_WIDE = ir.VectorType(_FLOAT, LANES)
_BYTES = 4 * LANES  # of a vector
_FAST = ("fast",)


class _Emitter:
    """Writes instructions on rows of so many cache lines."""

    def __init__(self, builder: ir.IRBuilder, lines: int) -> None:
        self.b, self.vectors = builder, lines * LINE // LANES

    def places(self, matrix: Any, row: Any) -> list[Any]:
        """Return where each vector of a row lies."""
        start = self.b.add(matrix, self.b.mul(row, _LONG(self.vectors * _BYTES)))
        addresses = (self.b.add(start, _LONG(_BYTES * vector)) for vector in range(self.vectors))
        return [self.b.inttoptr(address, _WIDE.as_pointer()) for address in addresses]

    def load(self, place: Any) -> Any:
        """Load a vector."""
        return self.b.load(place, align=_BYTES)

    def store(self, value: Any, place: Any) -> None:
        """Store a vector."""
        self.b.store(value, place, align=_BYTES)

    def times(self, one: Any, other: Any) -> Any:
        """Multiply two vectors."""
        return self.b.fmul(one, other, _FAST)

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call one of LLVM's own functions."""
        known = self.b.module.globals.get(name)
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        return self.b.call(known or ir.Function(self.b.module, kind, name), arguments, fastmath=_FAST)

    def multiply_add(self, one: Any, other: Any, addend: Any) -> Any:
        """Return one * other + addend."""
        return self.call(f"llvm.fma.v{LANES}f32", _WIDE, one, other, addend)

    def everywhere(self, value: float) -> Any:
        """Return a vector of equal numbers."""
        return ir.Constant(_WIDE, [value] * LANES)

    def repeated(self, value: Any) -> Any:
        """Return a vector of a number that is known only when the instructions run."""
        undefined = ir.Constant(_WIDE, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.b.shuffle_vector(self.b.insert_element(undefined, value, ir.IntType(32)(0)), undefined, zeros)

    def inverse_root(self, x: Any) -> Any:
        """Return 1 / sqrt(x): an estimate good to 14 or 12 bits, and a step of Newton's that doubles them."""
        if LANES > 8:
            everything = ir.Constant(_MASK, 2**LANES - 1)
            estimate = self.call("llvm.x86.avx512.rsqrt14.ps.512", _WIDE, x, self.everywhere(0.0), everything)
        else:
            estimate = self.call("llvm.x86.avx.rsqrt.ps.256", _WIDE, x)
        of_square = self.times(self.times(x, estimate), estimate)
        return self.times(
            estimate, self.b.fsub(self.everywhere(1.5), self.times(self.everywhere(0.5), of_square), _FAST)
        )


@intrinsic
def product(typing: Any, words: Any, i: Any, contexts: Any, j: Any, vectors: Any) -> Any:
    """Return the product of row i of one matrix, given by its address, and row j of another."""

    def generate(_lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        emitter = _Emitter(builder, len(vectors))
        total = emitter.everywhere(0.0)
        for one, other in zip(emitter.places(*arguments[:2]), emitter.places(*arguments[2:4]), strict=True):
            total = emitter.multiply_add(emitter.load(one), emitter.load(other), total)
        return emitter.call(f"llvm.vector.reduce.fadd.v{LANES}f32", _FLOAT, _FLOAT(0.0), total)

    return types.float32(*[types.int64] * 4, vectors), generate


@intrinsic
def add_both(typing: Any, outputs: Any, i: Any, x: Any, gradient: Any, move: Any, vectors: Any) -> Any:
    """Add `gradient` times row i, as it was, to `move`, and as many times x to the row; all given by addresses."""

    def generate(lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        emitter = _Emitter(builder, len(vectors))
        outputs, row, x, gradient, move = arguments[:5]
        factor = emitter.repeated(gradient)
        alone = (emitter.places(matrix, _LONG(0)) for matrix in (x, move))
        for place, of_x, of_move in zip(emitter.places(outputs, row), *alone, strict=True):
            before = emitter.load(place)
            emitter.store(emitter.multiply_add(factor, before, emitter.load(of_move)), of_move)
            emitter.store(emitter.multiply_add(factor, emitter.load(of_x), before), place)
        return lowering.get_dummy_value()

    return types.void(*[types.int64] * 3, types.float32, types.int64, vectors), generate


@intrinsic
def move_apart(
    typing: Any,
    words: Any,
    word_squares: Any,
    i: Any,
    contexts: Any,
    context_squares: Any,
    j: Any,
    pull: Any,
    vectors: Any,
) -> Any:
    """Do what `factorizing.plain_move` does with row i of two matrices, given by their addresses, and row j of two."""

    def generate(lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        emitter = _Emitter(builder, len(vectors))
        of_words, squares_of_words, i, of_contexts, squares_of_contexts, j, strength = arguments[:7]
        pulls = emitter.repeated(strength)
        rows = ((of_words, i), (squares_of_words, i), (of_contexts, j), (squares_of_contexts, j))
        for word, word_square, context, context_square in zip(*(emitter.places(*row) for row in rows), strict=True):
            w, c = emitter.load(word), emitter.load(context)
            for place, square_place, value, other in ((word, word_square, w, c), (context, context_square, c, w)):
                step, square = emitter.times(pulls, other), emitter.load(square_place)
                moved = builder.fsub(value, emitter.times(step, emitter.inverse_root(square)), _FAST)
                emitter.store(moved, place)
                emitter.store(emitter.multiply_add(step, step, square), square_place)
        return lowering.get_dummy_value()

    signature = types.void(*[types.int64] * 6, types.float32, vectors)
    return signature, generate
