"""What processors do with eight bytes at a time, and numba has no words for."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_BYTE_PLACE = ir.IntType(8).as_pointer()
_HALF = ir.IntType(32)
_WHOLE = ir.IntType(64)


@intrinsic
def eight_at(typing: Any, address: Any) -> Any:
    """Return the eight bytes at an address, the first being the lowest of the number."""

    def generate(_lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        loaded = builder.load(builder.inttoptr(arguments[0], _WHOLE.as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(types.uint64), generate


@intrinsic
def put_eight_at(typing: Any, address: Any, number: Any) -> Any:
    """Write a number as the eight bytes at an address, the lowest first."""

    def generate(lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[1], builder.inttoptr(arguments[0], _WHOLE.as_pointer()))
        stored.align = 1
        return lowering.get_dummy_value()

    return types.void(types.uint64, types.uint64), generate


@intrinsic
def reversed_bytes(typing: Any, number: Any) -> Any:
    """Return the number whose bytes stand in the opposite order."""
    return types.uint64(types.uint64), lambda _lowering, builder, _signature, arguments: builder.bswap(arguments[0])


@intrinsic
def low_zeros(typing: Any, number: Any) -> Any:
    """Return how many of the lowest bits of a number other than 0 are 0."""

    def generate(_lowering: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def fetch(typing: Any, array: Any, place: Any) -> Any:
    """Have a place of an array brought near, and do not wait for it."""

    def generate(lowering: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = lowering.make_array(signature.args[0])(lowering, builder, arguments[0]).data
        kind = ir.FunctionType(ir.VoidType(), [_BYTE_PLACE, _HALF, _HALF, _HALF])
        known = builder.module.globals.get("llvm.prefetch.p0i8")
        prefetch = known or ir.Function(builder.module, kind, "llvm.prefetch.p0i8")
        place = builder.bitcast(builder.gep(data, [arguments[1]]), _BYTE_PLACE)
        builder.call(prefetch, [place, _HALF(0), _HALF(3), _HALF(1)])  # to read it, to be kept, data
        return lowering.get_dummy_value()

    return types.void(array, place), generate
