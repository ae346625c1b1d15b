"""Hold the MMU's RTL to the fast simulator, access by access."""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.mmu import MmuConfig
from lockstep.rtl.tlb.cache_layout import EventKind, event_layout
from lockstep.rtl.tlb.mmu_layout import OUTCOME, ServedBy
from lockstep.sim.cycle.translation.simulator import trace
from lockstep.sim.cycle.translation.state import EVENTS, SERVERS
from lockstep.sim.golden.mmu import INVALIDATE
from lockstep.verify.mmu_harness import Record, field
from lockstep.verify.tb_report import Report

_RRPV_BITS = 4  # of each way in the simulator's log


def compare_with_simulator(
    cfg: MmuConfig,
    columns: tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint16], NDArray[np.int64]],
    record: Record,
    phases: dict[str, NDArray[np.int64]],
    report: Report,
) -> None:
    """Complain of the first accesses in which the RTL differs from the simulator.

    ``columns`` are addresses, kinds, gaps and ASIDs; ``phases``, the RTL's cycles without stalls.
    """
    log = trace(cfg, *columns)
    answered = len(record.responses)
    translates = columns[1][:answered] != INVALIDATE
    got = {
        "served_by": [
            SERVERS.index(ServedBy(field(OUTCOME, "served_by", word)).name.lower())
            for word in record.responses
        ],
        "physical": np.array(
            [field(OUTCOME, "physical", word) for word in record.responses], dtype=np.int64
        )
        * translates,
        **{f"{name}_cycles": cycles for name, cycles in phases.items()},
    }
    for name, values in got.items():
        wanted = getattr(log, name)[:answered]
        for i in np.flatnonzero(np.asarray(values) != wanted)[:5]:
            report.complain(f"{name} of access {i}: {values[i]}, simulator {wanted[i]}")
    owners = np.searchsorted(log.event_end, np.arange(len(log.events)), side="right")
    wanted_events = [
        (int(owner), *(int(part) for part in event))
        for owner, event in zip(owners, log.events, strict=True)
        if owner < answered
    ]
    got_events = [(i, *_event(cfg, word)) for i, word in record.events]
    if got_events != wanted_events:
        pairs = zip(got_events, wanted_events, strict=False)
        first = next((pair for pair in pairs if pair[0] != pair[1]), "the last")
        report.complain(f"events of the L2 cache differ from the simulator's, first at {first}")


def _event(cfg: MmuConfig, word: int) -> tuple[int, int, int, int]:
    """An event of the RTL as the simulator logs it."""
    layout = event_layout(cfg.l2)
    kind, index, way, packed = (
        field(layout, name, word) for name in ("kind", "set", "way", "rrpv")
    )
    bits = cfg.l2.rrpv_bits
    values = (packed >> bits * w & ((1 << bits) - 1) for w in range(cfg.l2.ways))
    rrpvs = sum(value << _RRPV_BITS * w for w, value in enumerate(values))
    rrpvs -= (rrpvs >> 63) << 64  # the log's words are signed
    return EVENTS.index(EventKind(kind).name.lower()), index, way, rrpvs
