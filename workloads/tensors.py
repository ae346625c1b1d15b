"""Every weight tensor of a model, by name; sizes are sums over these, never closed formulas.

A matrix has the name of the GEMM that multiplies by it (``attn.q_proj``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from lockstep.workloads.model import Model
from lockstep.workloads.parts import (
    ClassifierHead,
    DenseFfn,
    GroupedAttention,
    LatentAttention,
    LmHead,
    MoeFfn,
    PoolerHead,
    TokenEmbedding,
)

Reading = Literal["all", "rows", "experts"]
"""How much of a tensor one forward pass reads: all of it, the rows its tokens name along the first
axis, or the experts its tokens visit along the first axis."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """``copies`` (layers) of a weight tensor of one ``shape``."""

    name: str
    shape: tuple[int, ...]
    copies: int = 1
    reading: Reading = "all"

    @property
    def elements(self) -> int:
        """Elements of all copies."""
        return prod(self.shape) * self.copies


def tensors(model: Model) -> Iterator[Tensor]:
    """Every tensor of a model, each once; a tied head has none of its own."""
    yield from _embedding(model)
    yield from _norm(model, "attn.norm", model.layers)
    if isinstance(model.attention, GroupedAttention):
        yield from _grouped(model.attention, model.hidden, model.layers)
    else:
        yield from _latent(model.attention, model.hidden, model.layers)
    for ffn in model.ffn:
        if isinstance(ffn, DenseFfn):
            yield from _norm(model, "ffn.norm", ffn.layers)
            yield from _dense(ffn, model.hidden)
        else:
            yield from _norm(model, "moe.norm", ffn.layers)
            yield from _moe(ffn, model.hidden)
    if model.norm_placement == "pre":
        yield from _norm(model, "head.norm")
    yield from _head(model)


def _norm(model: Model, name: str, copies: int = 1) -> Iterator[Tensor]:
    yield Tensor(f"{name}.scale", (model.hidden,), copies)
    if model.norm == "layernorm":
        yield Tensor(f"{name}.bias", (model.hidden,), copies)


def _linear(name: str, n: int, k: int, copies: int = 1, *, bias: bool = False) -> Iterator[Tensor]:
    yield Tensor(name, (n, k), copies)
    if bias:
        yield Tensor(f"{name}.bias", (n,), copies)


def _embedding(model: Model) -> Iterator[Tensor]:
    e, hidden = model.embedding, model.hidden
    if isinstance(e, TokenEmbedding):
        yield Tensor("embed.tokens", (e.vocab, e.width or hidden), reading="rows")
        if e.width:
            yield from _linear("embed.project_in", hidden, e.width)
        if e.positions:
            rows = e.positions + e.position_offset
            yield Tensor("embed.positions", (rows, hidden), reading="rows")
        if e.token_types:
            yield Tensor("embed.token_types", (e.token_types, hidden), reading="rows")
        if e.norm:
            yield from _norm(model, "embed.norm")
    else:
        yield from _linear("embed.patches", hidden, e.patch_values, bias=True)
        yield Tensor("embed.class_token", (1, hidden))
        yield Tensor("embed.positions", (e.patches + 1, hidden))


def _grouped(a: GroupedAttention, hidden: int, layers: int) -> Iterator[Tensor]:
    yield from _linear("attn.q_proj", a.q_width, hidden, layers, bias=a.qkv_bias)
    yield from _linear("attn.k_proj", a.kv_width, hidden, layers, bias=a.qkv_bias)
    yield from _linear("attn.v_proj", a.kv_width, hidden, layers, bias=a.qkv_bias)
    yield from _linear("attn.o_proj", hidden, a.o_width, layers, bias=a.o_bias)
    if a.qk_norm:
        yield Tensor("attn.q_norm.scale", (a.head_dim,), layers)
        yield Tensor("attn.k_norm.scale", (a.head_dim,), layers)


def _latent(a: LatentAttention, hidden: int, layers: int) -> Iterator[Tensor]:
    if a.q_lora_rank is None:
        yield from _linear("attn.q_proj", a.q_width, hidden, layers)
    else:
        yield from _linear("attn.q_a_proj", a.q_lora_rank, hidden, layers)
        yield Tensor("attn.q_a_norm.scale", (a.q_lora_rank,), layers)
        yield from _linear("attn.q_b_proj", a.q_width, a.q_lora_rank, layers)
    yield from _linear("attn.kv_a_proj", a.cached_width, hidden, layers)
    yield Tensor("attn.kv_a_norm.scale", (a.kv_lora_rank,), layers)
    # Two halves of one matrix: the absorbed form multiplies by them apart.
    yield from _linear("attn.k_b_proj", a.heads * a.qk_nope_head_dim, a.kv_lora_rank, layers)
    yield from _linear("attn.v_b_proj", a.heads * a.v_head_dim, a.kv_lora_rank, layers)
    yield from _linear("attn.o_proj", hidden, a.o_width, layers)


def _dense(f: DenseFfn, hidden: int) -> Iterator[Tensor]:
    for name in ("ffn.up_proj", "ffn.gate_proj") if f.gated else ("ffn.up_proj",):
        yield from _linear(name, f.intermediate, hidden, f.layers, bias=f.bias)
    yield from _linear("ffn.down_proj", hidden, f.intermediate, f.layers, bias=f.bias)


def _moe(f: MoeFfn, hidden: int) -> Iterator[Tensor]:
    yield from _linear("moe.router", f.experts, hidden, f.layers, bias=f.router_bias)
    up, down = (f.experts, f.intermediate, hidden), (f.experts, hidden, f.intermediate)
    yield Tensor("moe.up_proj", up, f.layers, "experts")
    yield Tensor("moe.gate_proj", up, f.layers, "experts")
    yield Tensor("moe.down_proj", down, f.layers, "experts")
    if f.shared_intermediate:
        yield from _linear("moe.shared_up_proj", f.shared_intermediate, hidden, f.layers)
        yield from _linear("moe.shared_gate_proj", f.shared_intermediate, hidden, f.layers)
        yield from _linear("moe.shared_down_proj", hidden, f.shared_intermediate, f.layers)
    if f.shared_gate:
        yield from _linear("moe.shared_gate", 1, hidden, f.layers)


def _head(model: Model) -> Iterator[Tensor]:
    head, hidden = model.head, model.hidden
    match head:
        case LmHead() if isinstance(model.embedding, TokenEmbedding):
            width = model.embedding.width or hidden
            if model.embedding.width:
                yield from _linear("head.project_out", width, hidden)
            if not head.tied:
                yield from _linear("head.lm_head", model.embedding.vocab, width)
        case PoolerHead():
            yield from _linear("head.pooler", hidden, hidden, bias=True)
        case ClassifierHead():
            yield from _linear("head.classifier", head.classes, hidden, bias=True)
