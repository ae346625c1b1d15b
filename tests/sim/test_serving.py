"""Continuous batching on several devices, against hand counts."""

from dataclasses import replace

import numpy as np
import pytest

from lockstep.arch.load import InputError
from lockstep.arch.machine import load_machine
from lockstep.sim.duplex import Routing
from lockstep.sim.duplex_devices import Devices, Links
from lockstep.sim.duplex_stage import Server, Stage, serve_on
from lockstep.sim.duplex_tables import LARGEST, StageTables, Table
from lockstep.sim.run import simulate
from lockstep.sim.serving import Load, serve
from lockstep.workloads.counts import kv_bytes_per_token, parameters
from lockstep.workloads.model import load_model
from lockstep.workloads.phases import Formats

FP16 = Formats(weights="fp16", activations="fp16", kv="fp16")
LINKS = Links(bytes_per_s=450e9, network_bytes_per_s=400e9, latency_s=6e-6, energy_pj_per_byte=10.0)
MIXTRAL, LLAMA = load_model("mixtral-8x7b"), load_model("llama-3.2-1b")
DUPLEX, GPU = load_machine("duplex"), load_machine("duplex", ["pim=null"])
NO_ROUTING = np.random.default_rng(0)


def devices(system=DUPLEX, count=1, **changes):
    values = {"node_devices": 8, "capacity_bytes": 80e9, "links": LINKS} | changes
    return Devices(system=system, count=count, **values)


def linear(seconds, joules=0.0):
    """A table of so much per unit of size."""
    top = np.array([0.0, LARGEST])
    return Table(sizes=top, seconds=top * seconds, joules=top * joules)


def by_hand(system=DUPLEX, *, expert=None, **changes):
    """A server that takes 1 s per row, 10 per token out, 100 (near the memory 30) per cached token
    of a sequence, and 1000 (near 5000) per token of a prompt.
    """
    near = system.machine.pim is not None

    def both(engine, other):
        return {"tensor": linear(engine, engine)} | ({"pim": linear(other, other)} if near else {})

    tables = StageTables(
        rows=linear(1.0, 1.0),
        head=linear(10.0, 10.0),
        running=both(100.0, 30.0),
        new=both(1000.0, 5000.0),
        expert=both(*expert) if expert else None,
    )
    server = Server(
        devices=devices(system),
        model=LLAMA,
        formats=FP16,
        tables=tables,
        routing=None,
        moe_layers=0,
    )
    return replace(server, **changes)


def test_stage_without_pim_is_a_sum():
    work = Stage(running=3, context_tokens=30, prompts=(7,))
    cost = by_hand(GPU).stage(work, NO_ROUTING)
    assert cost.parts["dense"] == 3 + 7
    assert cost.parts["head"] == 10 * 4
    assert cost.parts["attention"] == 3 * 10 * 100 + 7 * 1000
    assert cost.parts["experts"] == cost.parts["links"] == 0
    assert cost.seconds == cost.joules == sum(cost.parts.values())


def test_attention_of_prompts_and_of_running_sequences_overlap():
    work = Stage(running=3, context_tokens=30, prompts=(7,))
    server = by_hand()
    together = server.stage(work, NO_ROUTING).parts["attention"]
    assert together == pytest.approx(7 * 1000)  # 3 x 10 x 30 beside it
    alone = load_machine("duplex", ["pim.attention_co_processing=false"])
    apart = replace(server, devices=devices(alone)).stage(work, NO_ROUTING)
    assert apart.parts["attention"] == 7 * 1000 + 3 * 10 * 30
    long = Stage(running=3, context_tokens=3000, prompts=(7,))
    moved = 7 * kv_bytes_per_token(LLAMA, "fp16")
    migration = 2 * moved / (4 * 0.85 * 3352e9)
    near = server.stage(long, NO_ROUTING).parts["attention"]
    assert near == pytest.approx(3 * 1000 * 30 + migration, rel=1e-12)


