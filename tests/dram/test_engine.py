"""The controller: order of service, policies, modes, energy; every stream passes the checker."""

import numpy as np
import pytest

from lockstep.arch.dram import load_dram
from lockstep.arch.error import InputError
from lockstep.arch.load import shipped
from lockstep.sim.cycle.dram.address import decode, encode
from lockstep.sim.cycle.dram.checker import check
from lockstep.sim.cycle.dram.energy import energy_pj
from lockstep.sim.cycle.dram.engine import simulate
from lockstep.sim.cycle.dram.patterns import PATTERNS
from lockstep.sim.cycle.dram.state import COMMANDS, FORWARDED, HIT
from lockstep.sim.cycle.dram.summary import summarize


def checked(spec, trace, mode="max"):
    run = simulate(spec, trace, mode=mode)
    assert check(spec, run.log, run.cycles) == []
    assert (run.done > -1).all()
    assert (run.done >= run.arrival).all()
    assert (np.diff(run.arrival) >= 0).all()
    return run


def issued(run, *names):
    """``(cycle, bank, row)`` of commands by name."""
    codes = [COMMANDS.index(name) for name in names]
    return [(int(c), int(b), int(r)) for c, code, b, r in run.log if code in codes]


POLICIES = (
    (),
    ("controller.page_policy=closed",),
    ("controller.page_policy=capped", "controller.page_cap=2"),
    ("controller.refresh=per_bank",),
    ("controller.row_hit_cap=1", "controller.read_queue=4"),
)


@pytest.mark.parametrize("overrides", POLICIES, ids=lambda o: ",".join(o) or "shipped")
@pytest.mark.parametrize("name", sorted(shipped("dram_timing")))
def test_every_memory_obeys_its_protocol(name, overrides):
    plain = load_dram(name)
    if "controller.refresh=per_bank" in overrides and plain.timing.rfc_pb is None:
        with pytest.raises(InputError, match=r"refresh: needs timing\.rfc_pb"):
            load_dram(name, overrides)
        return
    spec = load_dram(name, overrides)
    for pattern, make in PATTERNS.items():
        for mode in ("max", "serial", "period16"):
            if pattern in ("mix70", "rand_rd", "seq_wr") or mode == "max":
                checked(spec, make(spec, 600), mode)


