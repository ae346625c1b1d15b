"""Import of a Hugging Face ``config.json``: the families below, and no guess beyond them.

Sizes must be in the file. What may be absent is listed here with the value that transformers 5
gives it (its ``configuration_*.py``). A default of null follows from other keys: as many key/value
heads as heads, ``hidden / heads`` elements per head, four times ``hidden`` in between, no window.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lockstep.arch.error import InputError, show
from lockstep.arch.load import read_yaml
from lockstep.workloads import layernorm_families as layernorm
from lockstep.workloads import rmsnorm_families as rmsnorm
from lockstep.workloads.fields import Fields
from lockstep.workloads.model import Model
from lockstep.workloads.parts import Parts


@dataclass(frozen=True, slots=True)
class Family:
    """Architectures that share their keys.

    Parameters
    ----------
    architectures : tuple of str
        Names that ``architectures`` in the file may have first.
    build : callable
        What makes a model's parts of the keys.
    defaults : mapping
        Keys that may be absent, with their values.
    """

    architectures: tuple[str, ...]
    build: Callable[[Fields], Parts]
    defaults: Mapping[str, object]


_DECODER = {"tie_word_embeddings": False, "hidden_act": "silu"}
_GROUPED = _DECODER | {"num_key_value_heads": None, "head_dim": None}
_QWEN = _GROUPED | {"num_key_value_heads": 32, "use_sliding_window": False}
_QWEN_MOE = _QWEN | {"decoder_sparse_step": 1, "mlp_only_layers": []}
_LATENT = _DECODER | {"attention_bias": False, "mlp_bias": False, "moe_layer_freq": 1}

FAMILIES: Mapping[str, Family] = {
    "llama": Family(
        ("LlamaForCausalLM",),
        rmsnorm.llama,
        _GROUPED | {"attention_bias": False, "mlp_bias": False},
    ),
    "mistral": Family(
        ("MistralForCausalLM",),
        rmsnorm.mistral,
        _GROUPED | {"num_key_value_heads": 8, "sliding_window": 4096},
    ),
    "mixtral": Family(
        ("MixtralForCausalLM",),
        rmsnorm.mixtral,
        _GROUPED | {"num_key_value_heads": 8, "sliding_window": None},
    ),
    "qwen2": Family(("Qwen2ForCausalLM",), rmsnorm.qwen2, _QWEN),
    "qwen3": Family(
        ("Qwen3ForCausalLM",), rmsnorm.qwen3, _QWEN | {"head_dim": 128, "attention_bias": False}
    ),
    "qwen2_moe": Family(
        ("Qwen2MoeForCausalLM",),
        rmsnorm.qwen2_moe,
        _QWEN_MOE | {"num_key_value_heads": 16, "qkv_bias": True},
    ),
    "qwen3_moe": Family(
        ("Qwen3MoeForCausalLM",),
        rmsnorm.qwen3_moe,
        _QWEN_MOE | {"num_key_value_heads": 4, "attention_bias": False},
    ),
    "deepseek_v2": Family(("DeepseekV2ForCausalLM",), rmsnorm.deepseek_v2, _LATENT),
    "deepseek_v3": Family(("DeepseekV3ForCausalLM",), rmsnorm.deepseek_v3, _LATENT),
    "gpt2": Family(
        ("GPT2LMHeadModel",),
        layernorm.gpt2,
        {
            "tie_word_embeddings": True,
            "activation_function": "gelu_new",
            "n_inner": None,
            "add_cross_attention": False,
        },
    ),
    "opt": Family(
        ("OPTForCausalLM",),
        layernorm.opt,
        {
            "tie_word_embeddings": True,
            "activation_function": "relu",
            "word_embed_proj_dim": None,
            "do_layer_norm_before": True,
            "enable_bias": True,
            "layer_norm_elementwise_affine": True,
            "_remove_final_layer_norm": False,
        },
    ),
    "bert": Family(
        ("BertModel", "BertForMaskedLM", "BertForPreTraining"),
        layernorm.bert,
        {
            "hidden_act": "gelu",
            "type_vocab_size": 2,
            "is_decoder": False,
            "position_embedding_type": "absolute",
        },
    ),
    "vit": Family(
        ("ViTForImageClassification", "ViTModel"),
        layernorm.vit,
        {
            "hidden_act": "gelu",
            "num_channels": 3,
            "qkv_bias": True,
            "num_labels": None,
            "id2label": None,
        },
    ),
}
"""Model type to family."""


def import_config(path: Path) -> Model:
    """The model that a ``config.json`` describes, named after its folder (after a renamed file).

    Raises
    ------
    lockstep.arch.load.InputError
        If the file cannot be read, the architecture is not known, or a key is missing or bad.
    """
    fields = Fields(document=read_yaml(path))
    family = _family(fields)
    name = path.resolve().parent.name if path.name == "config.json" else path.stem
    try:
        parts = family.build(fields.with_defaults(family.defaults))
        return Model(
            kind="model", name=name[:80] or "config", source=f"imported from {path}", **parts
        )
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        raise InputError(f"{path}: not a model that can be built: {first['msg']}") from None


def _family(fields: Fields) -> Family:
    """By architecture if the file names one, else by model type."""
    by_architecture = {name: f for f in FAMILIES.values() for name in f.architectures}
    for key, value, known in (
        ("architectures", fields.architecture, by_architecture),
        ("model_type", fields.document.data.get("model_type"), FAMILIES),
    ):
        if isinstance(value, str) and value in known:
            return known[value]
        if value is not None:
            names = ", ".join(known)
            raise fields.error(key, f"unknown architecture, value {show(value)}; known: {names}")
    raise fields.error("model_type", f"missing; add 'model_type', one of {', '.join(FAMILIES)}")
