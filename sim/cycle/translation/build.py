"""An MMU's shapes and its empty state, from its configuration."""

from typing import Any

import numpy as np

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import (
    LARGE_PAGE_BITS,
    CacheConfig,
    PredictorConfig,
    TlbConfig,
    WalkCacheConfig,
)
from lockstep.sim.cycle.translation.state import (
    BINS,
    HISTOGRAM,
    L3_TLB,
    LAST_PAGE,
    MECHANISMS,
    POM_TLB,
    VICTIMA,
    Arrays,
    Cache,
    Constants,
    Walks,
)
from lockstep.sim.cycle.translation.words import I64, IN_ORDER, LANES, Sets
from lockstep.sim.page_table import SHARE_BITS


class _Words:
    """Hands out words."""

    def __init__(self) -> None:
        self.end = 0
        self.in_order: list[tuple[int, int, int]] = []  # first word, end, step

    def take(self, sets: int, ways: int, *, order_shift: int = 0, ordered: bool = True) -> Sets:
        shift = (ways - 1).bit_length()
        keys = self.end
        order = keys + (sets << shift)
        self.end = -(-(order + (sets << order_shift)) // 8) * 8  # rows do not straddle host lines
        if ordered:
            self.in_order.append((order, order + (sets << order_shift), 1 << order_shift))
        return Sets(keys, order, order_shift, sets - 1, shift, (1 << ways) - 1, 4 * (ways - 1))

    def tlb(self, cfg: TlbConfig, *, used: bool = True) -> Sets:
        return self.take(cfg.sets if used else 1, cfg.ways)

    def walks(self, cfg: MmuConfig, of: WalkCacheConfig, *, probed: bool) -> Walks:
        return Walks(
            l2=self.take(of.sets(2), of.ways),
            l3=self.take(of.sets(3), of.ways),
            l4=self.take(of.sets(4), of.ways),
            first_access_cycles=cfg.first_access_cycles(of, probed=probed),
            latency_cycles=of.latency_cycles,
        )

    def cache(self, cfg: CacheConfig | None) -> Cache:
        if cfg is None:
            return Cache(self.take(1, 1), True, 0, 0, 0, 0)
        lru = cfg.replacement == "lru"
        ones = sum(1 << 4 * way for way in range(cfg.ways))
        full = cfg.max_rrpv * ones + sum(1 << 4 * way for way in range(cfg.ways, LANES))
        sets = self.take(cfg.sets, cfg.ways, order_shift=1, ordered=lru)
        return Cache(sets, lru, ones, _signed(full), cfg.insert_rrpv, cfg.max_rrpv)

    def filled(self) -> I64:
        words = _in_huge_pages(self.end + LANES)
        for first, end, step in self.in_order:
            words[first:end:step] = IN_ORDER
        return words


def _in_huge_pages(size: int) -> I64:
    """Zeros in large pages of the host, which has TLBs too: numpy asks for them from 4 MB on."""
    huge = 1 << LARGE_PAGE_BITS - 3
    words = np.zeros(max(size, 2 * huge) + huge, np.int64)
    first = -(words.ctypes.data // 8) % huge
    return words[first : first + size]


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


def new_state(cfg: MmuConfig, *, profiles: bool) -> tuple[Constants, Arrays]:
    """Empty TLBs and caches."""
    words = _Words()
    rules, mechanism = cfg.victima, MECHANISMS.index(cfg.mechanism)
    is_victima = mechanism == VICTIMA
    nested_probed = is_victima and rules.nested_blocks
    guest = words.walks(cfg, cfg.walk_cache, probed=is_victima)
    host = words.walks(cfg, cfg.nested.walk_cache, probed=nested_probed)
    dram = cfg.dram_cycles
    if cfg.llc:
        dram += cfg.llc.tag_cycles + cfg.llc.fill_cycles
    below = cfg.l2.tag_cycles + cfg.l2.fill_cycles
    pressure = rules.pressure_rate
    bypass = rules.bypass_rate or (0, 0)
    predictor = rules.predictor or PredictorConfig()
    nested_cycles = host.first_access_cycles + cfg.nested.tlb.latency_cycles
    per_access = below + dram + cfg.step_cycles
    longest = guest.first_access_cycles + 5 * (nested_cycles + 5 * per_access)
    pom = TlbConfig(entries=cfg.pom_tlb.entries, ways=cfg.pom_tlb.ways, latency_cycles=1)
    k = Constants(
        mechanism=mechanism,
        virtualised=cfg.virtualised,
        share=round(cfg.large_page_share * (1 << SHARE_BITS)),
        itlb=words.tlb(cfg.itlb),
        dtlb=words.tlb(cfg.dtlb),
        l2_tlb=words.tlb(cfg.second_tlb),
        l3_tlb=words.tlb(cfg.l3_tlb, used=mechanism == L3_TLB),
        pom=words.tlb(pom, used=mechanism == POM_TLB),
        nested_tlb=words.tlb(cfg.nested.tlb),
        guest=guest,
        host=host,
        l1d=words.cache(cfg.l1d),
        l2=words.cache(cfg.l2),
        llc=words.cache(cfg.llc),
        has_l1d=cfg.l1d is not None,
        has_llc=cfg.llc is not None,
        itlb_cycles=cfg.itlb.latency_cycles,
        dtlb_cycles=cfg.dtlb.latency_cycles,
        l2_tlb_cycles=cfg.second_tlb.latency_cycles,
        l3_tlb_cycles=cfg.l3_tlb.latency_cycles,
        nested_tlb_cycles=cfg.nested.tlb.latency_cycles,
        step_cycles=cfg.step_cycles,
        l1d_hit_cycles=cfg.l1d.latency_cycles if cfg.l1d else cfg.l2.latency_cycles,
        l1d_miss_cycles=cfg.l1d.tag_cycles + cfg.l1d.fill_cycles if cfg.l1d else 0,
        l2_cycles=cfg.l2.latency_cycles,
        llc_cycles=below + cfg.llc.latency_cycles if cfg.llc else 0,
        dram_cycles=below + dram,
        probe_cycles=cfg.l2.probe_cycles,
        convert_cycles=2 * cfg.l2.maintain_cycles,
        block_hit_cycles=rules.hit_cycles,
        pom_set_lines=cfg.pom_tlb.set_lines,
        pom_entry_bytes=cfg.pom_tlb.entry_bytes,
        bin_shift=max(0, (longest // BINS).bit_length()),
        block_ptes=rules.block_ptes,
        probe_small=rules.probe_sizes != "2m",
        probe_large=rules.probe_sizes != "4k",
        insert_on_miss=rules.insert_on_miss,
        insert_on_eviction=rules.insert_on_eviction,
        nested_blocks=rules.nested_blocks,
        shootdown=rules.shootdown,
        aware_insertion=rules.aware_insertion,
        aware_victim=rules.aware_victim,
        block_step=3 if rules.aware_promotion else 1,
        window=rules.window_instructions,
        pressure_misses=pressure[0],
        pressure_instructions=pressure[1],
        bypass_misses=bypass[0],
        bypass_instructions=bypass[1],
        predicts=rules.predictor is not None,
        min_frequency=predictor.limits("frequency")[0],
        max_frequency=predictor.limits("frequency")[1],
        frequency_limit=predictor.limit("frequency"),
        min_cost=predictor.limits("cost")[0],
        max_cost=predictor.limits("cost")[1],
        cost_limit=predictor.limit("cost"),
    )
    n = np.zeros(HISTOGRAM + BINS, np.int64)
    n[LAST_PAGE] = -1
    none = np.zeros((0, 4), np.int64)
    arrays = Arrays(
        words=words.filled(),
        n=n,
        slab=np.zeros((0, 2), np.int64),
        counter=np.zeros(0, np.uint8),
        profile=np.zeros((int(profiles), 3), np.int64),
        event=none,
    )
    return k, arrays


def packed(group: Any) -> Any:
    """A NamedTuple of integers, and of such, as a record: compiled code passes it as one pointer."""
    return np.array(_values(group), _dtype(group))[()]


def _values(group: Any) -> Any:
    return tuple(map(_values, group)) if isinstance(group, tuple) else int(group)


def _dtype(group: Any) -> Any:
    if isinstance(group, int):
        return np.int64
    return np.dtype([(name, _dtype(value)) for name, value in group._asdict().items()])
