"""Address translation, access by access: the rules of Victima (MICRO'23) in the order they apply.

The definition that the fast simulator and the RTL are held to; slow, and meant to be read.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LINE_BITS, LINE_PTES, PHYSICAL_BITS, TlbConfig
from lockstep.sim.golden.predictor import Pressure, costly, counted
from lockstep.sim.golden.tlb import Page, Tlb, WalkCache
from lockstep.sim.golden.tlb_cache import BlockTag, Cache, Event
from lockstep.sim.page_table import HOST, NATIVE, SHARE_BITS, entry_address, is_large, physical

LOAD, STORE, FETCH, INVALIDATE = range(4)

_HOST_SPACE = (1 << 48) - 1


@dataclass(frozen=True, slots=True)
class Access:
    """What became of one access; cycles are those of the MMU's clock.

    ``served_by``: l1_tlb, l2_tlb, l3_tlb, pom_tlb, tlb_block, walk, or shootdown. ``translation_cycles`` until
    the physical address is known, ``data_cycles`` from there to the data, ``background_cycles`` what
    the walker and the L2 cache do afterwards on its account.
    """

    served_by: str
    physical: int
    translation_cycles: int
    data_cycles: int
    background_cycles: int


class Mmu:
    """One core's translation and caches. ``log`` collects what its L2 cache does, if given."""

    def __init__(self, cfg: MmuConfig, log: list[Event] | None = None) -> None:
        self.cfg, self.rules = cfg, cfg.victima
        self.victima = cfg.mechanism == "victima"
        self.itlb, self.dtlb, self.l2_tlb = Tlb(cfg.itlb), Tlb(cfg.dtlb), Tlb(cfg.second_tlb)
        self.l3_tlb = Tlb(cfg.l3_tlb)
        pom = cfg.pom_tlb
        self.pom = Tlb(TlbConfig(entries=pom.entries, ways=pom.ways, latency_cycles=1))
        self.walk_cache = WalkCache(cfg.walk_cache)
        self.nested_tlb, self.host_walk_cache = (
            Tlb(cfg.nested.tlb),
            WalkCache(cfg.nested.walk_cache),
        )
        self.l1d = Cache(cfg.l1d, cfg.victima, None) if cfg.l1d else None
        self.l2 = Cache(cfg.l2, cfg.victima, log)
        self.llc = Cache(cfg.llc, cfg.victima, None) if cfg.llc else None
        self.pressure = Pressure(cfg.victima)
        self.share = round(cfg.large_page_share * (1 << SHARE_BITS))
        self.counters: dict[tuple[int, Page], tuple[int, int]] = {}
        """PTW-CP's frequency and cost of pages, by space."""
        self.later: deque[Callable[[], int]] = deque()
        """Work for after the response; each returns the cycles it takes."""
        self.count: Counter[str] = Counter()

    def access(self, address: int, kind: int = LOAD, gap: int = 1, asid: int = 0) -> Access:
        """Translate, then load, store or fetch; ``gap`` instructions retire with it."""
        self.pressure.retire(gap)
        self.l2.pressure = self.pressure.tlb_high
        if kind == INVALIDATE:
            return self._shootdown(asid, address)
        l1 = self.itlb if kind == FETCH else self.dtlb
        served_by, cycles = "l1_tlb", l1.cfg.latency_cycles
        way = l1.lookup(asid, address)
        if way is None:
            served_by, cycles = "l2_tlb", cycles + self.l2_tlb.cfg.latency_cycles
            way = self.l2_tlb.lookup(asid, address)
            if way is None:
                self.pressure.tlb_misses += 1
                served_by, more, page, frame = self._beyond(asid, address)
                cycles += more
                evicted = self.l2_tlb.fill(page, frame)
                if evicted and self.victima and self.rules.insert_on_eviction:
                    self.later.append(lambda: self._keep_evicted(evicted.page, nested=False))
            else:
                page, frame = way.page, way.frame
            l1.fill(page, frame)
        else:
            page, frame = way.page, way.frame
        where = frame + address - page.address
        data = self._data(where >> LINE_BITS, write=kind == STORE, fetch=kind == FETCH)
        background = 0
        while self.later:
            background += self.later.popleft()()
        self.count[served_by] += 1
        return Access(served_by, where, cycles, data, background)

    def _shootdown(self, asid: int, address: int) -> Access:
        for tlb in (self.itlb, self.dtlb, self.l2_tlb, self.l3_tlb, self.pom):
            tlb.invalidate(asid, address)
        self.walk_cache.invalidate(asid, address)
        if self.victima and self.rules.shootdown:
            for large in (False, True):
                self.l2.drop(BlockTag.of(Page.of(asid, address, large), nested=False))
        return Access("shootdown", 0, self.cfg.l2.probe_cycles + 1, 0, 0)

    def _beyond(self, asid: int, address: int) -> tuple[str, int, Page, int]:
        """Behind the L2 TLB: who served it, in how many cycles, the page and its frame."""
        cycles = 0
        page, frame = self._mapping(asid, address)
        if self.cfg.mechanism == "l3_tlb":
            cycles += self.l3_tlb.cfg.latency_cycles
            if self.l3_tlb.lookup(asid, address):
                return "l3_tlb", cycles, page, frame
            self.l3_tlb.fill(page, frame)
        elif self.cfg.mechanism == "pom_tlb":
            cycles += max(self._l2(line, write=False)[0] for line in self._pom_lines(page))
            if self.pom.lookup(asid, address):
                return "pom_tlb", cycles, page, frame
            self.later.append(lambda: self._fill_pom(page, frame))
        elif self.victima and self._probes(page) and self.l2.probe(page, nested=False):
            return "tlb_block", self.rules.hit_cycles, page, frame
        walked, from_dram = self._walk(asid, address, demand=True)
        probed = self.victima  # the tags are read whatever the page's size turns out to be
        cycles += self.cfg.first_access_cycles(self.cfg.walk_cache, probed=probed) + walked
        self._learn(NATIVE, page, from_dram)
        if self.victima and self.rules.insert_on_miss and self._allowed(NATIVE, page):
            line = self._leaf_line(asid, address)
            self.later.append(lambda: self._convert(page, line, nested=False))
        return "walk", cycles, page, frame

    def _mapping(self, asid: int, address: int) -> tuple[Page, int]:
        """The page of ``address`` and where it lies, from the page tables themselves."""
        large = is_large(address, asid, NATIVE, self.share)
        if not self.cfg.virtualised:
            page = Page.of(asid, address, large)
            return page, physical(page.address, asid, NATIVE, large)
        guest = self._guest_physical(asid, address, large)
        host_large = is_large(guest, 0, HOST, self.share)
        page = Page.of(asid, address, large and host_large)
        guest -= address - page.address
        return page, physical(guest, 0, HOST, host_large)

    def _guest_physical(self, asid: int, address: int, large: bool) -> int:
        return physical(address, asid, NATIVE, large) & _HOST_SPACE

    def _walk(self, asid: int, address: int, *, demand: bool) -> tuple[int, bool]:
        """Memory accesses of a walk: their cycles, and whether one reached DRAM."""
        large = is_large(address, asid, NATIVE, self.share)
        level = self.walk_cache.lookup(asid, address)
        cycles, from_dram = 0, False
        while True:
            entry = entry_address(level, address, asid, NATIVE)
            if self.cfg.virtualised:
                entry, more, dram = self._nested(entry & _HOST_SPACE, demand=demand)
                cycles, from_dram = cycles + more, from_dram or dram
            took, dram = self._l2(entry >> LINE_BITS, write=False)
            cycles += took + self.cfg.step_cycles
            from_dram |= dram
            if level == (2 if large else 1):
                break
            self.walk_cache.fill(level, asid, address)
            level -= 1
        if self.cfg.virtualised:  # where the page itself lies
            guest = self._guest_physical(asid, address, large)
            _, more, dram = self._nested(guest, demand=demand)
            cycles, from_dram = cycles + more, from_dram or dram
        self.count["demand_walks" if demand else "background_walks"] += 1
        return cycles, from_dram

    def _nested(self, guest: int, *, demand: bool) -> tuple[int, int, bool]:
        """Guest-physical to host-physical: the address, cycles, and whether an access reached DRAM."""
        large = is_large(guest, 0, HOST, self.share)
        page = Page.of(0, guest, large)
        host = physical(guest, 0, HOST, large)
        cycles = self.nested_tlb.cfg.latency_cycles
        if self.nested_tlb.lookup(0, guest):
            return host, cycles, False
        probed = self.victima and self.rules.nested_blocks
        from_dram = False
        if probed and self._probes(page) and self.l2.probe(page, nested=True):
            cycles += self.rules.hit_cycles
        else:
            walk_cache = self.cfg.nested.walk_cache
            cycles += self.cfg.first_access_cycles(walk_cache, probed=probed)
            more, from_dram = self._host_walk(guest, large)
            cycles += more
            if demand:
                self._learn(HOST, page, from_dram)
                if probed and self.rules.insert_on_miss and self._allowed(HOST, page):
                    line = entry_address(2 if large else 1, guest, 0, HOST) >> LINE_BITS
                    self.later.append(lambda: self._convert(page, line, nested=True))
        if demand:
            evicted = self.nested_tlb.fill(page, physical(page.address, 0, HOST, large))
            if evicted and probed and self.rules.insert_on_eviction:
                self.later.append(lambda: self._keep_evicted(evicted.page, nested=True))
        return host, cycles, from_dram

    def _host_walk(self, guest: int, large: bool) -> tuple[int, bool]:
        level = self.host_walk_cache.lookup(0, guest)
        cycles, from_dram = 0, False
        while True:
            took, dram = self._l2(entry_address(level, guest, 0, HOST) >> LINE_BITS, write=False)
            cycles += took + self.cfg.step_cycles
            from_dram |= dram
            if level == (2 if large else 1):
                self.count["host_walks"] += 1
                return cycles, from_dram
            self.host_walk_cache.fill(level, 0, guest)
            level -= 1

    def _leaf_line(self, asid: int, address: int) -> int:
        """Line of memory with the last page-table entry of a walk."""
        large = is_large(address, asid, NATIVE, self.share)
        entry = entry_address(2 if large else 1, address, asid, NATIVE)
        if self.cfg.virtualised:
            entry &= _HOST_SPACE
            entry = physical(entry, 0, HOST, is_large(entry, 0, HOST, self.share))
        return entry >> LINE_BITS

    # Rules of Victima

    def _probes(self, page: Page) -> bool:
        return self.rules.probe_sizes in ("both", "2m" if page.large else "4k")

    def _learn(self, space: int, page: Page, from_dram: bool) -> None:
        """Count a demand walk in the page's PTE."""
        predictor = self.rules.predictor
        if predictor:
            before = self.counters.get((space, page), (0, 0))
            self.counters[space, page] = counted(predictor, before, from_dram)

    def _allowed(self, space: int, page: Page) -> bool:
        """Whether a block of the page may be made: PTW-CP, unless the L2 cache misses anyway."""
        predictor = self.rules.predictor
        if not self._probes(page):
            return False
        if predictor is None or self.pressure.cache_high:
            return True
        return costly(predictor, self.counters.get((space, page), (0, 0)))

    def _convert(self, page: Page, line: int, *, nested: bool) -> int:
        """The line of the page table becomes a TLB block; cycles taken."""
        space = HOST if nested else NATIVE
        first = page.number & -LINE_PTES
        if self.rules.block_ptes == 1 or (self.cfg.virtualised and not nested):
            mask = 1 << (
                page.number - first
            )  # a guest's line tells where in the guest, not in the host
        elif page.large:
            regions = (Page(page.asid, first + i, True).address for i in range(LINE_PTES))
            larges = [is_large(region, page.asid, space, self.share) for region in regions]
            mask = sum(large << i for i, large in enumerate(larges))
        else:
            mask = (1 << LINE_PTES) - 1
        self.l2.drop(line)
        self.l2.insert(BlockTag.of(page, nested), mask)
        return 2 * self.cfg.l2.maintain_cycles

    def _keep_evicted(self, page: Page, *, nested: bool) -> int:
        """What a TLB evicted becomes a TLB block, by a walk in the background; cycles taken."""
        if not self._allowed(HOST if nested else NATIVE, page):
            return 0
        cycles = self.cfg.l2.probe_cycles
        if self.l2.holds(page, nested=nested):
            return cycles
        if nested:
            walked, _ = self._host_walk(page.address, page.large)
            line = entry_address(2 if page.large else 1, page.address, 0, HOST) >> LINE_BITS
            walk_cache = self.cfg.nested.walk_cache
        else:
            walked, _ = self._walk(page.asid, page.address, demand=False)
            line = self._leaf_line(page.asid, page.address)
            walk_cache = self.cfg.walk_cache
        cycles += walk_cache.latency_cycles + walked
        return cycles + self._convert(page, line, nested=nested)

    # Software-managed TLB

    def _pom_lines(self, page: Page) -> list[int]:
        pom = self.cfg.pom_tlb
        first = (1 << (PHYSICAL_BITS - 1) >> LINE_BITS) + page.number % pom.sets * pom.set_lines
        return [first + i for i in range(pom.set_lines)]

    def _fill_pom(self, page: Page, frame: int) -> int:
        self.pom.fill(page, frame)
        way = self.pom.order[page.number % self.pom.cfg.sets][0]
        line = self._pom_lines(page)[way * self.cfg.pom_tlb.entry_bytes >> LINE_BITS]
        return self._l2(line, write=True)[0]

    # Caches

    def _data(self, line: int, *, write: bool, fetch: bool) -> int:
        """Cycles from the physical address to the data; fetches go to the L2 cache."""
        if self.l1d is None or fetch:
            return self._l2(line, write=write)[0]
        assert self.cfg.l1d
        if self.l1d.access(line, write=write):
            return self.cfg.l1d.latency_cycles
        return self.cfg.l1d.tag_cycles + self._l2(line, write=write)[0] + self.cfg.l1d.fill_cycles

    def _l2(self, line: int, *, write: bool) -> tuple[int, bool]:
        """An access to the L2 cache: cycles, and whether it reached DRAM."""
        cfg = self.cfg.l2
        if self.l2.access(line, write=write):
            return cfg.latency_cycles, False
        self.pressure.cache_misses += 1
        below, from_dram = self.cfg.dram_cycles, True
        if self.llc and self.cfg.llc:
            llc = self.cfg.llc
            if self.llc.access(line, write=False):
                below, from_dram = llc.latency_cycles, False
            else:
                below += llc.tag_cycles + llc.fill_cycles
        return cfg.tag_cycles + below + cfg.fill_cycles, from_dram