def test_experts_are_shared_out_on_each_device():
    server = by_hand(
        expert=(4.0, 1.0), routing=Routing(experts=4, experts_per_token=4), moe_layers=3
    )
    cost = server.stage(Stage(running=5, context_tokens=5), NO_ROUTING)
    # Four experts of five tokens, 20 s or 5 s each: one stays (20), three move (15).
    assert cost.parts["experts"] == 3 * 20
    dealt = replace(server, devices=devices(count=4))
    assert dealt.stage(Stage(running=5, context_tokens=5), NO_ROUTING).parts["experts"] == 3 * 5
    gpu = by_hand(GPU, expert=(4.0, 1.0), routing=server.routing, moe_layers=3)
    assert gpu.stage(Stage(running=5, context_tokens=5), NO_ROUTING).parts["experts"] == 3 * 80


def test_too_large_a_stage_is_refused():
    with pytest.raises(InputError, match=r"^stage: \d+ new tokens; 131072 at most"):
        by_hand().stage(Stage(running=1, context_tokens=1, prompts=(LARGEST,)), NO_ROUTING)


def test_links_by_hand():
    eight = devices(count=8)
    seconds, joules = eight.reduce(1000, "fp16")
    assert seconds == pytest.approx(6e-6 + 2 * 7 / 8 * 2000 / 450e9)
    assert joules == pytest.approx(8 * 2 * 7 / 8 * 2000 * 10e-12)
    assert devices(count=1).reduce(1000, "fp16") == eight.exchange(1000, "fp16") == (0.0, 0.0)
    seconds, _ = devices(count=16).exchange(1000, "fp16")
    assert seconds == pytest.approx(6e-6 + 1000 / 400e9)


def test_shards_of_all_devices_are_the_model():
    for expert_tensor, groups, width in ((False, 4, 14336), (True, 1, 3584)):
        four = devices(count=4, expert_tensor=expert_tensor)
        own = four.shard(MIXTRAL)
        assert (own.attention.heads, own.attention.kv_heads) == (8, 2)
        assert own.ffn[0].intermediate == width
        assert four.expert_groups(8) == groups
        whole = 4 * four.weight_bytes(MIXTRAL, FP16)
        assert whole == pytest.approx(2 * parameters(MIXTRAL), rel=1e-3)  # norms, routers: all have


def test_room_for_the_cache():
    four = devices(GPU, 4)
    per_token = kv_bytes_per_token(MIXTRAL, "fp16") / 4
    left = 80e9 - four.weight_bytes(MIXTRAL, FP16)
    assert four.kv_capacity_tokens(MIXTRAL, FP16) == int(left / per_token)
    small = devices(DUPLEX, 1)
    per_token = kv_bytes_per_token(LLAMA, "fp16")
    assert small.kv_capacity_tokens(LLAMA, FP16) == int(80e9 * 3 / 4 / per_token)


@pytest.mark.parametrize(
    ("count", "model", "says"),
    [
        (9, "mixtral-8x7b", "9 do not make 2 equal nodes of at most 8"),
        (3, "mixtral-8x7b", "32 heads and 8 of keys, which 3 devices"),
        (1, "mixtral-8x7b", "1 of 80 GB do not hold mixtral-8x7b: 93.4 GB"),
        (2, "bert-base", "only decoders with grouped attention"),
    ],
)
def test_bad_devices_are_one_line(count, model, says):
    with pytest.raises(InputError, match=says):
        devices(count=count).kv_capacity_tokens(load_model(model), FP16)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch": 0}, "batch: must be 1 to"),
        ({"spread": 2.0}, "spread: must be 0 to 1, not 2"),
        ({"requests_per_s": 0.0}, "requests_per_s: must be more than 0, not 0"),
    ],
)
def test_bad_loads_are_one_line(change, says):
    with pytest.raises(InputError, match=says):
        Load(**({"batch": 4, "input_tokens": 8, "output_tokens": 8} | change))


LOAD = Load(batch=8, input_tokens=20, output_tokens=30, requests=40)


