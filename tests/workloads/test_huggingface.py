"""Import of config.json: defaults, what is refused, and where a model may be loaded from."""

import json
from pathlib import Path

import pytest

from lockstep.arch.load import InputError
from lockstep.workloads.huggingface import FAMILIES
from lockstep.workloads.model import load_model

HF = Path(__file__).parent / "hf"
REQUIRED = {
    "llama-3-8b": "hidden_size intermediate_size num_attention_heads num_hidden_layers vocab_size",
    "mixtral-8x7b": "num_local_experts num_experts_per_tok intermediate_size",
    "qwen3-30b-a3b": "num_experts_per_tok moe_intermediate_size",
    "deepseek-v3": "kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim "
    "n_routed_experts n_shared_experts num_experts_per_tok moe_intermediate_size "
    "first_k_dense_replace intermediate_size",
    "gpt2": "n_embd n_head n_layer n_positions vocab_size",
    "opt-125m": "hidden_size ffn_dim max_position_embeddings num_attention_heads vocab_size",
    "bert-base": "hidden_size intermediate_size max_position_embeddings vocab_size",
    "vit-b-16": "image_size patch_size hidden_size num_attention_heads",
}
REFUSED = [
    ("qwen2-7b", "use_sliding_window", True),
    ("qwen3-0.6b", "use_sliding_window", True),
    ("deepseek-v3", "attention_bias", True),
    ("gpt2", "add_cross_attention", True),
    ("opt-125m", "enable_bias", False),
    ("opt-125m", "enable_bias", 1),
    ("opt-125m", "layer_norm_elementwise_affine", False),
    ("opt-125m", "_remove_final_layer_norm", True),
    ("bert-base", "is_decoder", True),
    ("bert-base", "position_embedding_type", "relative_key"),
    ("llama-3-8b", "hidden_act", "relu"),  # a gated relu is not a function of the vector unit
    ("llama-3-8b", "num_attention_heads", 30),
    ("llama-7b", "num_attention_heads", 33),
    ("llama-3-8b", "num_key_value_heads", 0),
    ("llama-3-8b", "num_hidden_layers", True),
    ("vit-b-16", "patch_size", 15),
    ("qwen3-30b-a3b", "mlp_only_layers", [True]),
    ("qwen3-30b-a3b", "decoder_sparse_step", 0),
    ("gpt2", "n_inner", -1),
]


@pytest.fixture
def imported(tmp_path):
    """Import a public config with keys changed; a value of ... removes the key."""

    def run(name, **changes):
        config = json.loads((HF / f"{name}.json").read_text()) | changes
        path = tmp_path / "config.json"
        path.write_text(json.dumps({k: v for k, v in config.items() if v is not ...}, indent=1))
        return load_model(str(path))

    return run


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, keys in REQUIRED.items() for key in keys.split()]
)
def test_a_missing_size_is_named(imported, tmp_path, name, key):
    with pytest.raises(InputError) as error:
        imported(name, **{key: ...})
    assert str(error.value).startswith(f"{tmp_path / 'config.json'}:1: {key}: missing; add '{key}'")


@pytest.mark.parametrize(("name", "key", "value"), REFUSED)
def test_what_is_not_modelled_is_refused(imported, tmp_path, name, key, value):
    with pytest.raises(InputError) as error:
        imported(name, **{key: value})
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'config.json'}:")
    assert "\n" not in message
    assert key in message or "num_attention_heads" in message or "image_size" in message


@pytest.mark.parametrize(
    "value", ["FalconForCausalLM", "LlamaForSequenceClassification", 3, [], {}]
)
def test_an_unknown_architecture_lists_the_known_ones(imported, value):
    architectures = [value] if isinstance(value, str | int) else value
    with pytest.raises(
        InputError, match=r"architectures: unknown architecture, value .*; known: "
    ) as e:
        imported("llama-3-8b", architectures=architectures)
    for family in FAMILIES.values():
        assert family.architectures[0] in str(e.value)


def test_the_architecture_goes_before_the_model_type(imported):
    renamed = imported("deepseek-v3", model_type="kimi_k2", n_routed_experts=384)
    assert renamed.ffn[1].experts == 384


def test_the_model_type_is_enough(imported):
    assert imported("llama-3-8b", architectures=...) == imported("llama-3-8b")
    assert imported("vit-b-16", architectures=...).head.kind == "pooler"  # the bare ViTModel


