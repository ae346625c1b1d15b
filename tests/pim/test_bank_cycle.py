"""Cycles of a PIM channel: by hand, within bounds, and never against the protocol."""

import numpy as np
import pytest

from lockstep.arch.pim import load_pim
from lockstep.arch.pim_isa import Command, Instruction, Op
from lockstep.sim.cycle.pim import run
from lockstep.sim.cycle.pim_checker import check_pim
from lockstep.sim.cycle.pim_map import GemvLayout, KvLayout, gemv_program, scores_program
from lockstep.verify.pim_configs import channels
from lockstep.verify.pim_traffic import random_job

AIM = load_pim("gddr6-aim")
QUIET = load_pim("gddr6-aim", ["refresh=false"])


def cycles_of(program, cfg=QUIET):
    found = run(cfg, program, log=True)
    return found, {(Command(c).name, b): t for t, c, b, *_ in found.log.tolist()}


def test_a_mac_waits_for_its_row_and_the_end_for_its_sum():
    found, at = cycles_of([Instruction(Op.MAC_ABK, count=3), Instruction(Op.EOC)])
    assert at["ACT", -1] == 1  # the instruction is accepted in cycle 0
    assert at["MAC", -1] == 1 + 56 + 2 * 2  # nRCDRDMAC, then nCCDL twice
    assert found.cycles == 61 + 7 + 1  # array, multiply, four levels, accumulate; the EOC's cycle
    assert (found.row_accesses, found.row_misses) == (3, 1)


def test_another_row_costs_precharge_and_activate():
    _, at = cycles_of([
        Instruction(Op.MAC_ABK, count=64),
        Instruction(Op.RD_MAC),
        Instruction(Op.MAC_ABK, row=1),
    ])
    last = 57 + 63 * 2
    assert at["RDMAC", 0] == last + 7
    assert at["PRE", -1] == last + 12  # nRTP; nRAS is long over
    assert at["ACT", -1] == last + 12 + 32
    assert at["MAC", -1] == last + 12 + 32 + 56


def test_a_single_bank_keeps_the_others_open():
    found, at = cycles_of([
        Instruction(Op.MAC_ABK),
        Instruction(Op.WR_SBK, bank=3, row=9),
        Instruction(Op.MAC_SBK, bank=2),
        Instruction(Op.MAC_ABK, row=9),
    ])
    assert found.commands["ACTab"] == 2
    assert found.commands["ACT"] == found.commands["PRE"] == 1  # bank 3's
    assert at["PRE", 3] == 57 + 12
    assert at["WR", 3] == max(57 + 12 + 32, 1 + 89) + 28
    assert found.row_misses == 3


def test_results_that_find_no_room_hold_reads_back():
    cfg = load_pim("gddr6-aim", ["refresh=false", "result_queue=1"])
    found, _ = cycles_of([Instruction(Op.RD_SBK, count=3), Instruction(Op.EOC)], cfg)
    reads = found.log[found.log[:, 1] == Command.RD][:, 0]
    assert np.diff(reads).tolist() == [53, 53]  # until the one before has left, cl + burst later


def test_a_refresh_closes_rows_and_the_program_opens_its_own_again():
    program = [Instruction(Op.MAC_ABK, count=64)] * 60 + [Instruction(Op.EOC)]
    found = run(AIM, program, log=True)
    quiet = run(QUIET, program)
    assert found.commands["REFab"] == found.cycles // 3333 == 2
    assert found.commands["ACTab"] == 3
    assert found.commands["MACab"] == quiet.commands["MACab"]
    # Each costs tRTP to the precharge, tRP, tRFC and tRCD, less the cycles it may wait anyway.
    assert 2 * (32 + 210 + 56) < found.cycles - quiet.cycles <= 2 * (12 + 32 + 210 + 56)


