"""Duplex's device and its policy of sharing experts, against hand counts and brute force."""

import itertools

import numpy as np
import pytest

from lockstep.arch.load import InputError
from lockstep.arch.machine import load_machine
from lockstep.cli.main import main
from lockstep.sim.area import area_mm2
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.sim.duplex import Routing, draw_tokens, routing_of, split_experts
from lockstep.sim.engine import cost_by_processor
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm

DUPLEX = load_machine("duplex")
ALONE = ("pim.expert_co_processing=false", "pim.attention_co_processing=false")
MIXTRAL = load_model("mixtral-8x7b")
FP16 = {"a_format": "fp16", "b_format": "fp16", "c_format": "fp16"}


def test_one_stack_is_the_papers():
    pim = DUPLEX.machine.pim
    assert 2 * pim.macs_per_s() == 32 * 512 * 2 * 650e6 == 21.2992e12
    assert round(2 * pim.macs_per_s() / (4 * DUPLEX.dram.peak_bytes_per_s)) == 8
    bank = load_machine("duplex-bank-pim")
    wide = bank.machine.pim.bandwidth_multiple * bank.dram.peak_bytes_per_s
    assert wide == 4 * pim.bandwidth_multiple * DUPLEX.dram.peak_bytes_per_s
    assert 2 * bank.machine.pim.macs_per_s() / wide == pytest.approx(1, rel=1e-4)
    group = load_machine("duplex-bankgroup-pim").machine.pim
    assert group.macs_per_s() == pim.macs_per_s()
    assert group.energy["read_byte"].energy_pj < pim.energy["read_byte"].energy_pj


def test_device_is_the_papers():
    engine = DUPLEX.machine.engine
    assert 2 * engine.pes * DUPLEX.machine.clock_hz == 989.4e12
    assert DUPLEX.dram.peak_bytes_per_s * DUPLEX.machine.dram.channels == 3352e9
    assert area_mm2(DUPLEX)["pim"] == pytest.approx(5 * 17.80)


def test_a_roofline_engine_is_its_rate():
    engine = DUPLEX.machine.engine
    assert compute_cycles(engine, 100, 4096, 4096) == 100 * 4096 * 4096 / (0.8 * 494700)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("pim.bank_bundles=1", "pim.bank_bundles: must be 2 or more for co-processing"),
        ("pim.expert_coprocessing=true", "did you mean 'expert_co_processing'?"),
        ("tensor.efficiency=1.5", "tensor.efficiency: too large, value 1.5"),
        ("tensor.macs=0", "tensor.macs: too small, value 0"),
    ],
)
def test_bad_keys_are_one_line(override, says, capsys):
    argv = ["run", "duplex", "--model", "mixtral-8x7b", "--prefill", "1", "--set", override]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_it_has_no_rtl(tmp_path, capsys):
    assert main(["rtl", "duplex", "-o", str(tmp_path)]) == 2
    assert "RooflineConfig has no RTL" in capsys.readouterr().err
    assert main(["verify", "duplex", "--quick"]) == 2
    assert "tensor.kind 'roofline' has no RTL" in capsys.readouterr().err


def greedy(tokens, engine, near):
    """The paper's procedure, expert by expert; those without tokens are nowhere."""
    order = [i for i in np.argsort(tokens, kind="stable") if tokens[i]]
    done, time = 0, engine.sum()
    for moved in range(1, len(order) + 1):
        ours = near[order[:moved]].sum()
        theirs = engine[order[moved:]].sum()
        if max(ours, theirs) >= time:
            break
        done, time = moved, max(ours, theirs)
    return order[:done], time


@pytest.mark.parametrize("seed", range(40))
def test_split_is_the_greedy_one_and_near_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    experts = int(rng.integers(1, 9))
    tokens = rng.integers(0, 40, experts)
    engine = np.where(tokens, np.maximum(8.0, tokens / 40), 0.0)
    near = np.where(tokens, np.maximum(2.0, tokens / 4), 0.0)
    split = split_experts(tokens, engine, near)
    near_ones, time = greedy(tokens, engine, near)
    assert split.time == pytest.approx(time)
    assert tokens[split.order[: split.near]].sum() == tokens[near_ones].sum()
    best = min(
        max(engine[list(rest)].sum(), near[[i for i in range(experts) if i not in rest]].sum())
        for n in range(experts + 1)
        for rest in itertools.combinations(range(experts), n)
    )
    assert best <= split.time + 1e-9
    assert split.time <= min(engine.sum(), near.sum()) + 1e-9
    assert split.time <= best + engine.max()  # one expert more or less


