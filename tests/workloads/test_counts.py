"""Counts against formulas written by hand, published cache sizes, and what must be monotone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.workloads.counts import (
    count,
    flops,
    kv_bytes_per_token,
    parameters,
    weight_bytes,
    weight_bytes_touched,
)
from lockstep.workloads.model import load_model, shipped_models
from lockstep.workloads.phases import Formats, Phase, graph

MODELS = {name: load_model(name) for name in shipped_models()}
DECODERS = [name for name, model in MODELS.items() if model.generates]
BF16 = Formats()


def flops_of(model, phase):
    return flops(graph(model, phase, BF16))


@pytest.mark.parametrize(("batch", "tokens", "context"), [(1, 2048, 0), (3, 7, 0), (2, 5, 100)])
def test_llama_prefill_flops_by_hand(batch, tokens, context):
    h, kv, i, vocab, layers = 4096, 1024, 14336, 128256, 32
    rows = batch * tokens
    projections = rows * (h * h + 2 * h * kv + h * h + 3 * h * i)
    attention = 2 * rows * (context + tokens) * h  # scores and values, 32 heads of 128
    by_hand = 2 * (layers * (projections + attention) + batch * vocab * h)
    phase = Phase(kind="prefill", batch=batch, tokens=tokens, context=context)
    assert flops_of(MODELS["llama-3-8b"], phase) == by_hand


def test_gpt2_decode_flops_by_hand():
    by_hand = 2 * 5 * (12 * (12 * 768 * 768 + 2 * 100 * 768) + 50257 * 768)
    assert flops_of(MODELS["gpt2"], Phase(kind="decode", batch=5, context=99)) == by_hand


def test_bert_flops_by_hand():
    layer = 512 * 12 * 768 * 768 + 2 * 512 * 512 * 768
    by_hand = 2 * (12 * layer + 768 * 768)
    assert flops_of(MODELS["bert-base"], Phase(kind="prefill", tokens=512)) == by_hand


def test_vit_flops_are_the_published_ones():
    # torchvision's documentation of ViT_B_16_Weights.IMAGENET1K_V1: 17.56 GFLOPS, one per MAC
    flop = flops_of(MODELS["vit-b-16"], Phase(kind="prefill", tokens=197))
    assert flop / 2e9 == pytest.approx(17.56, abs=0.005)


def test_mixtral_prefill_flops_by_hand():
    h, kv, i = 4096, 1024, 14336
    layer = 64 * (2 * h * h + 2 * h * kv + 8 * h + 2 * 3 * h * i) + 2 * 64 * 64 * h
    by_hand = 2 * (32 * layer + 32000 * h)
    assert flops_of(MODELS["mixtral-8x7b"], Phase(kind="prefill", tokens=64)) == by_hand


def latent_flops(tokens, keys, *, absorbed):
    """DeepSeek-V3: h hidden, n heads, q and c the ranks; p plain, r rotated, v value of a head."""
    h, n, q, c, p, r, v = 7168, 128, 1536, 512, 128, 64, 128
    projections = tokens * (h * q + q * n * (p + r) + h * (c + r) + n * v * h)
    if absorbed:
        attention = tokens * n * (p * c + keys * (c + r) + keys * c + c * v)
    else:
        attention = keys * c * n * (p + v) + tokens * keys * n * (p + r + v)
    dense = tokens * 3 * h * 18432
    moe = tokens * (h * 256 + (8 + 1) * 3 * h * 2048)
    return 2 * (61 * (projections + attention) + 3 * dense + 58 * moe + 129280 * h)


def test_latent_attention_flops_by_hand():
    model = MODELS["deepseek-v3"]
    decode = Phase(kind="decode", context=4095)
    assert flops_of(model, decode) == latent_flops(1, 4096, absorbed=True)
    for tokens, context in ((512, 0), (16, 1000)):
        prefill = Phase(kind="prefill", tokens=tokens, context=context)
        expected = latent_flops(tokens, tokens + context, absorbed=False)
        assert flops_of(model, prefill) == expected


@pytest.mark.parametrize(
    ("name", "kv", "size_bytes"),
    [
        ("deepseek-v3", "bf16", 70_272),  # arXiv 2505.09343, table 1
        ("qwen2.5-72b", "bf16", 327_680),  # same
        ("llama-3.1-405b", "bf16", 516_096),  # same
        ("llama-3-8b", "bf16", 131_072),  # 2 x 32 layers x 8 heads x 128 x 2 bytes
        ("llama-3-8b", "int8", 65_536),
        ("llama-3-8b", "mxfp4", 65_536 * 17 // 32),  # 4 bits and a 32nd of 8
        ("opt-66b", "fp16", 2 * 64 * 9216 * 2),
        ("bert-base", "bf16", 0),
    ],
)
def test_cache_bytes_per_token(name, kv, size_bytes):
    assert kv_bytes_per_token(MODELS[name], kv) == size_bytes


def test_cache_holds_the_batch_up_to_the_window():
    phase = Phase(kind="decode", batch=3, context=8000)
    for name, tokens in (("llama-3-8b", 8001), ("mistral-7b", 4096)):
        assert count(MODELS[name], phase, BF16)["kv_cache_bytes"] == 3 * tokens * 131_072


def test_weight_bytes_round_up_once():
    model = MODELS["gpt2"]
    assert weight_bytes(model, "bf16") == 2 * 124_439_808
    assert weight_bytes(model, "int3") == -(-3 * 124_439_808 // 8)
    assert weight_bytes(model, "mxfp4") == -(-17 * 124_439_808 // 32)


def test_dense_decode_touches_all_but_the_token_table():
    model = MODELS["llama-3-8b"]
    touched = weight_bytes_touched(model, Phase(kind="decode", batch=2, context=9), "int8")
    assert touched == parameters(model) - (128256 - 2) * 4096


def test_tied_table_is_touched_whole():
    model = MODELS["llama-3.2-1b"]
    assert weight_bytes_touched(model, Phase(kind="decode"), "int8") == parameters(model)


def test_one_token_touches_the_active_experts():
    counts = count(MODELS["mixtral-8x7b"], Phase(kind="decode"), Formats(weights="int8"))
    table = 32000 * 4096
    assert counts["weight_bytes_touched"] == counts["active_parameters"] - table + 4096


def test_counts_are_whole_numbers_for_every_model():
    for model in MODELS.values():
        phase = Phase(kind="prefill", batch=2, tokens=model.longest or 33)
        counts = count(model, phase, Formats(weights="mxfp4", activations="int8", kv="nvfp4"))
        assert {type(value) for value in counts.values()} == {int}
        assert counts["weight_bytes_touched"] <= counts["weight_bytes"]
        assert counts["active_parameters"] <= counts["parameters"]


names = st.sampled_from(DECODERS)
sizes = st.integers(1, 60)


@settings(max_examples=150, deadline=None)
@given(
    name=names,
    kind=st.sampled_from(["prefill", "decode"]),
    batch=sizes,
    tokens=sizes,
    context=sizes,
    grown=st.sampled_from(["batch", "tokens", "context"]),
    more=sizes,
)
def test_more_of_anything_is_more_work(name, kind, batch, tokens, context, grown, more):
    if kind == "decode":
        tokens, grown = 1, "context" if grown == "tokens" else grown
    size = {"batch": batch, "tokens": tokens, "context": context}
    small = count(MODELS[name], Phase(kind=kind, **size), BF16)
    large = count(MODELS[name], Phase(kind=kind, **{**size, grown: size[grown] + more}), BF16)
    assert large["flops"] > small["flops"]
    assert large["vector_elements"] > small["vector_elements"]
    assert large["kv_cache_bytes"] > small["kv_cache_bytes"]
    assert large["weight_bytes_touched"] >= small["weight_bytes_touched"]


@settings(max_examples=50, deadline=None)
@given(name=names, tokens=sizes, extra=st.integers(1, 9))
def test_more_layers_are_more_of_everything(name, tokens, extra):
    model = MODELS[name]
    deeper = model.model_copy(
        update={"ffn": tuple(f.model_copy(update={"layers": f.layers + extra}) for f in model.ffn)}
    )
    phase = Phase(kind="prefill", tokens=tokens)
    small, large = count(model, phase, BF16), count(deeper, phase, BF16)
    assert all(large[key] > small[key] for key in small)
