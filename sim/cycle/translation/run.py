"""What a run returns: counts, latencies, reach, cycles of the program."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LARGE_PAGE_BITS, MAX_WAYS, PAGE_BITS
from lockstep.sim.cycle.translation import state as st
from lockstep.sim.cycle.translation.pages import BLOCK, NESTED
from lockstep.sim.cycle.translation.predictor import profiled_pages
from lockstep.sim.cycle.translation.state import LEVELS_OF_SERVICE, REQUESTERS, SERVERS
from lockstep.sim.cycle.translation.words import I64, Sets

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class AccessLog:
    """What became of ``n`` accesses, as :class:`lockstep.sim.golden.mmu.Access` says.

    Arrays are int64, ``(n,)``. ``served_by`` is an index into ``SERVERS``. ``events`` is ``(e, 4)``: index
    into ``EVENTS``, set, way, and the set's RRPVs afterwards, four bits each, way 0 lowest;
    ``event_end`` is how many events there are when an access is over.
    """

    cfg: MmuConfig
    served_by: I64
    physical: I64
    translation_cycles: I64
    data_cycles: I64
    background_cycles: I64
    event_end: I64
    events: I64

    @classmethod
    def of(cls, cfg: MmuConfig, access: I64, events: I64) -> "AccessLog":
        """From the kernel's logs."""
        served_by, physical, translation, data, background, event_end = access.T
        return cls(cfg, served_by, physical, translation, data, background, event_end, events)

    def rrpvs(self) -> I64:
        """RRPVs after each event, ``(e, ways)``."""
        ways = np.arange(self.cfg.l2.ways)
        return (self.events[:, 3:] >> 4 * ways) & (MAX_WAYS - 1)


class PageProfile(NamedTuple):
    """Demand walks by page, of pages that were walked for; int64 arrays ``(pages,)``."""

    asid: I64
    address: I64  # the page's first byte
    walks: I64
    dram_walks: I64  # those that reached DRAM
    walk_cycles: I64


