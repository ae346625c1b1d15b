"""Sets in words of 64 bits (numba): sixteen ways compared at once, sixteen nibbles ordered in one word.

A set's ways are up to 16 consecutive words, 0 if empty. Its order of use is one word of nibbles, the most
recently used way in the lowest; its RRPVs are one word, a nibble per way. All words are int64.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

I64 = NDArray[np.int64]
LANES = 16
IN_ORDER = 0xFEDCBA9876543210 - (1 << 64)
"""Ways 0 to 15, the first used last of all; as int64."""

_ONES = 0x1111111111111111
_HIGHS = 0x8888888888888888 - (1 << 64)
_WORD = ir.IntType(64)

UNCOUNTED: dict[str, Any] = {"_nrt": False}
"""Option of numba: no reference counts of arrays; what has it must not allocate."""

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """A part of the kernel, compiled into its caller; it must not allocate."""
    part: Callable[P, R] = njit(forceinline=True, **UNCOUNTED)(function)
    return part


def _instruction(generator: Callable[..., Any]) -> Callable[..., int]:
    """What numba cannot say, by the LLVM instructions it becomes."""
    made: Callable[..., int] = intrinsic(generator)
    return made


def _splat(builder: Any, value: Any) -> Any:
    vector = ir.VectorType(_WORD, LANES)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, one, first)


@_instruction
def _equal(_context: Any, words: Any, at: Any, key: Any, care: Any) -> Any:
    """``words[at + i] & care == key`` for 16 ``i``, as bits of an integer: two vector instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, at, key, care = arguments
        array = context.make_array(signature.args[0])(context, builder, words)
        first = builder.gep(array.data, [at])
        row = builder.load(builder.bitcast(first, ir.VectorType(_WORD, LANES).as_pointer()))
        row.align = 8
        cared = builder.and_(row, _splat(builder, care))
        equal = builder.icmp_signed("==", cared, _splat(builder, key))
        return builder.zext(builder.bitcast(equal, ir.IntType(LANES)), _WORD)

    return types.int64(words, types.int64, types.int64, types.int64), generate


def _wrapping(operation: str) -> Callable[..., int]:
    """An operation of two integers, modulo 2**64."""

    @_instruction
    def apply(_context: Any, a: Any, b: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return getattr(builder, operation)(*arguments)

        return types.int64(types.int64, types.int64), generate

    return apply


plus, minus, times = _wrapping("add"), _wrapping("sub"), _wrapping("mul")


@_instruction
def prefetch(_context: Any, array: Any, at: Any) -> Any:
    """Ask the host's memory for ``array[at]``, which is wanted soon."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, *[ir.IntType(32)] * 3])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(fetch, [place, *(ir.IntType(32)(i) for i in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@_instruction
def first_bit(_context: Any, word: Any) -> Any:
    """Position of the lowest 1 of a word, which must have one."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), generate


class Sets(NamedTuple):
    """Where a set-associative structure lies in the words, and its shape."""

    keys: int  # first word of the first set; sets follow each other every 2**shift words
    order: (
        int  # order word of the first set, or its RRPVs; a set has 2**order_shift words from there
    )
    order_shift: int
    mask: int  # sets - 1
    shift: int
    ways: int  # a 1 for each way
    last: int  # 4 * (ways - 1)


@compiled
def row(t: Sets, index: int) -> int:
    """First word of the keys of set ``index``."""
    return t.keys + (index << t.shift)


@compiled
def equal(words: I64, t: Sets, at: int, key: int, care: int) -> int:
    """Ways of the row ``at`` that hold ``key`` in the bits of ``care``, as bits."""
    return _equal(words, at, key, care) & t.ways


@compiled
def first_nibble(word: int, nibbles: int) -> int:
    """4 * the first nibble in which two words are equal, or -1."""
    differs = word ^ nibbles
    zero = minus(differs, _ONES) & ~differs & _HIGHS
    return first_bit(zero) - 3 if zero else -1


@compiled
def used(order: int, way: int) -> int:
    """An order word after a use of ``way``."""
    at = first_nibble(order, times(way, _ONES))
    newer = order & ((1 << at) - 1)
    older = order & ((-1 << at) << 4)
    return older | (newer << 4) | way
