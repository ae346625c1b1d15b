"""Llama and its kin: RMS norms, rotated positions, gated feed-forwards, dense or routed."""

from lockstep.workloads.fields import Fields
from lockstep.workloads.parts import (
    Attention,
    DenseFfn,
    Ffn,
    GroupedAttention,
    LatentAttention,
    LmHead,
    MoeFfn,
    Parts,
    TokenEmbedding,
)


def llama(f: Fields) -> Parts:
    """Llama 1, 2 and 3."""
    bias = f.flag("attention_bias")
    attention = _grouped(f, qkv_bias=bias, o_bias=bias)
    return _decoder(f, attention, dense=f.size("num_hidden_layers"), bias=f.flag("mlp_bias"))


def mistral(f: Fields) -> Parts:
    """Mistral."""
    attention = _grouped(f, window=f.optional_size("sliding_window"))
    return _decoder(f, attention, dense=f.size("num_hidden_layers"))


def mixtral(f: Fields) -> Parts:
    """Mixtral: every layer routed."""
    moe = MoeFfn(
        kind="moe",
        layers=f.size("num_hidden_layers"),
        experts=f.size("num_local_experts"),
        experts_per_token=f.size("num_experts_per_tok"),
        intermediate=f.size("intermediate_size"),
        activation=f.gate(),
    )
    attention = _grouped(f, window=f.optional_size("sliding_window"))
    return _decoder(f, attention, dense=0, moe=moe)


def qwen2(f: Fields) -> Parts:
    """Qwen2 and Qwen2.5: biased queries, keys and values."""
    f.only("use_sliding_window", False)
    return _decoder(f, _grouped(f, qkv_bias=True), dense=f.size("num_hidden_layers"))


def qwen3(f: Fields) -> Parts:
    """Qwen3: normed queries and keys."""
    f.only("use_sliding_window", False)
    bias = f.flag("attention_bias")
    attention = _grouped(f, qkv_bias=bias, o_bias=bias, qk_norm=True)
    return _decoder(f, attention, dense=f.size("num_hidden_layers"))


def qwen2_moe(f: Fields) -> Parts:
    """Qwen1.5-MoE and Qwen2-MoE: a gated shared expert."""
    shared = f.size("shared_expert_intermediate_size")
    return _qwen_moe(f, _grouped(f, qkv_bias=f.flag("qkv_bias")), shared)


def qwen3_moe(f: Fields) -> Parts:
    """Qwen3-MoE."""
    bias = f.flag("attention_bias")
    return _qwen_moe(f, _grouped(f, qkv_bias=bias, o_bias=bias, qk_norm=True), 0)


def _qwen_moe(f: Fields, attention: GroupedAttention, shared: int) -> Parts:
    f.only("use_sliding_window", False)
    layers, step = f.size("num_hidden_layers"), f.size("decoder_sparse_step")
    dense_ones = f.layer_numbers("mlp_only_layers")
    sparse = sum((i + 1) % step == 0 and i not in dense_ones for i in range(layers))
    if not sparse:
        return _decoder(f, attention, dense=layers)
    moe = MoeFfn(
        kind="moe",
        layers=sparse,
        experts=f.size("num_experts" if "num_experts" in f else "num_local_experts"),
        experts_per_token=f.size("num_experts_per_tok"),
        intermediate=f.size("moe_intermediate_size"),
        activation=f.gate(),
        shared_intermediate=shared,
        shared_gate=shared > 0,
    )
    return _decoder(f, attention, dense=layers - sparse, moe=moe)


def deepseek_v2(f: Fields) -> Parts:
    """DeepSeek-V2."""
    return _deepseek(f, router_bias=False)


def deepseek_v3(f: Fields) -> Parts:
    """DeepSeek-V3: a score correction per expert."""
    return _deepseek(f, router_bias=True)


def _deepseek(f: Fields, *, router_bias: bool) -> Parts:
    """DeepSeek-V2 and -V3; layers for multi-token prediction are not part of the model."""
    f.only("attention_bias", False)
    f.only("mlp_bias", False)
    attention = LatentAttention(
        kind="latent",
        heads=f.size("num_attention_heads"),
        q_lora_rank=f.optional_size("q_lora_rank"),
        kv_lora_rank=f.size("kv_lora_rank"),
        qk_nope_head_dim=f.size("qk_nope_head_dim"),
        qk_rope_head_dim=f.size("qk_rope_head_dim"),
        v_head_dim=f.size("v_head_dim"),
    )
    layers, first = f.size("num_hidden_layers"), f.size("first_k_dense_replace", least=0)
    step = f.size("moe_layer_freq")
    sparse = sum(i >= first and i % step == 0 for i in range(layers))
    if not sparse:
        return _decoder(f, attention, dense=layers)
    width = f.size("moe_intermediate_size")
    moe = MoeFfn(
        kind="moe",
        layers=sparse,
        experts=f.size("n_routed_experts"),
        experts_per_token=f.size("num_experts_per_tok"),
        intermediate=width,
        activation=f.gate(),
        shared_intermediate=width * (f.optional_size("n_shared_experts", least=0) or 0),
        router_bias=router_bias,
    )
    return _decoder(f, attention, dense=layers - sparse, moe=moe)


def _decoder(
    f: Fields, attention: Attention, *, dense: int, bias: bool = False, moe: MoeFfn | None = None
) -> Parts:
    """What all RMS-norm decoders share; ``dense`` is how many layers have a dense feed-forward."""
    ffn: tuple[Ffn, ...] = () if moe is None else (moe,)
    if dense:
        first = DenseFfn(
            kind="dense",
            layers=dense,
            intermediate=f.size("intermediate_size"),
            activation=f.gate(),
            gated=True,
            bias=bias,
        )
        ffn = (first, *ffn)
    return Parts(
        hidden=f.size("hidden_size"),
        embedding=TokenEmbedding(kind="tokens", vocab=f.size("vocab_size")),
        attention=attention,
        norm="rmsnorm",
        norm_placement="pre",
        ffn=ffn,
        head=LmHead(kind="lm", tied=f.flag("tie_word_embeddings")),
    )


def _grouped(
    f: Fields,
    *,
    qkv_bias: bool = False,
    o_bias: bool = False,
    qk_norm: bool = False,
    window: int | None = None,
) -> GroupedAttention:
    """Rotated attention of the RMS-norm decoders."""
    kv_heads = f.optional_size("num_key_value_heads") or f.size("num_attention_heads")
    heads = f.multiple("num_attention_heads", "num_key_value_heads", kv_heads)
    head_dim = f.optional_size("head_dim")
    if head_dim is None:
        head_dim = f.multiple("hidden_size", "num_attention_heads", heads) // heads
    return GroupedAttention(
        kind="grouped",
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        rope=True,
        qkv_bias=qkv_bias,
        o_bias=o_bias,
        qk_norm=qk_norm,
        window_tokens=window,
    )