class Reach(NamedTuple):
    """Bytes that can be translated without a walk, at the end of a run."""

    tlb_bytes: int
    block_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRun:
    """What happened. ``counts`` has the kernel's counters by name, ``served`` accesses by who translated.

    ``served_cycles`` are cycles from the L1 TLB's miss to the translation. ``requests`` are accesses to
    the L2 cache by requester and level of service, ``(len(REQUESTERS), len(LEVELS_OF_SERVICE))``.
    ``walk_histogram`` counts demand walks by cycles, ``bin_cycles`` to a bin.
    """

    cfg: MmuConfig
    counts: dict[str, int]
    served: dict[str, int]
    served_cycles: dict[str, int]
    requests: I64
    walk_histogram: I64
    bin_cycles: int
    accesses: int
    blocks: int
    mean_blocks: float
    reach: Reach
    pages: PageProfile | None

    @property
    def instructions(self) -> int:
        """Retired."""
        return self.counts["instructions"]

    def mpki(self, misses: int) -> float:
        """Per thousand instructions."""
        return 1000 * misses / self.instructions if self.instructions else 0.0

    @property
    def l2_tlb_misses(self) -> int:
        """Accesses served from beyond the L2 TLB."""
        return sum(self.served[name] for name in ("l3_tlb", "pom_tlb", "tlb_block", "walk"))

    @property
    def l2_tlb_mpki(self) -> float:
        """Misses of the L2 TLB per thousand instructions."""
        return self.mpki(self.l2_tlb_misses)

    @property
    def ptw(self) -> int:
        """Demand page-table walks."""
        return self.counts["demand_walks"]

    @property
    def ptw_cycles(self) -> int:
        """Of all demand walks, from the miss that causes one to the translation."""
        return self.counts["walk_cycles"]

    @property
    def ptw_mean_cycles(self) -> float:
        """Of a demand walk."""
        return self.ptw_cycles / self.ptw if self.ptw else 0.0

    @property
    def translation_cycles(self) -> int:
        """Beyond what a hit in the first-level TLB takes; of shootdowns all."""
        return sum(self.served_cycles.values())

    @property
    def data_cycles(self) -> int:
        """Beyond what a hit in the first cache takes: the L1D, or the L2 for fetches or without an L1D."""
        cfg = self.cfg
        l2 = cfg.l2.latency_cycles
        below = cfg.l2.tag_cycles + cfg.l2.fill_cycles
        dram, llc = below + cfg.dram_cycles, 0
        if cfg.llc:
            llc = below + cfg.llc.latency_cycles
            dram += cfg.llc.tag_cycles + cfg.llc.fill_cycles
        beyond = np.array([l2, llc, dram]) - l2
        total = int((self.requests[[st.DATA, st.FETCHED]] * beyond).sum())
        if cfg.l1d:
            extra = l2 + cfg.l1d.tag_cycles + cfg.l1d.fill_cycles - cfg.l1d.latency_cycles
            total += int(self.requests[st.DATA].sum()) * extra
        return total

    @property
    def cycles(self) -> float:
        """Of the program, by the formula of :class:`lockstep.arch.mmu.CoreConfig`."""
        core = self.cfg.core
        return (
            self.instructions * core.cycles_per_instruction
            + core.translation_exposed * self.translation_cycles
            + core.data_exposed * self.data_cycles
        )

    @property
    def ptw_percentiles(self) -> dict[str, int]:
        """Cycles that so many percent of demand walks do not exceed, to ``bin_cycles``."""
        total = np.cumsum(self.walk_histogram)
        if total[-1] == 0:
            return {f"p{percent}": 0 for percent in PERCENTILES}
        bins = (int(np.searchsorted(total, total[-1] * p / 100)) for p in PERCENTILES)
        last = self.bin_cycles - 1
        return {
            f"p{p}": each * self.bin_cycles + last
            for p, each in zip(PERCENTILES, bins, strict=True)
        }

    @property
    def unused_block_share(self) -> float:
        """Of the TLB blocks that were made, the share that no probe hit."""
        made = self.blocks_made
        return max(0.0, 1 - self.counts["blocks_reused"] / made) if made else 0.0

    @property
    def blocks_made(self) -> int:
        """TLB blocks put into the L2 cache."""
        return self.counts["inserts_on_miss"] + self.counts["inserts_on_eviction"]

    def summary(self) -> dict[str, Any]:
        """All of it, ready for ``json.dumps``."""
        c, requests = self.counts, self.requests
        misses = requests.sum(axis=0)
        by_level = {
            name: dict(zip(LEVELS_OF_SERVICE, requests[i].tolist(), strict=True))
            for i, name in enumerate(REQUESTERS)
        }
        return {
            "mechanism": self.cfg.mechanism,
            "virtualised": self.cfg.virtualised,
            "accesses": self.accesses,
            "instructions": self.instructions,
            "cycles": self.cycles,
            "itlb_mpki": self.mpki(c["itlb_misses"]),
            "dtlb_mpki": self.mpki(c["dtlb_misses"]),
            "l2_tlb_mpki": self.l2_tlb_mpki,
            "l1d_mpki": self.mpki(c["l1d_misses"]),
            "l2_mpki": self.mpki(int(misses[1:].sum())),
            "llc_mpki": self.mpki(int(misses[2])) if self.cfg.llc else None,
            "ptw": self.ptw,
            "ptw_per_kilo_instruction": self.mpki(self.ptw),
            "ptw_mean_cycles": self.ptw_mean_cycles,
            "ptw_max_cycles": c["longest_walk"],
            "ptw_cycles": self.ptw_percentiles,
            "ptw_from_dram": c["dram_walks"],
            "background_walks": c["background_walks"],
            "host_walks": c["host_walks"],
            "background_cycles": c["background_cycles"],
            "translation_cycles": self.translation_cycles,
            "translation_cycles_by_server": self.served_cycles,
            "served_by": self.served,
            "data_cycles": self.data_cycles,
            "l2_accesses": by_level,
            "l2_data_hits": int(requests[[st.DATA, st.FETCHED], 0].sum()),
            "l1d_writebacks": c["l1d_writebacks"],
            "l2_writebacks": c["l2_writebacks"],
            "nested_tlb_lookups": c["nested_tlb_lookups"],
            "nested_tlb_hits": c["nested_tlb_hits"],
            "tlb_block_hits": self.served["tlb_block"],
            "nested_tlb_block_hits": c["nested_block_hits"],
            "tlb_blocks_on_miss": c["inserts_on_miss"],
            "tlb_blocks_on_eviction": c["inserts_on_eviction"],
            "tlb_blocks_nested": c["nested_inserts"],
            "tlb_blocks_merged": c["merges"],
            "tlb_blocks_refused": c["predictor_refusals"],
            "tlb_blocks_evicted": c["blocks_evicted"],
            "tlb_blocks_invalidated": c["blocks_dropped"],
            "tlb_blocks_unused_share": self.unused_block_share,
            "tlb_blocks": self.blocks,
            "tlb_blocks_mean": self.mean_blocks,
            "tlb_blocks_max": c["most_blocks"],
            "lines_lost_to_tlb_blocks": c["lines_lost_to_blocks"],
            "reach_bytes": sum(self.reach),
            "tlb_reach_bytes": self.reach.tlb_bytes,
            "tlb_block_reach_bytes": self.reach.block_bytes,
        }


