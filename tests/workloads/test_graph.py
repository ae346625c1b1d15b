"""Operator graphs: every weight used, every stream closed, every cached byte written."""

from dataclasses import replace
from itertools import pairwise

import pytest

from lockstep.arch.load import InputError
from lockstep.workloads.model import load_model, shipped_models
from lockstep.workloads.ops import Gemm, Vector
from lockstep.workloads.phases import Formats, Phase, graph
from lockstep.workloads.tensors import tensors

MODELS = {name: load_model(name) for name in shipped_models()}
DECODERS = [name for name, model in MODELS.items() if model.generates]
ENCODERS = [name for name in MODELS if name not in DECODERS]
BF16, INT8 = Formats(), Formats(weights="int8", activations="int8", kv="int8")
MIXED = Formats(weights="mxfp4", activations="bf16", kv="fp8_e4m3")
VIT_TABLES = {"embed.class_token", "embed.positions"}  # added, not multiplied


def phases(model):
    yield Phase(kind="prefill", batch=2, tokens=model.longest or 700)
    if model.generates:
        yield Phase(kind="prefill", batch=3, tokens=5, context=40)
        yield Phase(kind="decode", batch=4, context=50)


def graphs(model):
    """Every phase in every mix of formats."""
    for phase in phases(model):
        for formats in (BF16, INT8, MIXED):
            yield phase, formats, graph(model, phase, formats)


every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def taken(op):
    """Where an operator's input comes from, its format and its elements."""
    if isinstance(op, Gemm):
        return op.a, op.a_format, op.rows * op.k
    return op.source, op.in_format, op.elements


def made(op):
    """Where an operator's result goes, its format and its elements."""
    if isinstance(op, Gemm):
        return op.c, op.c_format, op.rows * op.n
    return op.sink, op.out_format, op.elements


@every_model
def test_every_stream_has_one_producer_and_one_consumer(model):
    # The class token joins the patches, and the rotated part of a latent leaves on its own.
    unequal = ("embed.patches", "attn.kv_a_proj")
    for _, _, ops in graphs(model):
        assert taken(ops[0])[0] != "stream"
        assert made(ops[-1])[0] != "stream"
        for op, following in pairwise(ops):
            assert (made(op)[0] == "stream") == (taken(following)[0] == "stream")
            if made(op)[0] == "stream":
                assert op.repeat == following.repeat
                assert made(op)[1] == taken(following)[1]
                assert made(op)[2] == taken(following)[2] or op.name.startswith(unequal)


@every_model
def test_names_are_unique(model):
    for _, _, ops in graphs(model):
        assert len({op.name for op in ops}) == len(ops)


@every_model
def test_every_new_token_is_written_to_the_cache(model):
    for phase, formats, ops in graphs(model):
        kept = [(made(op), op.repeat) for op in ops if made(op)[0] == "kv"]
        width = model.attention.cached_width * model.layers if model.generates else 0
        assert sum(n * repeat for (_, _, n), repeat in kept) == width * phase.rows
        assert {fmt for (_, fmt, _), _ in kept} <= {formats.kv}


@every_model
def test_gemms_multiply_by_every_weight_matrix_once(model):
    matrices = {
        t.name: t.elements
        for t in tensors(model)
        if len(t.shape) > 1 and t.reading != "rows" and t.name not in VIT_TABLES
    }
    if model.generates and model.head.tied:
        matrices["head.lm_head"] = next(tensors(model)).elements
    experts = {t.name: t.shape[0] for t in tensors(model) if t.reading == "experts"}
    for _, _, ops in graphs(model):
        used = {
            op.name: op.n * op.k * op.repeat * int(experts.get(op.name, op.instances))
            for op in ops
            if isinstance(op, Gemm) and op.b == "weight"
        }
        assert used == matrices


@pytest.mark.parametrize(
    "name", [n for n in MODELS if "moe" not in {f.kind for f in MODELS[n].ffn}]
)
def test_weights_of_the_graph_and_the_listed_rest_are_all_parameters(name):
    model = MODELS[name]
    ops = graph(model, next(phases(model)), BF16)
    gemms = sum(
        int(op.instances) * op.n * op.k * op.repeat
        for op in ops
        if isinstance(op, Gemm) and op.b == "weight" and op.name != "head.lm_head"
    )
    if model.generates and not model.head.tied:
        gemms += next(op.n * op.k for op in ops if op.name == "head.lm_head")
    outside = ("tokens", "positions", "token_types", "class_token", ".scale", ".bias")
    rest = sum(t.elements for t in tensors(model) if t.name.endswith(outside))
    assert gemms + rest == sum(t.elements for t in tensors(model))


@pytest.mark.parametrize("name", DECODERS)
def test_keys_come_from_the_cache_where_there_is_one(name):
    model = MODELS[name]
    for phase, cached in (
        (Phase(kind="prefill", tokens=8), False),
        (Phase(kind="prefill", tokens=8, context=8), True),
        (Phase(kind="decode", context=8), True),
    ):
        ops = {op.name: op for op in graph(model, phase, MIXED)}
        expanded = model.attention.kind == "latent" and phase.kind == "prefill"
        for product_ in (ops["attn.scores"], ops["attn.values"]):
            assert product_.b == ("kv" if cached and not expanded else "memory")
            assert product_.b_format == ("fp8_e4m3" if product_.b == "kv" else "bf16")
        if expanded:
            assert ops["attn.k_b_proj"].a == ("kv" if cached else "memory")
            assert ops["attn.k_b_proj"].m == phase.length


