"""A workload as arrays: what all its phases ask of any machine, each distinct operator once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import format_named
from lockstep.arch.vector import FUNCTION_STEPS, Primitive
from lockstep.sim.engine import stream_groups
from lockstep.workloads.ops import Gemm, Op, Vector

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

PLACES = ("stream", "memory", "kv", "weight")
"""Residencies by number."""

STREAM, MEMORY = 0, 1
FUNCTIONS = tuple(FUNCTION_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemms:
    """Distinct GEMMs, each array ``(p,)``; of A, B and C the place, the bits and the whole size."""

    m: I64
    n: I64
    k: I64
    instances: F64
    bits: tuple[F64, F64, F64]
    place: tuple[I64, I64, I64]
    size_bytes: tuple[F64, F64, F64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Distinct vector operators, each array ``(v,)``."""

    function: I64
    rows: I64
    cols: I64
    in_bits: F64
    out_bits: F64
    source: I64
    sink: I64
    second_operand: Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Prefill and decode of a model in given formats.

    Parameters
    ----------
    gemms, vectors
        Distinct operators.
    member : int array (o,)
        Operators of the distinct stream groups, group by group: an index into ``gemms``, or beyond
        them into ``vectors``.
    group : int array (o,)
        The group of each.
    repeat : float array (o,)
        Layers that have it.
    steps : int array (steps, operators) per phase
        The operators of each forward pass in order, as indices into ``member``.
    macs : float per phase
        Useful multiply-accumulates.
    primitives : mapping per phase
        Lane operations of the vector unit.
    """

    gemms: Gemms
    vectors: Vectors
    member: I64
    group: I64
    repeat: F64
    steps: tuple[I64, ...]
    macs: tuple[float, ...]
    primitives: tuple[dict[Primitive, float], ...]


@lru_cache(maxsize=256)
def _bits(name: str) -> float:
    return float(format_named(name).bits_per_element)


def workload(phases: Sequence[Sequence[Sequence[Op]]]) -> Workload:
    """Arrays of graphs: for each phase those of its steps."""
    gemms: dict[tuple[object, ...], int] = {}
    vectors: dict[tuple[object, ...], int] = {}
    groups: dict[tuple[tuple[bool, int, int], ...], range] = {}
    members: list[tuple[int, bool, int, int]] = []
    passes: list[list[list[int]]] = []
    for steps in phases:
        passes.append([])
        for graph in steps:
            passes[-1].append([])
            for ops in stream_groups(graph):
                key = tuple(
                    (True, gemms.setdefault(_gemm(op), len(gemms)), op.repeat)
                    if isinstance(op, Gemm)
                    else (False, vectors.setdefault(_vector(op), len(vectors)), op.repeat)
                    for op in ops
                )
                if key not in groups:
                    members += [(len(groups), *member) for member in key]
                    groups[key] = range(len(members) - len(key), len(members))
                passes[-1][-1] += groups[key]
    return Workload(
        gemms=_gemm_arrays(gemms),
        vectors=_vector_arrays(vectors),
        member=np.array([i if is_gemm else len(gemms) + i for _, is_gemm, i, _ in members]),
        group=np.array([group for group, *_ in members]),
        repeat=np.array([float(repeat) for *_, repeat in members]),
        steps=tuple(np.array(indices) for indices in passes),
        macs=tuple(_macs(steps) for steps in phases),
        primitives=tuple(_primitives(steps) for steps in phases),
    )


def _macs(steps: Sequence[Sequence[Op]]) -> float:
    """Useful ones of a phase, operator by operator over its steps as ``simulate`` sums them."""
    columns = zip(*steps, strict=True)
    return sum(
        sum(op.flops / 2 * op.repeat for op in column if isinstance(op, Gemm)) for column in columns
    )


def _primitives(steps: Sequence[Sequence[Op]]) -> dict[Primitive, float]:
    """Lane operations of a phase."""
    lanes: dict[Primitive, float] = {}
    for op in (op for graph in steps for op in graph if isinstance(op, Vector)):
        functions = FUNCTION_STEPS[op.function]
        for items, needed in ((op.elements, functions.per_element), (op.rows, functions.per_row)):
            for primitive, times in needed.items():
                lanes[primitive] = lanes.get(primitive, 0.0) + float(items * times * op.repeat)
    return lanes


def _gemm(op: Gemm) -> tuple[object, ...]:
    """What the mapper sees of it."""
    a, b, c = (_bits(name) for name in (op.a_format, op.b_format, op.c_format))
    return (
        *(op.m, op.n, op.k, op.instances),
        *(a, b, c),
        *(PLACES.index(where) for where in (op.a, op.b, op.c)),
        op.m * op.k * op.instances * a / 8,
        op.n * op.k * op.instances * b / 8,
        op.m * op.n * op.instances * c / 8,
    )


def _vector(op: Vector) -> tuple[object, ...]:
    return (
        *(FUNCTIONS.index(op.function), op.rows, op.cols),
        *(_bits(op.in_format), _bits(op.out_format)),
        *(PLACES.index(where) for where in (op.source, op.sink)),
        op.second_operand,
    )


def _gemm_arrays(gemms: Iterable[tuple[object, ...]]) -> Gemms:
    m, n, k, instances, *rest = _columns(gemms, 13)
    a, b, c = rest[0:3], rest[3:6], rest[6:9]
    return Gemms(
        m=m.astype(np.int64),
        n=n.astype(np.int64),
        k=k.astype(np.int64),
        instances=instances,
        bits=(a[0], a[1], a[2]),
        place=(b[0].astype(np.int64), b[1].astype(np.int64), b[2].astype(np.int64)),
        size_bytes=(c[0], c[1], c[2]),
    )


def _vector_arrays(vectors: Iterable[tuple[object, ...]]) -> Vectors:
    function, rows, cols, in_bits, out_bits, source, sink, second = _columns(vectors, 8)
    return Vectors(
        function=function.astype(np.int64),
        rows=rows.astype(np.int64),
        cols=cols.astype(np.int64),
        in_bits=in_bits,
        out_bits=out_bits,
        source=source.astype(np.int64),
        sink=sink.astype(np.int64),
        second_operand=second.astype(np.bool_),
    )


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[F64]:
    """Tuples to columns; sizes below 2**53 pass through floats unharmed."""
    return list(np.array(list(rows), dtype=np.float64).reshape(-1, count).T.copy())