def result(
    cfg: MmuConfig, k: st.Constants, s: st.Arrays, now: int, accesses: int
) -> TranslationRun:
    """The counters of a simulator at access ``now``, ``accesses`` of them counted."""
    count = s.n.tolist()
    blocks = int(s.n[st.BLOCKS])
    area = count[st.BLOCK_ACCESSES] + blocks * now
    by_server = [
        dict(zip(SERVERS, count[at : at + len(SERVERS)], strict=True))
        for at in (st.SERVED, st.SERVED_CYCLES)
    ]
    by_server[0]["l1_tlb"] = accesses - sum(by_server[0].values())
    return TranslationRun(
        cfg=cfg,
        counts=dict(zip(st.COUNTERS, count[st.COUNTED : st.SERVED], strict=True)),
        served=by_server[0],
        served_cycles=by_server[1],
        requests=s.n[st.REQUESTS : st.HISTOGRAM].reshape(len(REQUESTERS), -1).copy(),
        walk_histogram=s.n[st.HISTOGRAM :].copy(),
        bin_cycles=1 << k.bin_shift,
        accesses=accesses,
        blocks=blocks,
        mean_blocks=area / accesses if accesses else 0.0,
        reach=_reach(cfg, k, s),
        pages=PageProfile(*profiled_pages(s)) if len(s.profile) else None,
    )


def _reach(cfg: MmuConfig, k: st.Constants, s: st.Arrays) -> Reach:
    last = {"l3_tlb": k.l3_tlb, "pom_tlb": k.pom}.get(cfg.mechanism, k.l2_tlb)
    pages = _held(s.words, last)
    tlb = int((1 << np.where(pages & 1, LARGE_PAGE_BITS, PAGE_BITS)).sum())
    words = _held(s.words, k.l2.sets)
    blocks = words[(words & BLOCK != 0) & (words & NESTED == 0)]
    size = 1 << np.where(blocks >> 8 & 1, LARGE_PAGE_BITS, PAGE_BITS)
    ptes = np.unpackbits((blocks & 255).astype(np.uint8)[:, None], axis=1).sum(axis=1)
    return Reach(tlb, int((ptes * size).sum()))


def _held(words: I64, t: Sets) -> I64:
    """Keys that are held."""
    keys = words[t.keys : t.keys + ((t.mask + 1) << t.shift)]
    held: I64 = keys[keys != 0]
    return held