def test_a_gemv_streams_rows():
    """PIM-GPT: about 98 % row hits. One miss in 64 bursts, and those after refreshes."""
    found = run(AIM, gemv_program(AIM, 4096, 4096))
    assert found.row_accesses == 4096 * 4096 // (16 * 16)
    assert 0.98 < found.row_hit_share < 63 / 64
    assert found.commands["RDMAC"] == found.commands["WRMAC"] == 256 * 4
    # No faster than the units, nor slower than the row switches of every group explain.
    assert found.row_accesses * 2 < found.cycles
    switches = 1024 * (12 + 32 + 56) + found.commands["REFab"] * 400
    assert found.cycles < found.row_accesses * 2 + switches + 1024 * 30


def test_cycles_grow_with_the_matrix():
    sizes = [16, 17, 160, 1600]
    for other in sizes:
        by_outputs = [run(AIM, gemv_program(AIM, size, other)).cycles for size in sizes]
        by_inputs = [run(AIM, gemv_program(AIM, other, size)).cycles for size in sizes]
        assert by_outputs == sorted(by_outputs)
        assert by_inputs == sorted(by_inputs)


def test_short_rows_share_a_dram_row():
    layout = GemvLayout(cfg=AIM, outputs=160, inputs=100)
    assert layout.rows == 2  # 10 groups of 7 bursts, 9 in a row of 64
    assert run(AIM, gemv_program(AIM, 160, 100)).row_misses == 2


def test_queries_that_share_keys_open_their_rows_once():
    layout = KvLayout(cfg=AIM, capacity=512, kv_heads=1, head_dim=128)
    alone, shared = (
        run(QUIET, scores_program(layout, 512, queries_per_kv=queries)) for queries in (1, 8)
    )
    assert shared.row_misses == alone.row_misses == 4
    assert shared.row_accesses == 8 * alone.row_accesses
    assert shared.cycles < 8 * alone.cycles


@pytest.mark.parametrize(
    "too_large",
    [
        lambda: gemv_program(AIM, 16 * 16384 + 1, 1024),
        lambda: gemv_program(AIM, 16, 1024, first_row=16384),
        lambda: KvLayout(cfg=AIM, capacity=1, kv_heads=1, head_dim=1025),
        lambda: KvLayout(cfg=AIM, capacity=1 << 20, kv_heads=32, head_dim=128),
        lambda: scores_program(KvLayout(cfg=AIM, capacity=8, kv_heads=1, head_dim=8), 9),
    ],
)
def test_what_does_not_fit_is_refused(too_large):
    with pytest.raises(ValueError, match=r"do not fit|exceeds|must be 1 to 8"):
        too_large()


def odd_timing(timing, rng):
    """Every gap anything from nothing to twice what it was."""
    values = {
        name: int(rng.integers(0, 2 * value + 2)) for name, value in timing.model_dump().items()
    }
    values["burst"] = max(1, values["burst"])
    values["ccd"] = max(1, values["ccd"])
    values["cl"] = max(1, values["cl"])
    values["cl_register"] = min(values["cl"], max(1, values["cl_register"]))
    values["rc"] = max(values["ras"], values["rc"])
    values["refi"] = 600
    return timing.model_validate(values)


@pytest.mark.parametrize("seed", range(40))
def test_no_program_breaks_the_protocol_whatever_the_gaps(seed):
    rng = np.random.default_rng(seed)
    small = channels()
    cfg = small[seed % len(small)]
    if cfg.timing.refi < 1000:
        cfg = cfg.model_copy(update={"timing": odd_timing(cfg.timing, rng)})
    job = random_job(cfg, 60, "any", rng)
    found = run(cfg, job.program, log=True)
    assert check_pim(cfg, found.log, found.cycles) == []
    silent = run(cfg, job.program)
    assert (silent.cycles, silent.commands) == (found.cycles, found.commands)
    assert sum(found.commands.values()) == len(found.log)
    assert len(found.log) <= found.log[-1, 0] + 1  # one command per cycle
