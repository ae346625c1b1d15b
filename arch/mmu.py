"""Address translation as a whole: the ``mmu`` section of a machine and the files of ``configs/mmu``."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.tech import Source
from lockstep.arch.tlb import (
    LINE_BYTES,
    CacheConfig,
    TlbConfig,
    VictimaConfig,
    WalkCacheConfig,
)

Mechanism = Literal["radix", "large_l2_tlb", "l3_tlb", "pom_tlb", "victima"]
Share = Annotated[float, Field(ge=0, le=1)]


class PomTlbConfig(Config):
    """A TLB in main memory, kept by software, whose sets go through the caches (Ryoo et al., ISCA 2017).

    Parameters
    ----------
    entries, ways : int
        True LRU in each set.
    entry_bytes : int
        All lines of a set are asked for at once; the slowest decides.
    """

    entries: Annotated[int, Field(ge=1, le=1 << 26)]
    ways: Annotated[int, Field(ge=1, le=16)]
    entry_bytes: Literal[4, 8, 16, 32, 64] = 16

    @model_validator(mode="after")
    def _sets_are_a_power_of_two(self) -> "PomTlbConfig":
        sets = self.entries / self.ways
        if sets != int(sets) or int(sets) & (int(sets) - 1):
            raise ValueError(f"entries must give a power of two of sets, not {sets:g}")
        if self.ways * self.entry_bytes % LINE_BYTES:
            raise ValueError(f"ways times entry_bytes must be a multiple of {LINE_BYTES}")
        return self

    @property
    def sets(self) -> int:
        """Sets, a power of two."""
        return self.entries // self.ways

    @property
    def set_lines(self) -> int:
        """Lines of memory that one set takes."""
        return self.ways * self.entry_bytes // LINE_BYTES


class NestedConfig(Config):
    """What a virtual machine adds: a TLB from guest-physical to host-physical pages, and its walks.

    Parameters
    ----------
    tlb : TlbConfig
    walk_cache : WalkCacheConfig
        Of the host's page table.
    """

    tlb: TlbConfig
    walk_cache: WalkCacheConfig


class CoreConfig(Config):
    """How latency becomes cycles of a program; a model of first order, stated, not simulated.

    ``cycles = instructions * cycles_per_instruction + translation_exposed * translation
    + data_exposed * data``, where both sums leave out what a hit in the first level takes.

    Parameters
    ----------
    cycles_per_instruction : float
        With every access a hit.
    translation_exposed, data_exposed : float
        Share of the latency beyond the first level that other work does not hide.
    source : str
    """

    cycles_per_instruction: Annotated[float, Field(gt=0, le=1000)]
    translation_exposed: Share
    data_exposed: Share
    source: Source


class MmuConfig(Config):
    """TLBs, page walker and the caches its accesses go through.

    Parameters
    ----------
    kind : "mmu"
    name : str
    clock_mhz : float
    mechanism : str
        What stands behind the L2 TLB: the walker alone (``radix``), a larger L2 TLB, a hardware L3 TLB,
        a software-managed TLB, or TLB blocks in the L2 cache. Its section is used, the others rest.
    virtualised : bool
        Translate twice, guest-virtual to guest-physical to host-physical.
    large_page_share : float
        Share of 2 MB regions that are mapped by one large page.
    itlb, dtlb, l2_tlb : TlbConfig
    walk_cache : WalkCacheConfig
    l1d : CacheConfig or None
        None: accesses go to the L2 cache. The walker's always do.
    l2 : CacheConfig
    llc : CacheConfig or None
    dram_cycles : int
        Of an access that misses every cache.
    large_l2_tlb, l3_tlb, pom_tlb, victima, nested, core : sections
    source : str
    """

    kind: Literal["mmu"]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    clock_mhz: Annotated[float, Field(ge=1e-3, le=100_000)]
    mechanism: Mechanism
    virtualised: bool = False
    large_page_share: Share
    itlb: TlbConfig
    dtlb: TlbConfig
    l2_tlb: TlbConfig
    walk_cache: WalkCacheConfig
    l1d: CacheConfig | None
    l2: CacheConfig
    llc: CacheConfig | None
    dram_cycles: Annotated[int, Field(ge=1, le=100_000)]
    large_l2_tlb: TlbConfig
    l3_tlb: TlbConfig
    pom_tlb: PomTlbConfig
    victima: VictimaConfig
    nested: NestedConfig
    core: CoreConfig
    source: Source

    @model_validator(mode="after")
    def _blocks_have_rrpvs(self) -> "MmuConfig":
        if self.mechanism != "victima":
            return self
        if self.l2.replacement != "srrip":
            raise ValueError("l2.replacement must be srrip for mechanism victima, not lru")
        if self.victima.hit_cycles <= self.l2.probe_cycles:
            raise ValueError(
                f"victima.hit_cycles must be more than {self.l2.probe_cycles}, the tags of both page "
                f"sizes, not {self.victima.hit_cycles}"
            )
        return self

    @property
    def second_tlb(self) -> TlbConfig:
        """The L2 TLB that the mechanism uses."""
        return self.large_l2_tlb if self.mechanism == "large_l2_tlb" else self.l2_tlb

    @property
    def step_cycles(self) -> int:
        """From a page-table entry's arrival at the walker to the access it leads to."""
        return 1

    def first_access_cycles(self, walk_cache: WalkCacheConfig, *, probed: bool) -> int:
        """From a TLB miss to the walk's first memory access.

        Where TLB blocks are ``probed``, a parallel walk waits for their tags, which are known before its
        first access would leave the page-walk caches, or shortly after.
        """
        if not probed:
            return walk_cache.latency_cycles
        if self.victima.probe == "serial":
            return self.l2.probe_cycles + walk_cache.latency_cycles
        return max(self.l2.probe_cycles, walk_cache.latency_cycles)
