"""GPT-2, OPT, BERT and ViT: layer norms, biases, learned positions."""

from typing import Literal

from lockstep.workloads.fields import Fields
from lockstep.workloads.parts import (
    ClassifierHead,
    DenseFfn,
    Embedding,
    GroupedAttention,
    Head,
    LmHead,
    Parts,
    PatchEmbedding,
    PoolerHead,
    TokenEmbedding,
)


def gpt2(f: Fields) -> Parts:
    """GPT-2."""
    f.only("add_cross_attention", False)
    hidden = f.size("n_embd")
    ffn = DenseFfn(
        kind="dense",
        layers=f.size("n_layer"),
        intermediate=f.optional_size("n_inner") or 4 * hidden,
        activation=f.activation("activation_function"),
        gated=False,
        bias=True,
    )
    return Parts(
        hidden=hidden,
        embedding=TokenEmbedding(
            kind="tokens", vocab=f.size("vocab_size"), positions=f.size("n_positions")
        ),
        attention=_biased(f, "n_embd", "n_head"),
        norm="layernorm",
        norm_placement="pre",
        ffn=(ffn,),
        head=LmHead(kind="lm", tied=f.flag("tie_word_embeddings")),
    )


def opt(f: Fields) -> Parts:
    """OPT: position table with two extra rows; the 350m size has a narrow token table."""
    f.only("enable_bias", True)
    f.only("layer_norm_elementwise_affine", True)
    f.only("_remove_final_layer_norm", False)
    hidden = f.size("hidden_size")
    width = f.optional_size("word_embed_proj_dim")
    ffn = DenseFfn(
        kind="dense",
        layers=f.size("num_hidden_layers"),
        intermediate=f.size("ffn_dim"),
        activation=f.activation("activation_function"),
        gated=False,
        bias=True,
    )
    return Parts(
        hidden=hidden,
        embedding=TokenEmbedding(
            kind="tokens",
            vocab=f.size("vocab_size"),
            positions=f.size("max_position_embeddings"),
            position_offset=2,
            width=None if width == hidden else width,
        ),
        attention=_biased(f, "hidden_size", "num_attention_heads"),
        norm="layernorm",
        norm_placement="pre" if f.flag("do_layer_norm_before") else "post",
        ffn=(ffn,),
        head=LmHead(kind="lm", tied=f.flag("tie_word_embeddings")),
    )


def bert(f: Fields) -> Parts:
    """The encoder with its pooler, whatever head was trained on it."""
    f.only("is_decoder", False)
    f.only("position_embedding_type", "absolute")
    embedding = TokenEmbedding(
        kind="tokens",
        vocab=f.size("vocab_size"),
        positions=f.size("max_position_embeddings"),
        token_types=f.size("type_vocab_size", least=0),
        norm=True,
    )
    return _encoder(f, embedding, PoolerHead(kind="pooler"), "post", qkv_bias=True)


def vit(f: Fields) -> Parts:
    """ViT, with its classifier if the architecture has one, else with its pooler."""
    embedding = PatchEmbedding(
        kind="patches",
        image_size_px=f.multiple("image_size", "patch_size", f.size("patch_size")),
        patch_size_px=f.size("patch_size"),
        channels=f.size("num_channels"),
    )
    head: Head = PoolerHead(kind="pooler")
    if f.architecture == "ViTForImageClassification":
        head = ClassifierHead(kind="classifier", classes=f.labels())
    return _encoder(f, embedding, head, "pre", qkv_bias=f.flag("qkv_bias"))


def _encoder(
    f: Fields,
    embedding: Embedding,
    head: Head,
    norm_placement: Literal["pre", "post"],
    *,
    qkv_bias: bool,
) -> Parts:
    hidden = f.size("hidden_size")
    ffn = DenseFfn(
        kind="dense",
        layers=f.size("num_hidden_layers"),
        intermediate=f.size("intermediate_size"),
        activation=f.activation("hidden_act"),
        gated=False,
        bias=True,
    )
    return Parts(
        hidden=hidden,
        embedding=embedding,
        attention=_biased(f, "hidden_size", "num_attention_heads", qkv_bias=qkv_bias),
        norm="layernorm",
        norm_placement=norm_placement,
        ffn=(ffn,),
        head=head,
    )


def _biased(
    f: Fields, hidden_key: str, heads_key: str, *, qkv_bias: bool = True
) -> GroupedAttention:
    """As many key/value heads as heads, no rotation, biases."""
    heads = f.size(heads_key)
    return GroupedAttention(
        kind="grouped",
        heads=heads,
        kv_heads=heads,
        head_dim=f.multiple(hidden_key, heads_key, heads) // heads,
        rope=False,
        qkv_bias=qkv_bias,
        o_bias=True,
    )
