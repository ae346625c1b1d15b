"""Operators of one attention layer, its norm apart.

The score matrix is the whole rectangle of queries and keys: the triangle that a causal mask hides
is computed too. A sliding window narrows the rectangle to the window.
"""

from typing import Literal

from lockstep.workloads.model import GroupedAttention, LatentAttention
from lockstep.workloads.ops import Residency, VectorFunction
from lockstep.workloads.step import Builder


def grouped(build: Builder, a: GroupedAttention, hidden: int, cache: Residency) -> None:
    """Grouped-query attention; keys enter the cache after their rotation.

    Parameters
    ----------
    build : Builder
    a : GroupedAttention
    hidden : int
        Width of the residual stream.
    cache : "kv" or "memory"
        Where new keys and values go; encoders have no cache.
    """
    phase = build.phase
    _rotated(build, "q", a, a.heads, hidden, "memory")
    _rotated(build, "k", a, a.kv_heads, hidden, cache)
    build.gemm("attn.v_proj", a.kv_width, hidden, c=cache)
    _attend(
        build,
        instances=phase.batch * a.kv_heads,
        queries=a.group * phase.tokens,
        keys=min(phase.length, a.window_tokens or phase.length),
        qk_dim=a.head_dim,
        v_dim=a.head_dim,
        source="kv" if phase.cached else "memory",
    )
    build.gemm("attn.o_proj", hidden, a.q_width, c="stream")
    build.residual("attn.residual", phase.rows, hidden)


def latent(build: Builder, a: LatentAttention, hidden: int) -> None:
    """Multi-head latent attention: expanded in prefill, absorbed in decode.

    Expanded, every head's keys and values are made from the latents, those of cached tokens
    included. Absorbed, the query is taken into the latent space and all heads attend to the latents
    themselves, so that one cached row serves every head, as key and again as value.
    """
    rows, batch, heads = build.phase.rows, build.phase.batch, a.heads
    if a.q_lora_rank is None:
        build.gemm("attn.q_proj", heads * a.qk_head_dim, hidden)
    else:
        build.gemm("attn.q_a_proj", a.q_lora_rank, hidden, c="stream")
        build.vector("attn.q_a_norm", "rmsnorm", rows, a.q_lora_rank, a="stream")
        build.gemm("attn.q_b_proj", heads * a.qk_head_dim, a.q_lora_rank)
    build.vector("attn.q_rope", "rope", rows * heads, a.qk_rope_head_dim)
    build.gemm("attn.kv_a_proj", a.cached_width, hidden, c="stream")
    build.vector("attn.kv_a_norm", "rmsnorm", rows, a.kv_lora_rank, a="stream", c="kv")
    build.vector("attn.k_rope", "rope", rows, a.qk_rope_head_dim, c="kv")
    if build.phase.kind == "prefill":
        expanded: Residency = "kv" if build.phase.cached else "memory"
        latents = batch * build.phase.length
        build.gemm("attn.k_b_proj", heads * a.qk_nope_head_dim, a.kv_lora_rank, m=latents, a=expanded)
        build.gemm("attn.v_b_proj", heads * a.v_head_dim, a.kv_lora_rank, m=latents, a=expanded)
        _attend(
            build,
            instances=batch * heads,
            queries=build.phase.tokens,
            keys=build.phase.length,
            qk_dim=a.qk_head_dim,
            v_dim=a.v_head_dim,
            source="memory",
        )
    else:
        build.gemm("attn.k_b_proj", a.kv_lora_rank, a.qk_nope_head_dim, m=batch, instances=heads)
        _attend(
            build,
            instances=batch,
            queries=heads,
            keys=build.phase.length,
            qk_dim=a.cached_width,
            v_dim=a.kv_lora_rank,
            source="kv",
        )
        build.gemm("attn.v_b_proj", a.v_head_dim, a.kv_lora_rank, m=batch, instances=heads)
    build.gemm("attn.o_proj", hidden, heads * a.v_head_dim, c="stream")
    build.residual("attn.residual", rows, hidden)


def _rotated(
    build: Builder, name: str, a: GroupedAttention, heads: int, hidden: int, sink: Residency
) -> None:
    """Queries or keys: projected, normed and rotated head by head as far as the model does."""
    functions: list[VectorFunction] = ["rmsnorm"] * a.qk_norm + ["rope"] * a.rope
    build.gemm(f"attn.{name}_proj", heads * a.head_dim, hidden, c="stream" if functions else sink)
    for i, function in enumerate(functions, start=1):
        build.vector(
            f"attn.{name}_{'rope' if function == 'rope' else 'norm'}",
            function,
            build.phase.rows * heads,
            a.head_dim,
            a="stream",
            c=sink if i == len(functions) else "stream",
        )


def _attend(
    build: Builder,
    *,
    instances: int,
    queries: int,
    keys: int,
    qk_dim: int,
    v_dim: int,
    source: Literal["kv", "memory"],
) -> None:
    """Scores into softmax into the weighted sum of values, block of query rows by block of rows."""
    build.gemm(
        "attn.scores", keys, qk_dim, m=queries, instances=instances, b=source, c="stream", folded=True
    )
    build.vector("attn.softmax", "softmax", instances * queries, keys, a="stream", c="stream")
    build.gemm("attn.values", v_dim, keys, m=queries, instances=instances, a="stream", b=source)
