"""Operators of one attention layer, its norm apart: project, attend, output.

Only ``attend`` depends on the length of the context. The score matrix is the whole rectangle of
queries and keys: the triangle that a causal mask hides is computed too. A sliding window narrows
the rectangle to the window.
"""

from typing import Literal

from lockstep.workloads.ops import Residency, VectorFunction
from lockstep.workloads.parts import Attention, GroupedAttention, LatentAttention
from lockstep.workloads.step import Builder


def project(build: Builder, a: Attention, hidden: int, cache: Residency) -> None:
    """Queries, and what of keys and values is kept; rotated keys are kept rotated.

    Parameters
    ----------
    build : Builder
        Collects the operators.
    a : GroupedAttention or LatentAttention
        Heads and widths.
    hidden : int
        Width of the residual stream.
    cache : "kv" or "memory"
        Where new keys and values go; encoders have no cache.
    """
    if isinstance(a, GroupedAttention):
        _per_head(build, "q", a, a.heads, hidden, "memory")
        _per_head(build, "k", a, a.kv_heads, hidden, cache)
        build.gemm("attn.v_proj", a.kv_width, hidden, c=cache)
        return
    rows = build.phase.rows
    if a.q_lora_rank is None:
        build.gemm("attn.q_proj", a.q_width, hidden)
    else:
        build.gemm("attn.q_a_proj", a.q_lora_rank, hidden, c="stream")
        build.vector("attn.q_a_norm", "rmsnorm", rows, a.q_lora_rank, a="stream")
        build.gemm("attn.q_b_proj", a.q_width, a.q_lora_rank)
    build.vector("attn.q_rope", "rope", rows * a.heads, a.qk_rope_head_dim)
    build.gemm("attn.kv_a_proj", a.cached_width, hidden, c="stream")
    build.vector("attn.kv_a_norm", "rmsnorm", rows, a.kv_lora_rank, a="stream", c=cache)
    build.vector("attn.k_rope", "rope", rows, a.qk_rope_head_dim, c=cache)


def attend(build: Builder, a: Attention) -> None:
    """Scores, softmax and the weighted sum of values."""
    if isinstance(a, GroupedAttention):
        _attend_grouped(build, a)
    elif build.phase.kind == "prefill":
        _attend_expanded(build, a)
    else:
        _attend_absorbed(build, a)


def output(build: Builder, a: Attention, hidden: int) -> None:
    """The output projection, added onto the residual stream."""
    build.gemm("attn.o_proj", hidden, a.o_width, c="stream")
    build.residual("attn.residual", build.phase.rows, hidden)


def _per_head(
    build: Builder, name: str, a: GroupedAttention, heads: int, hidden: int, sink: Residency
) -> None:
    """Queries or keys: projected, then normed and rotated head by head as far as the model does."""
    functions: list[tuple[str, VectorFunction]] = []
    if a.qk_norm:
        functions.append(("norm", "rmsnorm"))
    if a.rope:
        functions.append(("rope", "rope"))
    build.gemm(f"attn.{name}_proj", heads * a.head_dim, hidden, c="stream" if functions else sink)
    for i, (suffix, function) in enumerate(functions, start=1):
        build.vector(
            f"attn.{name}_{suffix}",
            function,
            build.phase.rows * heads,
            a.head_dim,
            a="stream",
            c=sink if i == len(functions) else "stream",
        )


def _attend_grouped(build: Builder, a: GroupedAttention) -> None:
    """The query heads of a group are rows of one product, for they share its keys and values."""
    phase = build.phase
    _attend(
        build,
        instances=phase.batch * a.kv_heads,
        queries=a.group * phase.tokens,
        keys=min(phase.length, a.window_tokens or phase.length),
        qk_dim=a.head_dim,
        v_dim=a.head_dim,
        source="kv" if phase.cached else "memory",
    )


def _attend_expanded(build: Builder, a: LatentAttention) -> None:
    """Keys and values of every head are made from the latents, of cached tokens too."""
    phase = build.phase
    latents: Residency = "kv" if phase.cached else "memory"
    rows = phase.batch * phase.length
    build.gemm("attn.k_b_proj", a.heads * a.qk_nope_head_dim, a.kv_lora_rank, m=rows, a=latents)
    build.gemm("attn.v_b_proj", a.heads * a.v_head_dim, a.kv_lora_rank, m=rows, a=latents)
    _attend(
        build,
        instances=phase.batch * a.heads,
        queries=phase.tokens,
        keys=phase.length,
        qk_dim=a.qk_head_dim,
        v_dim=a.v_head_dim,
        source="memory",
    )


def _attend_absorbed(build: Builder, a: LatentAttention) -> None:
    """Queries go into the latent space and attend to the latents themselves.

    All heads are rows of one product: a cached row serves each of them, as key and again as value.
    """
    batch = build.phase.batch
    build.gemm("attn.k_b_proj", a.kv_lora_rank, a.qk_nope_head_dim, m=batch, instances=a.heads)
    _attend(
        build,
        instances=batch,
        queries=a.heads,
        keys=build.phase.length,
        qk_dim=a.cached_width,
        v_dim=a.kv_lora_rank,
        source="kv",
    )
    build.gemm("attn.v_b_proj", a.v_head_dim, a.kv_lora_rank, m=batch, instances=a.heads)


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
    """Scores into softmax into the weighted sum, block of query rows by block of query rows."""
    scores = build.gemm(
        "attn.scores",
        keys,
        qk_dim,
        m=queries,
        instances=instances,
        b=source,
        c="stream",
        rescale=False,
    )
    rows = instances * queries
    build.vector("attn.softmax", "softmax", rows, keys, a="stream", c="stream", a_format=scores)
    build.gemm("attn.values", v_dim, keys, m=queries, instances=instances, a="stream", b=source)
