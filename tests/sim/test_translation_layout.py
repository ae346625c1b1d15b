"""Where scattered data lie, and the pages that a run of bytes touches."""

import numpy as np
import pytest

from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.mmu_use import MmuUse
from lockstep.sim.page_table import NATIVE, SHARE_BITS, is_large
from lockstep.sim.translation_layout import Runs, VirtualMemory, first_layer, is_scattered
from lockstep.sim.translation_requests import page_requests
from lockstep.workloads.model import Model
from lockstep.workloads.phases import Formats, Phase, graph
from lockstep.workloads.streams.chunk import LOAD, STORE

FORMATS = Formats(weights="int8", activations="int8", kv="int8")
GROUPED = {"kind": "grouped", "heads": 4, "kv_heads": 2, "head_dim": 32, "rope": True}
LATENT = {
    "kind": "latent", "heads": 4, "kv_lora_rank": 96, "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 32, "v_head_dim": 32,
}  # fmt: skip
DENSE = {"kind": "dense", "layers": 2, "intermediate": 256, "activation": "silu", "gated": True}
MOE = {
    "kind": "moe", "layers": 3, "experts": 8, "experts_per_token": 2, "intermediate": 64,
    "activation": "silu",
}  # fmt: skip


def model(attention=GROUPED, ffn=(DENSE,), **changed):
    return Model.model_validate(
        {
            "kind": "model",
            "name": "tiny",
            "source": "made up for the tests",
            "hidden": 128,
            "embedding": {"kind": "tokens", "vocab": 1000},
            "attention": attention,
            "norm": "rmsnorm",
            "ffn": ffn,
            "head": {"kind": "lm", "tied": False},
        }
        | changed
    )


def memory(described, phases, **use):
    return VirtualMemory(described, phases, FORMATS, MmuUse(preset="npu-iommu", **use))


def op_of(described, phase, name):
    (op,) = (op for op in graph(described, phase, FORMATS) if op.name == name)
    return op


def npu(*overrides):
    return load(MmuConfig, resolve("mmu", "npu-iommu"), overrides)


