"""The kinds of parts that a transformer is put together from."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field, model_validator

from lockstep.arch.config import Config

Size = Annotated[int, Field(ge=1, le=1 << 31)]
Count = Annotated[int, Field(ge=0, le=1 << 31)]
Activation = Literal["relu", "gelu", "silu"]


class TokenEmbedding(Config):
    """A table of token vectors, with what the older models add to it.

    Parameters
    ----------
    kind : "tokens"
    vocab : int
        Rows of the token table.
    positions : int
        Longest sequence of learned positions; 0: none, any length.
    position_offset : int
        Rows of the position table before the first position (OPT has 2).
    token_types : int
        Rows of the token-type table (BERT has 2); 0: none.
    norm : bool
        Whether a norm follows the sum.
    width : int or None
        Columns of the token table, where a projection to ``hidden`` follows; None: ``hidden``.
    """

    kind: Literal["tokens"]
    vocab: Size
    positions: Count = 0
    position_offset: Count = 0
    token_types: Count = 0
    norm: bool = False
    width: Size | None = None


class PatchEmbedding(Config):
    """An image cut into square patches, a class token in front, learned positions.

    Parameters
    ----------
    kind : "patches"
    image_size_px, patch_size_px : int
        Edges of the image and of a patch, in pixels.
    channels : int
        Numbers of a pixel: 3 of a colour image.
    """

    kind: Literal["patches"]
    image_size_px: Size
    patch_size_px: Size
    channels: Size

    @model_validator(mode="after")
    def _whole_patches(self) -> "PatchEmbedding":
        if self.image_size_px % self.patch_size_px:
            raise ValueError(
                f"image_size_px must be a multiple of patch_size_px ({self.patch_size_px}), "
                f"not {self.image_size_px}"
            )
        return self

    @property
    def patches(self) -> int:
        """Patches of one image."""
        return (self.image_size_px // self.patch_size_px) ** 2

    @property
    def patch_values(self) -> int:
        """Pixel values of one patch, all channels."""
        return self.patch_size_px**2 * self.channels


class GroupedAttention(Config):
    """Attention whose query heads share keys and values in groups (MHA and MQA are the extremes).

    Parameters
    ----------
    kind : "grouped"
    heads, kv_heads : int
        Query heads, and key/value heads.
    head_dim : int
        Elements of a head.
    rope : bool
        Whether queries and keys are rotated by position.
    qkv_bias, o_bias : bool
        Whether the projections have biases.
    qk_norm : bool
        Whether each head's query and key pass an RMS norm.
    window_tokens : int or None
        Keys that a query sees at most, its own included; None: all.
    """

    kind: Literal["grouped"]
    heads: Size
    kv_heads: Size
    head_dim: Size
    rope: bool
    qkv_bias: bool = False
    o_bias: bool = False
    qk_norm: bool = False
    window_tokens: Size | None = None

    @model_validator(mode="after")
    def _whole_groups(self) -> "GroupedAttention":
        if self.heads % self.kv_heads:
            raise ValueError(
                f"heads must be a multiple of kv_heads ({self.kv_heads}), not {self.heads}"
            )
        return self

    @property
    def group(self) -> int:
        """Query heads that share one key/value head."""
        return self.heads // self.kv_heads

    @property
    def q_width(self) -> int:
        """Elements of one token's queries."""
        return self.heads * self.head_dim

    @property
    def o_width(self) -> int:
        """Elements of one token's attention output."""
        return self.q_width

    @property
    def kv_width(self) -> int:
        """Elements of one token's keys; of its values, as many again."""
        return self.kv_heads * self.head_dim

    @property
    def cached_width(self) -> int:
        """Elements one token leaves in one layer's KV cache."""
        return 2 * self.kv_width


