"""The compiled simulator against the golden model, access by access and event by event."""

import numpy as np
import pytest

from lockstep.sim.cycle.translation.simulator import TranslationSimulator, trace
from lockstep.sim.cycle.translation.state import EVENTS, SERVERS
from lockstep.sim.golden.mmu import FETCH, INVALIDATE, Mmu

ACCESSES = 400


def golden(cfg, accesses, asid):
    """Rows of server, address and cycles; events; and the model at the end."""
    events = []
    mmu = Mmu(cfg, events)
    rows = []
    for address, kind, gap, space in zip(
        accesses.address, accesses.kind, accesses.gap, asid, strict=True
    ):
        a = mmu.access(int(address), int(kind), int(gap), int(space))
        cycles = (a.translation_cycles, a.data_cycles, a.background_cycles)
        rows.append((SERVERS.index(a.served_by), a.physical, *cycles, len(events)))
    return np.array(rows), events, mmu


@pytest.mark.parametrize("seed", range(32))
def test_every_access_is_the_golden_models(any_case, seed):
    cfg, accesses, asid = any_case(seed, ACCESSES)
    rows, events, _ = golden(cfg, accesses, asid)
    log = trace(cfg, accesses.address, accesses.kind, accesses.gap, asid)
    ours = np.column_stack([
        log.served_by,
        log.physical,
        log.translation_cycles,
        log.data_cycles,
        log.background_cycles,
        log.event_end,
    ])
    np.testing.assert_array_equal(ours, rows)
    expected = [(EVENTS.index(e.kind), e.set, e.way, *e.rrpv) for e in events]
    got = np.column_stack([log.events[:, :3], log.rrpvs()])
    np.testing.assert_array_equal(got, np.array(expected).reshape(got.shape))


@pytest.mark.parametrize("seed", range(100, 124))
def test_counts_in_pieces_are_the_golden_models(any_case, chunk, seed):
    cfg, accesses, asid = any_case(seed, ACCESSES)
    rows, _, mmu = golden(cfg, accesses, asid)
    simulator = TranslationSimulator(cfg)
    for first in range(0, ACCESSES, 171):
        part = slice(first, first + 171)
        piece = chunk(accesses.address[part], accesses.kind[part], accesses.gap[part])
        simulator.run(piece, asid=asid[part])
    run = simulator.result()
    assert list(run.served.values()) == np.bincount(rows[:, 0], minlength=len(SERVERS)).tolist()
    for name in ("demand_walks", "background_walks", "host_walks"):
        assert run.counts[name] == mmu.count[name]
    for name in ("blocks_evicted", "lines_lost_to_blocks"):
        assert run.counts[name] == mmu.l2.count[name]
    assert run.counts["l2_writebacks"] == mmu.l2.count["writebacks"]
    assert run.blocks == len(mmu.l2.blocks())
    assert run.counts["background_cycles"] == rows[:, 4].sum()
    is_fetch, is_shootdown = accesses.kind == FETCH, accesses.kind == INVALIDATE
    hit = np.where(is_fetch, cfg.itlb.latency_cycles, cfg.dtlb.latency_cycles)
    assert run.translation_cycles == (rows[:, 2] - np.where(is_shootdown, 0, hit)).sum()
    first_cache = cfg.l1d or cfg.l2
    hit = np.where(is_fetch, cfg.l2.latency_cycles, first_cache.latency_cycles)
    assert run.data_cycles == (rows[:, 3] - np.where(is_shootdown, 0, hit)).sum()