@pytest.mark.parametrize(
    ("ranks", "pseudo_channels", "channels"), [(2, 1, 1), (4, 2, 1), (2, 2, 4)]
)
def test_ranks_pseudo_channels_and_channels(ranks, pseudo_channels, channels, memory):
    geometry = {"ranks": ranks, "pseudo_channels": pseudo_channels, "channels": channels}
    controller = {"refresh": "all_bank", "dual_command_bus": pseudo_channels > 1}
    timing = {"cl": 9, "cwl": 7, "burst": 4, "cs": 2, "ccd_s": 4, "ccd_s_wr": 4, "wtr_s": 3}
    timing |= {"ccd_l": 5, "ccd_l_wr": 6, "rtw": 8, "rfc": 30, "rcd_rd": 9, "rp": 8, "rp_all": 8}
    spec = memory(geometry, controller, act_cycles=2, **timing)
    for pattern in ("mix70", "rand_rd", "bank_rr_hits"):
        run = checked(spec, PATTERNS[pattern](spec, 3000))
        units = channels * pseudo_channels * ranks
        assert run.commands["REFab"] >= units * (run.cycles // spec.timing.refi - 8)
        assert {bank // 8 for _, bank, _ in issued(run, "REFab")} == set(range(units))


def test_channels_work_side_by_side(memory):
    one, four = memory(), memory({"channels": 4})
    alone = checked(one, PATTERNS["rand_rd"](one, 1000)).cycles
    assert checked(four, PATTERNS["rand_rd"](four, 4000)).cycles < 1.5 * alone


def test_address_map_round_trip():
    for name in shipped("dram_timing"):
        spec = load_dram(name)
        address = PATTERNS["rand_rd"](spec, 500).address
        place = decode(spec, address)
        g = spec.geometry
        group, bank = np.divmod(place.bank, g.banks)
        unit, group = np.divmod(group, g.bank_groups)
        fields = {"pseudo_channel": unit // g.ranks, "rank": unit % g.ranks, "bank_group": group}
        again = encode(spec, **fields, bank=bank, row=place.row, column=place.column)
        np.testing.assert_array_equal(again, address)


def test_address_map_by_bit_field():
    split = ["column:2", "bank_group", "channel", "column", "bank", "row"]
    spec = load_dram("ddr4-3200", [f"mapping_lsb_first={split}", "geometry.channels=2"])
    place = decode(spec, np.array([0, 64, 3 * 64, 4 * 64, 16 * 64, 32 * 64, 1 << 16], np.int64))
    assert place.column.tolist() == [0, 1, 3, 0, 0, 4, 0]
    assert place.bank.tolist() == [0, 0, 0, 4, 16, 0, 1]


def test_row_hits_overtake_up_to_the_cap(memory, trace):
    accesses = [("R", {"row": i & 1, "column": i >> 1 & 7}) for i in range(16)]
    for cap, rows in ((1, 16), (4, 4), (32, 2)):
        spec = memory(controller={"row_hit_cap": cap}, ccd_l=2)
        run = checked(spec, trace(spec, *accesses))
        assert run.commands["ACT"] == rows, cap
        assert int((run.kind == HIT).sum()) == 16 - rows


def test_oldest_first_within_a_row(memory):
    run = checked(spec := memory(), PATTERNS["conflict_walk"](spec, 300))
    assert (np.diff(run.done) > 0).all()


def test_page_policies(memory, trace):
    accesses = [("R", {"row": 0, "column": i}) for i in range(6)]
    # When a closed row is wanted again at once, its next access carries the precharge.
    for policy, cap, acts, autos in (("open", 9, 1, 0), ("closed", 9, 6, 6), ("capped", 2, 2, 2)):
        spec = memory(controller={"page_policy": policy, "page_cap": cap}, rtp=9)
        run = checked(spec, trace(spec, *accesses))
        assert (run.commands["ACT"], run.commands["RDA"]) == (acts, autos)
    spec = memory(controller={"page_policy": "capped", "page_cap": 1})
    run = checked(spec, trace(spec, *accesses), "period20")
    assert (run.commands["PRE"], run.commands["RDA"]) == (5, 0)


def test_writes_wait_for_the_watermark(memory, trace):
    controller = {"write_queue": 8, "write_high": 4, "write_low": 1, "read_queue": 4}
    spec = memory(controller=controller)
    reads = [("R", {"row": i, "bank": 0}) for i in range(40)]
    writes = [("W", {"row": i, "bank": 1}) for i in range(3)]
    run = checked(spec, trace(spec, *reads[:20], *writes, *reads[20:]))
    assert min(c for c, _, _ in issued(run, "WR")) > max(c for c, _, _ in issued(run, "RD")[:-1])
    run = checked(
        spec, trace(spec, *reads[:20], *writes, ("W", {"row": 9, "bank": 1}), *reads[20:])
    )
    assert min(c for c, _, _ in issued(run, "WR")) < issued(run, "RD")[-3][0]


def test_reads_and_writes_of_a_queued_write(memory, trace):
    spec = memory(controller={"write_high": 26})
    accesses = [("R", {"row": 1}), ("W", {"row": 2}), ("R", {"row": 2}), ("W", {"row": 2})]
    run = checked(spec, trace(spec, *accesses))
    assert run.kind.tolist()[2:] == [FORWARDED] * 2
    assert (run.commands["RD"], run.commands["WR"]) == (1, 1)
    assert run.latency_cycles.tolist()[2:] == [1, 1]


def test_modes(memory, trace):
    spec = memory()
    accesses = [("R", {"row": 0, "column": i}) for i in range(5)]
    serial = checked(spec, trace(spec, *accesses), "serial")
    assert serial.arrival.tolist() == [0, *(serial.done[:-1] + 1)]
    assert checked(spec, trace(spec, *accesses), "period100").arrival.tolist() == [
        0,
        100,
        200,
        300,
        400,
    ]
    assert checked(spec, trace(spec, *accesses)).arrival.tolist() == [0] * 5
    for wrong in ("fast", "period", "period0", "period-3", "PERIOD16", ""):
        with pytest.raises(InputError, match="unknown mode"):
            simulate(spec, trace(spec, *accesses), mode=wrong)


def test_a_full_queue_holds_requests_back(memory):
    spec = memory(controller={"read_queue": 2}, rc=20, ras=19)
    run = checked(spec, PATTERNS["conflict_walk"](spec, 50))
    waiting = [int(((run.arrival <= t) & (run.done >= t)).sum()) for t in range(0, run.cycles, 7)]
    assert max(waiting) <= 4  # two queued, one in its bank, one whose data comes


def test_log_does_not_change_the_run_and_may_grow(memory):
    spec = memory(controller={"refresh": "all_bank"}, refi=16)
    trace = PATTERNS["rand_rd"](spec, 40)
    with_log = checked(spec, trace, "period20000")
    without = simulate(spec, trace, mode="period20000", log=False)
    assert with_log.commands == without.commands
    assert with_log.commands["REFab"] > 40_000
    assert sum(with_log.commands.values()) == len(with_log.log)
    assert len(without.log) == 0
    np.testing.assert_array_equal(with_log.done, without.done)


def test_energy_by_hand():
    spec = load_dram("ddr4-3200", ["controller.refresh=none"])
    run = checked(spec, PATTERNS["seq_rd"](spec, 1), "serial")
    assert run.cycles == 49
    pj = 1.2 * 0.625 * 8  # V x ns x chips
    parts = {
        "background": pj * 52 * 49,
        "activate": pj * (57 * 74 - 52 * 52 - 37 * 22),
        "read": pj * (168 - 52) * 4,
        "write": 0.0,
        "refresh": 0.0,
    }
    assert energy_pj(run) == pytest.approx(parts | {"total": sum(parts.values())})


def test_open_and_idle_cycles_add_up(memory, trace):
    spec = memory({"ranks": 2}, {"page_policy": "closed"}, ras=30, rc=31)
    run = checked(spec, trace(spec, ("R", {}), ("R", {"row": 1}), ("R", {"rank": 1})), "period100")
    # Rank 0 is open for tRAS twice; the run ends before rank 1 closes.
    assert run.active_cycles == 30 + 30 + 30
    assert energy_pj(run) is None


def test_refresh_energy_is_a_share_per_bank():
    whole = load_dram("hbm2-2000")
    parts = load_dram("hbm2-2000", ["controller.refresh=per_bank"])
    energies = [
        energy_pj(checked(s, PATTERNS["seq_rd"](s, 20_000)))["refresh"] for s in (whole, parts)
    ]
    assert energies[0] == pytest.approx(energies[1], rel=0.05)


def test_summary_adds_up():
    spec = load_dram("ddr4-3200")
    summary = summarize(checked(spec, PATTERNS["mix70"](spec, 2000)))
    assert summary["row_hits"] + summary["row_misses"] + summary["row_conflicts"] == 2000
    assert summary["reads"] + summary["writes"] == 2000
    latency = summary["read_latency_cycles"]
    assert latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    assert summary["peak_gb_s"] == pytest.approx(25.6)
    moved = 2000 * 64 / (summary["cycles"] * 0.625)
    assert summary["bandwidth_gb_s"] == pytest.approx(moved)
    assert summary["energy_pj"]["total"] == pytest.approx(summary["energy_pj_per_bit"] * 2000 * 512)