def test_draws_visit_distinct_experts_evenly():
    rng = np.random.default_rng(1)
    draws = np.array([draw_tokens(rng, 48, 8, 2) for _ in range(400)])
    assert (draws.sum(axis=1) == 96).all()
    assert draws.max() <= 48
    assert draws.mean(axis=0) == pytest.approx([12] * 8, rel=0.05)
    assert draw_tokens(rng, 5000, 8, 2).sum() == 10000
    assert (draw_tokens(rng, 7, 4, 4) == 7).all()


def test_draws_repeat_by_seed():
    one, same, other = (Routing(experts=64, experts_per_token=2, seed=s) for s in (1, 1, 2))
    assert (one.draw(100) == same.draw(100)).all()
    assert (one.draw(100) != other.draw(100)).any()
    assert routing_of(load_model("opt-66b")) is None
    assert routing_of(MIXTRAL) == Routing(experts=8, experts_per_token=2)


def test_each_processor_by_hand():
    op = Gemm(name="x", m=4, n=4096, k=14336, a="stream", c="stream", **FP16)
    cost = cost_by_processor(DUPLEX, [(op,)])[op,]
    weights, rest = 4096 * 14336, 4 * (4096 + 14336)
    rate = 0.85 * 3.352e12
    near = max((weights + rest) * 2 / (4 * rate), 4 * weights / (5 * 21.2992e12 / 2))
    assert cost["pim"][0].pim_cycles == pytest.approx(near * 1e9)
    assert cost["tensor"][0].dma_cycles == pytest.approx(weights * 2 / rate * 1e9)
    assert cost["tensor"][0].tensor_cycles >= 4 * weights / (0.8 * 494700)


def test_shared_experts_lose_no_work_and_take_no_longer():
    shared = simulate(DUPLEX, MIXTRAL, prefill=64, decode=2, batch=48)
    alone = simulate(load_machine("duplex", ALONE), MIXTRAL, prefill=64, decode=2, batch=48)
    assert shared.activity.macs == pytest.approx(alone.activity.macs)
    assert shared.decode.cycles < alone.decode.cycles
    experts = [op for op in shared.decode.ops if op.name == "moe.up_proj"]
    assert all(op.tensor_cycles and op.pim_cycles for op in experts)
    others = [op for op in shared.decode.ops if not op.name.startswith("moe.")]
    assert not any(op.tensor_cycles and op.pim_cycles for op in others)


def test_experts_of_one_token_are_all_near():
    few = simulate(DUPLEX, load_model("glam-143b"), prefill=1, batch=1)
    (up,) = (op for op in few.prefill.ops if op.name == "moe.up_proj")
    assert up.tensor_cycles == 0
    assert up.latency_cycles > up.pim_cycles > 0
    assert up.activity.macs == 2 * 10920 * 4096 * 16  # two experts, 16 layers


def test_runs_repeat(capsys):
    argv = ["run", "duplex", "--model", "mixtral-8x7b", "--prefill", "32", "--decode", "2",
            "--batch", "32", "--json"]  # fmt: skip
    assert main(argv) == 0
    first = capsys.readouterr().out
    assert main(argv) == 0
    assert capsys.readouterr().out == first


def test_the_papers_models_have_its_sizes():
    from lockstep.workloads.counts import parameters

    assert parameters(load_model("glam-143b")) == pytest.approx(143e9, rel=0.01)
    assert parameters(load_model("grok-1")) == pytest.approx(314e9, rel=0.01)


def test_without_its_pim_it_is_a_gpu():
    assert load_machine("duplex", ["pim=null"]).machine.pim is None
    with pytest.raises(InputError, match="tensor: is missing"):
        load_machine("duplex", ["pim=null", "tensor=null"])
