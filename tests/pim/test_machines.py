"""Machines whose banks compute: costs by hand, parallelism, energy, and what is refused."""

from typing import get_args

import numpy as np
import pytest
import yaml

from lockstep.arch.error import InputError
from lockstep.arch.load import resolve
from lockstep.arch.machine import load_machine
from lockstep.arch.near_memory import BankEvent
from lockstep.arch.pim import load_pim
from lockstep.arch.pim_isa import Op
from lockstep.sim.cycle.pim import run
from lockstep.sim.cycle.pim_map import gemv_program
from lockstep.sim.cycle.pim_tiles import tiled_gemv_program
from lockstep.sim.energy import energy_pj
from lockstep.sim.golden.pim import PimState, execute
from lockstep.sim.near_bank import cost_gemm, refresh_stretch
from lockstep.sim.report import write_report
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.phases import Formats

GPT2 = load_model("gpt2")
ONE = ("pim.devices=1", "pim.pipeline_parallel=1")


def product(n, k, m=1, **more):
    formats = {f"{side}_format": "bf16" for side in "abc"}
    return Gemm(name="x", m=m, n=n, k=k, **formats, **more)


def cost(system, op):
    return cost_gemm(system, system.machine.pim, op)


@pytest.fixture(scope="module")
def device():
    """One device of AiM, 32 channels."""
    return load_machine("aim-cent", ONE)


def test_one_product_by_hand(device):
    found = cost(device, product(4096, 4096)).activity
    # 128 outputs per channel are 8 for each of 16 banks; 4096 inputs are 4 rows of 1024.
    groups, chunks, channels = 8, 4, 32
    assert found.pim["mac_burst"] == 4096 * 4096 / (16 * 16)
    assert found.pim["activate"] == groups * chunks * 16 * channels
    assert found.pim["row_miss"] / found.pim["row_access"] == 1 / 64
    bursts_in = chunks * 64 + groups * chunks * 2  # the vector, and zeros for 16 FP32 sums
    assert found.dram_write_bytes == bursts_in * 32 * channels
    assert found.dram_read_bytes == groups * chunks * 2 * 32 * channels
    assert found.pim["pin_byte"] == found.dram_bytes
    assert found.macs == found.pim["mac"] == 4096 * 4096


def test_time_is_the_command_level_models(device):
    whole = run(device.channel, gemv_program(device.channel, 2000, 4096))  # many refreshes
    found = cost(device, product(2000 * 32, 4096))
    ours = found.latency_cycles / device.machine.clock_hz / (device.channel.clock_ps * 1e-12)
    assert ours == pytest.approx(whole.cycles, rel=0.01)
    assert 1.05 < refresh_stretch(device.channel) < 1.15
    still = device.channel.model_copy(update={"refresh": False})
    assert refresh_stretch(still) == 1


def test_a_product_of_rows_is_as_many_products(device):
    one, many = cost(device, product(512, 300)), cost(device, product(512, 300, m=7))
    assert many.latency_cycles == pytest.approx(7 * one.latency_cycles)
    assert many.activity.pim["activate"] == 7 * one.activity.pim["activate"]


def test_more_channels_are_never_slower():
    times = [
        cost(load_machine("aim-cent", [*ONE, f"dram.channels={c}"]), product(4096, 1000))
        for c in (1, 4, 16, 32, 64)
    ]
    cycles = [t.latency_cycles for t in times]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > 3 * cycles[1]


def test_heads_that_are_fewer_than_channels_share_them(device):
    scores = {"b": "kv", "c": "stream"}
    alone = cost(device, product(2048, 128, instances=32, **scores))
    split = cost(device, product(2048, 128, instances=8, **scores))
    double = cost(device, product(2048, 128, instances=64, **scores))
    assert split.latency_cycles < alone.latency_cycles / 3
    assert double.latency_cycles == pytest.approx(2 * alone.latency_cycles)
    assert split.activity.pim["mac_burst"] == alone.activity.pim["mac_burst"] / 4