def as_set(runs):
    """Every byte."""
    return {
        byte
        for start, size in zip(runs.start.tolist(), runs.size_bytes.tolist(), strict=True)
        for byte in range(start, start + size)
    }


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_request_for_every_page_of_every_run(share):
    cfg = npu(f"large_page_share={share}")
    rng = np.random.default_rng(5)
    start = rng.integers(1 << 36, (1 << 36) + (64 << 21), 40)
    size = rng.integers(1, 5 << 20, 40)
    chunk = page_requests(cfg, Runs(start, size, stored=True))
    expected = []
    for at, end in zip(start.tolist(), (start + size).tolist(), strict=True):
        while at < end:
            large = is_large(at, 0, NATIVE, round(share * (1 << SHARE_BITS)))
            page_end = ((at >> (21 if large else 12)) + 1) << (21 if large else 12)
            expected.append((at, -(-(min(page_end, end) - at) // 64)))
            at = page_end
    assert list(zip(chunk.address.tolist(), chunk.gap.tolist(), strict=True)) == expected
    assert set(chunk.kind.tolist()) == {STORE}
    assert set(page_requests(cfg, Runs(start, size)).kind.tolist()) == {LOAD}


@pytest.mark.parametrize(("attention", "pools"), [(GROUPED, 2), (LATENT, 1)])
def test_steps_read_what_was_written_before(attention, pools):
    """Keys and values of all tokens of all sequences, each at its own place, in every layer."""
    described = model(attention)
    phases = [Phase(kind="prefill", batch=3, tokens=21)]
    phases += [Phase(kind="decode", batch=3, context=21 + i) for i in range(13)]
    place = memory(described, phases, kv_block_tokens=8)
    for layer in range(described.layers):
        written, read = set(), set()
        for step, phase in enumerate(phases):
            for op in graph(described, phase, FORMATS):
                if is_scattered(op) and op.name.startswith("attn."):
                    runs = place.runs(op, layer, phase, step)
                    (written if runs.stored else read).update(as_set(runs))
        tokens = 3 * phases[-1].length
        assert len(written) == tokens * described.attention.cached_width
        assert read == written
    assert pools == len({name for name, _ in place.starts if name != "embed.tokens"})


def test_blocks_of_sequences_are_apart_and_mixed():
    described, phase = model(), Phase(kind="decode", batch=4, context=99)
    op = op_of(described, phase, "attn.scores")
    runs = memory(described, [phase], seed=3).runs(op, 0, phase, 0)
    by_sequence = runs.start.reshape(4, 7)
    assert len(set(runs.start.tolist())) == 28
    gaps = np.diff(by_sequence, axis=1)
    assert not (gaps == 16 * 64).all(axis=1).any()  # nobody's blocks lie one behind the other
    other = memory(described, [phase], seed=4).runs(op, 0, phase, 0)
    assert (runs.start != other.start).any()
    assert (runs.size_bytes.reshape(4, 7) == [16 * 64] * 6 + [4 * 64]).all()


def test_a_window_reads_its_last_tokens():
    described = model(GROUPED | {"window_tokens": 20})
    phase = Phase(kind="decode", batch=2, context=69)
    place = memory(described, [phase])
    whole = memory(model(), [phase]).runs(op_of(model(), phase, "attn.values"), 1, phase, 0)
    runs = place.runs(op_of(described, phase, "attn.values"), 1, phase, 0)
    assert runs.size_bytes.reshape(2, -1).tolist() == 2 * [[14 * 64, 6 * 64]]
    assert whole.size_bytes.sum() == 2 * 70 * 64


def test_experts_of_a_layer_are_the_same_for_its_matrices():
    described = model(ffn=(DENSE, MOE))
    phase = Phase(kind="decode", batch=3, context=9)
    place = memory(described, [phase])
    ops = [op_of(described, phase, f"moe.{name}_proj") for name in ("up", "gate", "down")]
    counts = []
    for step in range(200):
        first = {}
        for op in ops:
            assert first_layer(described, op) == 2
            runs = place.runs(op, 3, phase, step)
            assert (runs.size_bytes == int(op.b_bytes)).all()
            base = place.starts[op.name, 1]
            first[op.name] = ((runs.start - base) // runs.size_bytes).tolist()
        (experts,) = {tuple(each) for each in first.values()}
        assert list(experts) == sorted(set(experts))
        assert set(experts) <= set(range(8))
        counts.append(len(experts))
    assert np.mean(counts) == pytest.approx(ops[0].instances, rel=0.03)
    assert place.runs(ops[0], 4, phase, 0).start.tolist() != first


def test_rows_of_tables():
    described = model(
        embedding={
            "kind": "tokens", "vocab": 1000, "positions": 64, "position_offset": 2, "token_types": 2,
        }
    )  # fmt: skip
    phase = Phase(kind="prefill", batch=2, tokens=20)
    place = memory(described, [phase])
    rows = {}
    for name in ("tokens", "positions", "token_types"):
        runs = place.runs(op_of(described, phase, f"embed.{name}"), 0, phase, 0)
        assert (runs.size_bytes == 128).all()
        rows[name] = (runs.start - place.starts[f"embed.{name}", 0]) / 128
    assert rows["positions"].tolist() == 2 * list(range(2, 22))
    assert set(rows["token_types"].tolist()) == {0}
    assert len(rows["tokens"]) == 40
    assert 0 <= rows["tokens"].min() < rows["tokens"].max() < 1000
    again = place.runs(op_of(described, phase, "embed.tokens"), 0, phase, 1)
    assert (again.start != rows["tokens"]).any()


def test_streams_are_not_scattered():
    described = model(ffn=(DENSE, MOE))
    scattered = [
        op.name
        for op in graph(described, Phase(kind="decode", context=9), FORMATS)
        if is_scattered(op)
    ]
    assert scattered == [
        "embed.tokens", "attn.k_rope", "attn.v_proj.rescale", "attn.scores", "attn.values",
        "moe.up_proj", "moe.gate_proj", "moe.down_proj",
    ]  # fmt: skip


def test_an_encoder_has_no_cache():
    described = model(head={"kind": "pooler"})
    phase = Phase(kind="prefill", tokens=9)
    place = memory(described, [phase])
    assert [name for name, _ in place.starts] == ["embed.tokens"]
