"""Exact counts of a model in one phase: parameters, FLOPs, bytes; no machine involved.

A FLOP count is of GEMMs only, two per multiply-accumulate, over the whole score rectangle; what the
vector unit does is counted in elements.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, prod

from lockstep.arch.formats import format_named
from lockstep.workloads.feedforward import expected_experts
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Gemm, Op
from lockstep.workloads.parts import GroupedAttention, LmHead, MoeFfn
from lockstep.workloads.phases import Formats, Phase, graph
from lockstep.workloads.tensors import Tensor, tensors


def count(model: Model, phase: Phase, formats: Formats) -> dict[str, int]:
    """All counts, by name with unit.

    Raises
    ------
    lockstep.arch.load.InputError
        If the model cannot run the phase.
    """
    ops = graph(model, phase, formats)
    per_token = kv_bytes_per_token(model, formats.kv)
    return {
        "parameters": parameters(model),
        "active_parameters": active_parameters(model),
        "flops": flops(ops),
        "vector_elements": sum(op.elements * op.repeat for op in ops if not isinstance(op, Gemm)),
        "weight_bytes": weight_bytes(model, formats.weights),
        "weight_bytes_touched": weight_bytes_touched(model, phase, formats.weights),
        "kv_bytes_per_token": per_token,
        "kv_cache_bytes": per_token * phase.batch * _kept_tokens(model, phase),
    }


def parameters(model: Model) -> int:
    """Elements of all weight tensors; a tied head counts once, with the embedding."""
    return sum(tensor.elements for tensor in tensors(model))


def active_parameters(model: Model) -> int:
    """Parameters without the routed experts that one token does not visit."""
    visited = next((f.experts_per_token for f in model.ffn if isinstance(f, MoeFfn)), 0)
    return sum(
        t.elements // t.shape[0] * visited if t.reading == "experts" else t.elements
        for t in tensors(model)
    )


def flops(ops: Iterable[Op]) -> int:
    """Useful operations of all GEMMs, two per multiply-accumulate."""
    return sum(2 * int(op.rows) * op.n * op.k * op.repeat for op in ops if isinstance(op, Gemm))


def weight_bytes(model: Model, weights: str) -> int:
    """Bytes of all parameters in format ``weights``, norms and biases included."""
    return _size_bytes(parameters(model), weights)


def weight_bytes_touched(model: Model, phase: Phase, weights: str) -> int:
    """Bytes of the distinct weights that one forward pass reads, in format ``weights``.

    Of a table, at most one row per new token; of routed experts, the number expected.
    """
    return _size_bytes(sum(_touched(model, phase, tensor) for tensor in tensors(model)), weights)


def kv_bytes_per_token(model: Model, kv: str) -> int:
    """Bytes that one token leaves in the caches of all layers, in format ``kv``; 0 in encoders."""
    if not model.generates:
        return 0
    return _size_bytes(model.layers * model.attention.cached_width, kv)


def _kept_tokens(model: Model, phase: Phase) -> int:
    window = (
        model.attention.window_tokens if isinstance(model.attention, GroupedAttention) else None
    )
    return min(phase.length, window or phase.length)


def _touched(model: Model, phase: Phase, tensor: Tensor) -> Fraction:
    if tensor.reading == "experts":
        (moe,) = (f for f in model.ffn if isinstance(f, MoeFfn))
        experts = Fraction(expected_experts(moe, phase.rows))
        return experts * prod(tensor.shape[1:]) * tensor.copies
    whole_by_head = (
        tensor.name == "embed.tokens" and isinstance(model.head, LmHead) and model.head.tied
    )
    if tensor.reading == "rows" and not whole_by_head:
        return Fraction(min(phase.rows, tensor.shape[0]) * tensor.shape[1])
    return Fraction(tensor.elements)


def _size_bytes(elements: int | Fraction, name: str) -> int:
    return ceil(elements * format_named(name).bits_per_element / 8)