def test_attention_grows_with_the_context_step_by_step(device):
    for more in ({"c": "stream"}, {"a": "stream"}):
        sizes = range(1000, 1100)
        shapes = [(c, 128) if "c" in more else (128, c) for c in sizes]
        ops = [product(n, k, instances=32, b="kv", **more) for n, k in shapes]
        times = [cost(device, op).latency_cycles for op in ops]
        assert times == sorted(times)
        assert len(set(times)) == len({-(-c // 16) for c in sizes})


def test_tensor_parallelism_pays_for_its_links():
    tp = ["pim.pipeline_parallel=1", "pim.tensor_parallel=8"]
    wide = load_machine("aim-cent", tp)
    found, alone = (
        cost(wide, product(4096, 4096)),
        cost(load_machine("aim-cent"), product(4096, 4096)),
    )
    assert found.pim_cycles < alone.pim_cycles / 3
    sent = 4096 * 2 + 7 / 8 * 4096 * 2
    assert found.activity.pim["link_byte"] == sent
    link = wide.machine.pim.link
    link_ns = 2 * link.latency_ns + sent / link.bytes_per_s * 1e9
    assert found.latency_cycles - found.pim_cycles == pytest.approx(link_ns * 2)  # 2 GHz
    everywhere = cost(wide, product(4096, 128, instances=32, b="kv", c="stream"))
    there = load_machine("aim-cent", [*tp, "pim.attention_on=one_device"])
    here = cost(there, product(4096, 128, instances=32, b="kv", c="stream"))
    assert everywhere.pim_cycles < here.pim_cycles / 6


def decode(overrides=(), **options):
    return simulate(load_machine("aim-cent", overrides), GPT2, prefill=32, decode=4, **options)


def test_sequences_fill_the_pipeline():
    single, full, more = (decode(batch=b) for b in (1, 8, 16))
    assert full.decode.cycles == pytest.approx(single.decode.cycles)
    assert more.decode.cycles == pytest.approx(2 * single.decode.cycles)
    assert full.activity.macs == pytest.approx(8 * single.activity.macs)
    assert full.activity.pim["activate"] == pytest.approx(8 * single.activity.pim["activate"])
    # 32 tokens through 8 stages, a token per stage at a time; 256 fill and drain them but once
    assert full.prefill.cycles == pytest.approx(single.prefill.cycles * (256 + 7) / (32 + 7))
    assert single.utilization < full.utilization <= 1


def test_stages_of_a_device_share_its_channels():
    coarse, fine = decode(), decode(["pim.pipeline_parallel=32"])
    assert fine.decode.cycles > 1.5 * coarse.decode.cycles
    full = decode(["pim.pipeline_parallel=32"], batch=32)
    # 32 tokens at once: products overlap, but four stages take turns at their device's vector unit.
    assert fine.decode.cycles < full.decode.cycles < 1.1 * fine.decode.cycles


def test_energy_is_events_times_constants():
    result = decode(batch=3)
    system = result.system
    pim, counted = system.machine.pim, result.activity.pim
    priced = sum(counted[event] * price.energy_pj for event, price in pim.energy.items())
    closed = pim.standby.closed_mw * 1e9 * result.latency_s * 32 * 8
    opened = (pim.standby.open_mw - pim.standby.closed_mw) * counted["open_ns"]
    assert result.energy_pj()["pim"] == pytest.approx(priced + closed + opened)
    at_host = result.activity.dram_bytes - counted["pin_byte"]
    assert at_host >= 0
    dram = at_host * 8 * system.dram.energy_pj_per_bit
    assert result.energy_pj()["dram"] == pytest.approx(dram)
    assert energy_pj(system, result.activity, 0)["leakage"] == 0


def test_the_host_and_the_hops_are_charged_at_the_entry():
    with_host, without = decode(), decode(["pim.host=null"])
    ns = (with_host.decode.cycles - without.decode.cycles) / 2  # 2 GHz
    assert ns == pytest.approx(4 * 150e3)
    assert with_host.activity.pim["link_byte"] == (32 + 4) * 8 * 768 * 2


def test_summary_has_the_row_hits():
    summary = decode().summary()
    assert 0.9 < summary["pim_row_hit_share"] < 1
    assert summary["mac_energy_pj"] == pytest.approx(1314.5 / 256)


def test_tiled_products_are_right():
    """The program that keeps several sums multiplies what its layout says it does."""
    small = {"banks": 3, "rows": 64, "columns": 5, "buffer_entries": 4}
    mac = {"element": "int8", "lanes": 4, "acc_bits": 32, "accumulators": 2}
    cfg = load_pim("hbm2-pim", [f"{k}={v}" for k, v in small.items()] + [f"mac={mac}"])
    outputs, inputs = 8, 27  # two tiles of six outputs, seven bursts of inputs
    rng = np.random.default_rng(1)
    matrix, vector = rng.integers(-128, 128, (12, 28)), rng.integers(-128, 128, 28)
    matrix[outputs:], matrix[:, inputs:], vector[inputs:] = 0, 0, 0
    program = tiled_gemv_program(cfg, outputs, inputs)
    state, words, slot = PimState.zero(cfg), [], 0
    cells = state.cells.reshape(cfg.banks, -1, cfg.mac.lanes)
    for tile in range(2):
        words += [np.zeros(3, int)] * 2
        for first in (0, 4):
            bursts = range(first, min(first + 4, 7))
            words += [vector[4 * b : 4 * b + 4] & 255 for b in bursts]
            for accumulator in range(2):
                for b in bursts:
                    for bank in range(3):
                        row = matrix[6 * tile + 3 * accumulator + bank]
                        cells[bank, slot] = row[4 * b : 4 * b + 4] & 255
                    slot += 1
    sums = execute(cfg, state, program, words)
    np.testing.assert_array_equal(np.concatenate(sums), matrix @ vector)
    assert program[-1].op == Op.EOC


def test_tiled_products_that_do_not_fit_are_refused():
    cfg = load_pim("hbm2-pim", ["rows=4"])
    with pytest.raises(ValueError, match="has 4 rows per bank; 32 do not fit"):
        tiled_gemv_program(cfg, 64, 2048)
    with pytest.raises(ValueError, match="has no elements"):
        tiled_gemv_program(cfg, 0, 16)


@pytest.mark.parametrize("name", ["aim-cent", "pim-gpt", "hbm-pim"])
def test_shipped_machines_run(name):
    result = simulate(load_machine(name), GPT2, prefill=4, decode=2)
    assert 0 < result.utilization <= 1
    assert result.activity.pim["mac"] == result.activity.macs


BESIDE = (
    "pim={kind: bank, preset: gddr6-aim, energy: {"
    + ", ".join(f"{e}: {{energy_pj: 1.0, source: of this test}}" for e in get_args(BankEvent))
    + "}}"
)


def test_banks_beside_a_tensor_engine_take_what_they_do_sooner():
    both = simulate(load_machine("fusemax-cloud", [BESIDE]), GPT2, prefill=256, decode=2)
    alone = simulate(load_machine("fusemax-cloud"), GPT2, prefill=256, decode=2)
    assert both.decode.cycles < alone.decode.cycles
    assert both.prefill.cycles <= alone.prefill.cycles
    assert any(op.pim_cycles for op in both.decode.ops)
    assert any(op.tensor_cycles for op in both.prefill.ops)
    for op in (op for phase in both.phases for op in phase.ops):
        assert not (op.pim_cycles and op.tensor_cycles), op.name
    with pytest.raises(InputError, match="devices: must be 1, and "):
        load_machine("fusemax-cloud", [BESIDE, "pim.pipeline_parallel=2"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pim.preset=gddr6-aimm", "pim.preset: unknown pim 'gddr6-aimm'.*did you mean 'gddr6-aim'"),
        ("pim.pipeline_parallel=4", "pipeline_parallel: must be such that its product.* not 4"),
        ("pim.tensor_parallel=2", "pipeline_parallel: must be such that its product.* not 8"),
        ("pim.pipeline_parallel=400", "pipeline_parallel: must be at most 256, a channel for"),
        ("pim.link=null", "link: is missing; more than one device needs 'link"),
        ("pim.energy={}", "energy: must price every event; activate,.* missing"),
    ],
)
def test_bad_machines_are_told_in_one_line(override, message):
    with pytest.raises(InputError, match=message) as told:
        load_machine("aim-cent", [override])
    assert "\n" not in str(told.value)


def test_what_does_not_fit_the_banks_is_told_in_one_line():
    with pytest.raises(
        InputError, match=r"93\.4 GB, more than the 4\.3 GB of pim-gpt's 8 channels"
    ):
        simulate(load_machine("pim-gpt"), load_model("mixtral-8x7b"), prefill=1)


def test_stored_formats_are_the_units():
    formats = Formats(weights="int8", activations="bf16", kv="bf16")
    with pytest.raises(InputError, match="units of gddr6-aim take bf16, not int8; leave"):
        simulate(load_machine("aim-cent"), GPT2, prefill=1, formats=formats)


def test_a_report_holds_the_channel_and_runs_again(tmp_path):
    first = decode(batch=2)
    write_report(first, tmp_path / "out", command=["run", "aim-cent"])
    again = load_machine(str(tmp_path / "out" / "machine.yaml"))
    assert again.channel == first.system.channel
    assert again.machine.pim.preset == "pim.yaml"
    second = simulate(again, GPT2, prefill=32, decode=4, batch=2)
    assert second.summary() == first.summary()


def test_units_of_other_formats(tmp_path):
    """A channel of the user's own, beside the machine file: twice the lanes of half the width."""
    channel = yaml.safe_load(resolve("pim", "gddr6-aim").read_text())
    channel["mac"] = {"element": "int8", "lanes": 32, "acc_bits": 32, "accumulators": 1}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(channel))
    machine = yaml.safe_load(resolve("machines", "pim-gpt").read_text())
    machine["pim"]["preset"] = "own.yaml"
    (tmp_path / "machine.yaml").write_text(yaml.safe_dump(machine))
    own = load_machine(str(tmp_path / "machine.yaml"))
    assert own.operand_formats == ("int8", "int8")
    narrow = simulate(own, GPT2, prefill=4, decode=2)
    wide = simulate(load_machine("pim-gpt"), GPT2, prefill=4, decode=2)
    assert narrow.decode.cycles < 0.8 * wide.decode.cycles
    assert narrow.activity.pim["mac_burst"] < 0.6 * wide.activity.pim["mac_burst"]