def test_a_group_of_query_heads_shares_its_keys():
    ops = {
        op.name: op
        for op in graph(MODELS["llama-3-8b"], Phase(kind="decode", batch=3, context=99), BF16)
    }
    scores, values = ops["attn.scores"], ops["attn.values"]
    assert (scores.instances, scores.m, scores.n, scores.k) == (3 * 8, 4, 100, 128)
    assert (values.instances, values.m, values.n, values.k) == (3 * 8, 4, 128, 100)
    assert (ops["attn.softmax"].rows, ops["attn.softmax"].cols) == (3 * 32, 100)


def test_absorbed_latent_attention_reads_one_latent_for_all_heads():
    ops = {
        op.name: op
        for op in graph(MODELS["deepseek-v3"], Phase(kind="decode", batch=2, context=9), BF16)
    }
    scores, values = ops["attn.scores"], ops["attn.values"]
    assert (scores.instances, scores.m, scores.n, scores.k) == (2, 128, 10, 512 + 64)
    assert (values.instances, values.m, values.n, values.k) == (2, 128, 512, 10)
    assert (ops["attn.k_b_proj"].instances, ops["attn.v_b_proj"].instances) == (128, 128)


def test_a_window_bounds_the_keys_of_a_query():
    for context, keys in ((10, 11), (4094, 4095), (4095, 4096), (9000, 4096)):
        ops = graph(MODELS["mistral-7b"], Phase(kind="decode", context=context), BF16)
        assert next(op.n for op in ops if op.name == "attn.scores") == keys


@pytest.mark.parametrize("name", DECODERS)
def test_the_head_sees_the_last_token_only(name):
    (head,) = (
        op
        for op in graph(MODELS[name], Phase(kind="prefill", batch=3, tokens=16), BF16)
        if op.name == "head.lm_head"
    )
    assert (head.m, head.n) == (3, MODELS[name].embedding.vocab)


@pytest.mark.parametrize("name", DECODERS)
def test_decode_steps_have_the_same_operators(name):
    steps = [graph(MODELS[name], Phase(kind="decode", context=c), INT8) for c in (0, 1, 77)]
    assert len({tuple(op.name for op in ops) for ops in steps}) == 1


@pytest.mark.parametrize("name", MODELS)
def test_narrow_formats_rescale_every_product_but_the_scores(name):
    model = MODELS[name]
    phase = next(phases(model))

    def rescaled(formats):
        return [op.name for op in graph(model, phase, formats) if op.name.endswith(".rescale")]

    gemms = [op.name for op in graph(model, phase, BF16) if isinstance(op, Gemm)]
    assert rescaled(BF16) == []
    assert rescaled(INT8) == [f"{g}.rescale" for g in gemms if g != "attn.scores"]


@pytest.mark.parametrize("name", MODELS)
def test_twice_the_layers_are_the_same_operators(name):
    model = MODELS[name]
    twice = model.model_copy(
        update={"ffn": tuple(f.model_copy(update={"layers": 2 * f.layers}) for f in model.ffn)}
    )
    phase = next(phases(model))
    for op, doubled in zip(graph(model, phase, BF16), graph(twice, phase, BF16), strict=True):
        in_layers = op.name.startswith(("attn.", "ffn.", "moe."))
        assert doubled == replace(op, repeat=op.repeat * (2 if in_layers else 1))


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_neither_decode_nor_continue(name):
    model = MODELS[name]
    for phase in (Phase(kind="decode"), Phase(kind="prefill", tokens=model.longest, context=1)):
        with pytest.raises(InputError, match=f"^{name} is an encoder"):
            graph(model, phase, BF16)


def test_sequences_fit_the_learned_positions():
    graph(MODELS["gpt2"], Phase(kind="decode", context=1023), BF16)
    with pytest.raises(InputError, match="gpt2 has learned positions for 1024 tokens"):
        graph(MODELS["gpt2"], Phase(kind="decode", context=1024), BF16)
    with pytest.raises(InputError, match="vit-b-16 makes 197 tokens of an image"):
        graph(MODELS["vit-b-16"], Phase(kind="prefill", tokens=196), BF16)


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "train"},
        {"kind": "decode", "tokens": 2},
        {"kind": "prefill", "tokens": 0},
        {"kind": "prefill", "batch": -1},
        {"kind": "decode", "context": -1},
        {"kind": "prefill", "tokens": 1.5},
        {"kind": "prefill", "tokens": True},
        {"kind": "prefill", "tokens": 1 << 31},
    ],
)
def test_a_phase_refuses_what_cannot_run(bad):
    with pytest.raises(InputError):
        Phase(**bad)


def test_formats_name_the_unknown_one():
    with pytest.raises(InputError, match=r"^kv: unknown format 'int9'"):
        Formats(kv="int9")


def test_vectors_of_a_dense_layer_by_hand():
    ops = graph(MODELS["llama-3-8b"], Phase(kind="prefill", batch=2, tokens=10), BF16)
    elements = {op.name: (op.function, op.elements) for op in ops if isinstance(op, Vector)}
    assert elements == {
        "embed.tokens": ("embedding", 20 * 4096),
        "attn.norm": ("rmsnorm", 20 * 4096),
        "attn.q_rope": ("rope", 20 * 4096),
        "attn.k_rope": ("rope", 20 * 1024),
        "attn.softmax": ("softmax", 2 * 32 * 10 * 10),
        "attn.residual": ("add", 20 * 4096),
        "ffn.norm": ("rmsnorm", 20 * 4096),
        "ffn.silu_mul": ("silu_mul", 20 * 14336),
        "ffn.residual": ("add", 20 * 4096),
        "head.norm": ("rmsnorm", 2 * 4096),
    }