def test_absent_keys_follow_transformers(imported):
    llama = imported("llama-3-8b", num_key_value_heads=..., tie_word_embeddings=...)
    assert (llama.attention.kv_heads, llama.attention.head_dim) == (32, 128)
    assert not llama.head.tied
    assert imported("gpt2", tie_word_embeddings=...).head.tied
    assert imported("opt-125m", tie_word_embeddings=...).head.tied
    assert imported("mistral-7b", sliding_window=...).attention.window_tokens == 4096
    assert imported("mistral-7b", sliding_window=None).attention.window_tokens is None
    assert imported("mistral-7b", num_key_value_heads=...).attention.kv_heads == 8
    assert imported("qwen3-8b", head_dim=...).attention.head_dim == 128
    assert imported("gpt2", n_inner=100).ffn[0].intermediate == 100
    assert imported("opt-125m", word_embed_proj_dim=...).embedding.width is None


def test_layers_without_experts_are_dense(imported):
    def layers(name, **changes):
        return {f.kind: f.layers for f in imported(name, **changes).ffn}

    assert layers("deepseek-v3", first_k_dense_replace=0) == {"moe": 61}
    assert layers("deepseek-v3", first_k_dense_replace=61) == {"dense": 61}
    assert layers("deepseek-v3", moe_layer_freq=2) == {"dense": 32, "moe": 29}  # 4, 6 .. 60
    assert layers("qwen3-30b-a3b", decoder_sparse_step=2) == {"dense": 24, "moe": 24}
    assert layers("qwen3-30b-a3b", mlp_only_layers=[0, 47]) == {"dense": 2, "moe": 46}


def test_classes_come_from_the_labels(imported):
    labels = {str(i): f"label {i}" for i in range(10)}
    assert imported("vit-b-16", id2label=labels, num_labels=...).head.classes == 10
    assert imported("vit-b-16", num_labels=...).head.classes == 2


def test_experts_of_a_config_saved_by_transformers_5(imported):
    renamed = imported("qwen3-30b-a3b", num_experts=..., num_local_experts=128)
    assert renamed == imported("qwen3-30b-a3b")


def test_a_folder_gives_its_config_and_its_name(tmp_path):
    folder = tmp_path / "My-Llama"
    folder.mkdir()
    with pytest.raises(InputError, match=r"a folder without config\.json"):
        load_model(str(folder))
    (folder / "config.json").write_text((HF / "llama-3-8b.json").read_text())
    model = load_model(str(folder))
    assert model.name == "My-Llama"
    assert model.attention == load_model("llama-3-8b").attention


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(
        InputError, match=r"unknown model 'llama-3-8'.* did you mean 'llama-3-8b'\?"
    ):
        load_model("llama-3-8")


DENSE = {"kind": "dense", "layers": 1, "intermediate": 8, "activation": "silu", "gated": True}


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("vit-b-16", "head", {"kind": "lm", "tied": True}, "head.kind: must be classifier or"),
        ("vit-b-16", "embedding.image_size_px", 100, "must be a multiple of patch_size_px (16)"),
        ("llama-3-8b", "attention.kv_heads", 3, "attention.heads: must be a multiple of kv_heads"),
        ("llama-3-8b", "ffn", [DENSE | {"activation": "relu"}], "ffn.0.activation: must be gelu"),
        ("llama-3-8b", "ffn", [DENSE, DENSE], "ffn: must have at most one dense and one moe"),
        ("llama-3-8b", "ffn", [], "ffn: too short"),
        ("deepseek-v3", "attention.kv_lora_rank", 0, "attention.kv_lora_rank: too small"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, name, key, value, message):
    model = load_model(name).model_dump(mode="json")
    *path, last = key.split(".")
    (model[path[0]] if path else model)[last] = value
    file = tmp_path / "model.yaml"
    file.write_text(json.dumps(model, indent=1))
    with pytest.raises(InputError) as error:
        load_model(str(file))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("experts_per_token", 9, "experts_per_token: must be at most experts (8)"),
        ("shared_gate", True, "shared_gate: needs a shared_intermediate"),
        ("activation", "relu", "ffn.0.activation: unknown choice, value 'relu'"),
    ],
)
def test_experts_that_do_not_fit_are_refused(tmp_path, key, value, message):
    model = load_model("mixtral-8x7b").model_dump(mode="json")
    model["ffn"][0][key] = value
    file = tmp_path / "model.yaml"
    file.write_text(json.dumps(model, indent=1))
    with pytest.raises(InputError) as error:
        load_model(str(file))
    assert message in str(error.value)
