"""A cache that holds lines of data and TLB blocks, by its definition (Victima, MICRO'23, section 5)."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from lockstep.arch.tlb import LINE_PTES, CacheConfig, VictimaConfig
from lockstep.sim.golden.tlb import Page


class Event(NamedTuple):
    """What one operation did to one set; ``rrpv`` are its values afterwards, 0 for empty ways and LRU."""

    kind: str  # hit, fill, probe, insert, merge, drop (line or block)
    set: int
    way: int
    rrpv: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockTag:
    """A TLB block: eight consecutive pages of an address space; nested: guest-physical pages."""

    asid: int
    group: int  # page number / 8
    large: bool
    nested: bool

    @staticmethod
    def of(page: Page, nested: bool) -> "BlockTag":
        """The block that has, or would have, ``page``."""
        return BlockTag(page.asid, page.number // LINE_PTES, page.large, nested)


@dataclass(slots=True)
class Line:
    """A way: a line of data, ``tag`` its line number, or a TLB block with those PTEs of ``mask``."""

    tag: int | BlockTag
    rrpv: int
    dirty: bool = False
    mask: int = 0


class Cache:
    """Lines and TLB blocks under one replacement policy: SRRIP, or LRU for data alone."""

    def __init__(self, cfg: CacheConfig, rules: VictimaConfig, log: list[Event] | None) -> None:
        self.cfg, self.rules, self.log = cfg, rules, log
        self.sets: list[list[Line | None]] = [[None] * cfg.ways for _ in range(cfg.sets)]
        self.order: list[list[int]] = [list(range(cfg.ways)) for _ in range(cfg.sets)]
        self.pressure = False  # the L2 TLB misses often
        self.count: Counter[str] = Counter()

    def access(self, line: int, *, write: bool) -> bool:
        """Read or write a line; whether it was there. If not, it is afterwards."""
        index = line % self.cfg.sets
        way = self._find(index, line)
        if hit := way is not None:
            self._promote(index, way)
        else:
            way = self._place(index, Line(line, self.cfg.insert_rrpv))
        self._line(index, way).dirty |= write
        self._note("hit" if hit else "fill", index, way)
        return hit

    def probe(self, page: Page, *, nested: bool) -> bool:
        """Look a TLB block up; a hit counts as use."""
        tag = BlockTag.of(page, nested)
        index = tag.group % self.cfg.sets
        way = self._find(index, tag)
        if way is None or not self._line(index, way).mask >> (page.number % LINE_PTES) & 1:
            return False
        self._promote(index, way)
        self._note("probe", index, way)
        return True

    def holds(self, page: Page, *, nested: bool) -> bool:
        """As :meth:`probe`, but leaves no trace."""
        tag = BlockTag.of(page, nested)
        index = tag.group % self.cfg.sets
        way = self._find(index, tag)
        return way is not None and bool(
            self._line(index, way).mask >> (page.number % LINE_PTES) & 1
        )

    def insert(self, tag: BlockTag, mask: int) -> None:
        """Put a block in, or add PTEs to the one that is there."""
        index = tag.group % self.cfg.sets
        way = self._find(index, tag)
        if merge := way is not None:
            self._line(index, way).mask |= mask
        else:
            rrpv = self.cfg.insert_rrpv
            if self.rules.aware_insertion:
                rrpv = 0 if self.pressure else self.cfg.max_rrpv
            way = self._place(index, Line(tag, rrpv, mask=mask))
        self._note("merge" if merge else "insert", index, way)

    def drop(self, tag: int | BlockTag) -> None:
        """Invalidate a line or a block, if it is there."""
        index = (tag.group if isinstance(tag, BlockTag) else tag) % self.cfg.sets
        way = self._find(index, tag)
        if way is not None:
            self.sets[index][way] = None
            self._note("drop", index, way)

    def blocks(self) -> list[tuple[BlockTag, int]]:
        """All TLB blocks with their masks."""
        ways = (way for ways in self.sets for way in ways if way)
        return [(way.tag, way.mask) for way in ways if isinstance(way.tag, BlockTag)]

    def _find(self, index: int, tag: int | BlockTag) -> int | None:
        for way, held in enumerate(self.sets[index]):
            if held and held.tag == tag:
                return way
        return None

    def _line(self, index: int, way: int) -> Line:
        line = self.sets[index][way]
        assert line
        return line

    def _promote(self, index: int, way: int) -> None:
        line = self._line(index, way)
        step = 3 if isinstance(line.tag, BlockTag) and self.rules.aware_promotion else 1
        line.rrpv = max(0, line.rrpv - step)
        self._touch(index, way)

    def _touch(self, index: int, way: int) -> None:
        self.order[index].remove(way)
        self.order[index].insert(0, way)

    def _place(self, index: int, new: Line) -> int:
        """The first empty way, else the victim's; ``new`` lies there afterwards."""
        ways = self.sets[index]
        way = ways.index(None) if None in ways else self._victim(index)
        if old := ways[way]:
            self.count["writebacks"] += old.dirty
            if isinstance(old.tag, BlockTag):
                self.count["blocks_evicted"] += 1
            elif isinstance(new.tag, BlockTag):
                self.count["lines_lost_to_blocks"] += 1
        ways[way] = new
        self._touch(index, way)
        return way

    def _victim(self, index: int) -> int:
        if self.cfg.replacement == "lru":
            return self.order[index][-1]
        way = self._distant(index)
        line = self._line(index, way)
        if isinstance(line.tag, BlockTag) and self.pressure and self.rules.aware_victim:
            line.rrpv = 0
            way = self._distant(index)
        return way

    def _distant(self, index: int) -> int:
        """The first way with the greatest RRPV; until there is one, all are counted up."""
        lines = [self._line(index, way) for way in range(self.cfg.ways)]
        while all(line.rrpv < self.cfg.max_rrpv for line in lines):
            for line in lines:
                line.rrpv += 1
        return next(way for way, line in enumerate(lines) if line.rrpv == self.cfg.max_rrpv)

    def _note(self, kind: str, index: int, way: int) -> None:
        if self.log is not None:
            counts = self.cfg.replacement == "srrip"
            rrpv = tuple(held.rrpv if held and counts else 0 for held in self.sets[index])
            self.log.append(Event(kind, index, way, rrpv))