def test_every_token_is_made_once():
    run = serve(by_hand(), LOAD)
    assert len(run.completed) >= 40
    assert all(r.made == r.output_tokens for r in run.completed)
    first = run.tokens - int(run.stage_running.sum())  # of prompts, one each
    assert first >= len(run.completed)
    assert run.stage_running.max() <= 8
    assert run.seconds == pytest.approx(run.stage_seconds.sum())


def test_batch_is_always_full_while_requests_wait():
    run = serve(by_hand(), LOAD)
    starts = run.tokens - run.stage_running.sum()
    assert run.tokens == 8 * len(run.stage_seconds)
    assert starts > 0


def test_lengths_are_the_same_whatever_the_machine():
    fast, slow = serve(by_hand(), LOAD), serve(by_hand(GPU), LOAD)
    assert [r.output_tokens for r in fast.completed] == [r.output_tokens for r in slow.completed]
    assert fast.seconds < slow.seconds


def test_runs_repeat_by_seed():
    one, same = serve(by_hand(), LOAD), serve(by_hand(), LOAD)
    assert (one.stage_seconds == same.stage_seconds).all()
    other = serve(by_hand(), replace(LOAD, seed=5))
    assert [r.input_tokens for r in one.completed] != [r.input_tokens for r in other.completed]


def test_one_sequence_at_a_time_by_hand():
    load = Load(batch=1, input_tokens=5, output_tokens=3, spread=0.0, requests=2)
    run = serve(by_hand(GPU), load)
    prompt = 5 + 10 + 5 * 1000
    steps = [1 + 10 + context * 100 for context in (5, 6)]
    assert run.ttft_s(50) == prompt
    assert run.e2e_s(50) == prompt + sum(steps)
    assert list(run.stage_seconds[-3:]) == [prompt, *steps]
    assert run.tbt_s(100) == steps[-1]


def test_arrivals_wait_when_they_come_too_fast():
    slow = replace(LOAD, requests_per_s=1e-9, requests=5)
    lone = serve(by_hand(), slow)
    assert lone.stage_running.max() <= 1
    assert lone.tbt_s(100) < 60 * 100
    fast = serve(by_hand(), replace(slow, requests_per_s=1e-3, requests=30))
    assert fast.ttft_s(99) > 5 * lone.ttft_s(99)


def test_memory_bounds_the_batch():
    room = devices(DUPLEX).weight_bytes(LLAMA, FP16) + 130 * kv_bytes_per_token(LLAMA, "fp16")
    tight = by_hand(devices=devices(capacity_bytes=room))
    run = serve(tight, LOAD)
    assert run.stage_running.max() <= 5
    with pytest.raises(InputError, match="but a request may have 1000"):
        serve(tight, replace(LOAD, input_tokens=300, output_tokens=200))


def test_tables_are_the_engines_costs():
    """A stage of a dense model on one device is a decode step of ``lockstep run``."""
    server = serve_on(devices(GPU), LLAMA, FP16, 512)
    step = simulate(GPU, LLAMA, prefill=256, decode=1, batch=16, formats=FP16)
    cost = server.stage(Stage(running=16, context_tokens=16 * 256), NO_ROUTING)
    assert cost.seconds == pytest.approx(step.tpot_s, rel=1e-9)
    prompt = server.stage(Stage(running=0, context_tokens=0, prompts=(300,)), NO_ROUTING)
    whole = simulate(GPU, LLAMA, prefill=300, formats=FP16)
    assert prompt.seconds == pytest.approx(whole.ttft_s, rel=0.02)
    energy = sum(whole.energy_pj().values()) * 1e-12
    assert prompt.joules == pytest.approx(energy, rel=0.02)


def test_answers_of_one_token_are_done_with_their_prompt():
    load = Load(batch=4, input_tokens=5, output_tokens=1, spread=0.0, requests=8)
    run = serve(by_hand(), load)
    assert run.tokens == len(run.completed) == 8
    assert run.ttft_s(50) == run.e2e_s(50)


def test_a_table_is_not_read_beyond_its_end():
    with pytest.raises(ValueError, match="beyond the table's 131072"):
        linear(1.0).at(LARGEST + 1)