class LatentAttention(Config):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): the cache holds one latent.

    Parameters
    ----------
    kind : "latent"
    heads : int
        Query heads.
    q_lora_rank : int or None
        Width of the compressed query; None: queries are projected directly.
    kv_lora_rank : int
        Width of the compressed keys and values: what is cached.
    qk_nope_head_dim, qk_rope_head_dim : int
        Query/key elements of a head without and with rotation; the rotated key is shared by heads.
    v_head_dim : int
        Value elements of a head.
    """

    kind: Literal["latent"]
    heads: Size
    q_lora_rank: Size | None = None
    kv_lora_rank: Size
    qk_nope_head_dim: Size
    qk_rope_head_dim: Size
    v_head_dim: Size

    @property
    def qk_head_dim(self) -> int:
        """Elements of one head's query."""
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def q_width(self) -> int:
        """Elements of one token's queries."""
        return self.heads * self.qk_head_dim

    @property
    def o_width(self) -> int:
        """Elements of one token's attention output."""
        return self.heads * self.v_head_dim

    @property
    def cached_width(self) -> int:
        """Elements one token leaves in one layer's KV cache."""
        return self.kv_lora_rank + self.qk_rope_head_dim


class DenseFfn(Config):
    """``down(act(up(x)))``, or ``down(act(gate(x)) * up(x))`` if gated.

    Parameters
    ----------
    kind : "dense"
    layers : int
        Layers of the model that have this feed-forward.
    intermediate : int
        Width between up and down.
    activation : "relu", "gelu" or "silu"
        What ``act`` is.
    gated, bias : bool
        Whether there is a gate; whether the projections have biases.
    """

    kind: Literal["dense"]
    layers: Size
    intermediate: Size
    activation: Activation
    gated: bool
    bias: bool = False

    @model_validator(mode="after")
    def _gate_exists(self) -> "DenseFfn":
        if self.gated and self.activation == "relu":
            raise ValueError("activation must be gelu or silu where gated, not relu")
        return self


class MoeFfn(Config):
    """A router, gated experts of which each token visits a few, and experts all tokens visit.

    Parameters
    ----------
    kind : "moe"
    layers : int
        Layers of the model that have this feed-forward.
    experts, experts_per_token : int
        Routed experts, and how many of them a token visits.
    intermediate : int
        Width of one routed expert.
    activation : "gelu" or "silu"
        Of every expert's gate.
    shared_intermediate : int
        Width of the shared experts together; 0: none.
    shared_gate : bool
        Whether a sigmoid gate scales the shared experts' output (Qwen2-MoE).
    router_bias : bool
        Whether the router has a score correction per expert (DeepSeek-V3).
    """

    kind: Literal["moe"]
    layers: Size
    experts: Size
    experts_per_token: Size
    intermediate: Size
    activation: Literal["gelu", "silu"]
    shared_intermediate: Count = 0
    shared_gate: bool = False
    router_bias: bool = False

    @model_validator(mode="after")
    def _enough_experts(self) -> "MoeFfn":
        if self.experts_per_token > self.experts:
            raise ValueError(
                f"experts_per_token must be at most experts ({self.experts}), "
                f"not {self.experts_per_token}"
            )
        if self.shared_gate and not self.shared_intermediate:
            raise ValueError("shared_gate needs a shared_intermediate")
        return self


class LmHead(Config):
    """Logits over the vocabulary.

    Parameters
    ----------
    kind : "lm"
    tied : bool
        Whether its weights are the token table.
    """

    kind: Literal["lm"]
    tied: bool


class PoolerHead(Config):
    """The first token through a dense layer and tanh (BERT); with biases."""

    kind: Literal["pooler"]


class ClassifierHead(Config):
    """The first token through one linear layer to a score for each class; with biases.

    Parameters
    ----------
    kind : "classifier"
    classes : int
        Scores.
    """

    kind: Literal["classifier"]
    classes: Size


Embedding = Annotated[TokenEmbedding | PatchEmbedding, Field(discriminator="kind")]
Attention = Annotated[GroupedAttention | LatentAttention, Field(discriminator="kind")]
Ffn = Annotated[DenseFfn | MoeFfn, Field(discriminator="kind")]
Head = Annotated[LmHead | PoolerHead | ClassifierHead, Field(discriminator="kind")]


class Parts(TypedDict):
    """What a family decides of a :class:`lockstep.workloads.model.Model`."""

    hidden: int
    embedding: Embedding
    attention: Attention
    norm: Literal["rmsnorm", "layernorm"]
    norm_placement: Literal["pre", "post"]
    ffn: tuple[Ffn, ...]
    head: Head
