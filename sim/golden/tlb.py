"""TLBs and page-walk caches by their definition: ordered sets, the least recently used leaves first."""

from collections import OrderedDict
from dataclasses import dataclass

from lockstep.arch.tlb import (
    LARGE_PAGE_BITS,
    LEVEL_BITS,
    PAGE_BITS,
    TlbConfig,
    WalkCacheConfig,
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an address space: its number, counted in pages of its size."""

    asid: int
    number: int
    large: bool

    @staticmethod
    def of(asid: int, address: int, large: bool) -> "Page":
        """The page of ``address``, a byte address."""
        return Page(asid, address >> (LARGE_PAGE_BITS if large else PAGE_BITS), large)

    @property
    def address(self) -> int:
        """Its first byte."""
        return self.number << (LARGE_PAGE_BITS if self.large else PAGE_BITS)


@dataclass(slots=True)
class Way:
    """What one way of a TLB's set holds."""

    page: Page
    frame: int  # physical address of its first byte


class Tlb:
    """Set-associative, both page sizes in the same sets, true LRU."""

    def __init__(self, cfg: TlbConfig) -> None:
        self.cfg = cfg
        self.sets: list[list[Way | None]] = [[None] * cfg.ways for _ in range(cfg.sets)]
        self.order: list[list[int]] = [list(range(cfg.ways)) for _ in range(cfg.sets)]
        """Ways of each set, the most recently used first."""

    def lookup(self, asid: int, address: int) -> Way | None:
        """The translation of ``address``; becomes the most recently used of its set."""
        for large in (False, True):
            page = Page.of(asid, address, large)
            index = page.number % self.cfg.sets
            for way, held in enumerate(self.sets[index]):
                if held and held.page == page:
                    self._touch(index, way)
                    return held
        return None

    def fill(self, page: Page, frame: int) -> Way | None:
        """Put a translation in; what it takes the place of. The first empty way, else the oldest."""
        index = page.number % self.cfg.sets
        held = self.sets[index]
        way = held.index(None) if None in held else self.order[index][-1]
        evicted, held[way] = held[way], Way(page, frame)
        self._touch(index, way)
        return evicted

    def invalidate(self, asid: int, address: int) -> None:
        """Take out the translation of ``address``, of either size; the order of ways stays."""
        for large in (False, True):
            page = Page.of(asid, address, large)
            held = self.sets[page.number % self.cfg.sets]
            for way, entry in enumerate(held):
                if entry and entry.page == page:
                    held[way] = None

    def _touch(self, index: int, way: int) -> None:
        self.order[index].remove(way)
        self.order[index].insert(0, way)


class WalkCache:
    """Entries of levels 4, 3 and 2 of the page table, by the part of the address they map."""

    def __init__(self, cfg: WalkCacheConfig) -> None:
        self.cfg = cfg
        self.levels: dict[int, list[OrderedDict[tuple[int, int], None]]] = {
            level: [OrderedDict() for _ in range(cfg.sets(level))] for level in (4, 3, 2)
        }

    def lookup(self, asid: int, address: int) -> int:
        """Level of the first table still to be read: 1 if level 2's entry is held, ... 4 if none is.

        Of the levels that hold an entry only the lowest counts as used.
        """
        for level in (2, 3, 4):
            held, key = self._set(level, asid, address)
            if key in held:
                held.move_to_end(key)
                return level - 1
        return 4

    def fill(self, level: int, asid: int, address: int) -> None:
        """Keep the entry of ``level`` for ``address``; the least recently used of its set leaves."""
        held, key = self._set(level, asid, address)
        held[key] = None
        held.move_to_end(key)
        if len(held) > self.cfg.ways:
            held.popitem(last=False)

    def invalidate(self, asid: int, address: int) -> None:
        """Drop all entries on the way to ``address``."""
        for level in (2, 3, 4):
            held, key = self._set(level, asid, address)
            held.pop(key, None)

    def _set(
        self, level: int, asid: int, address: int
    ) -> tuple[OrderedDict[tuple[int, int], None], tuple[int, int]]:
        prefix = address >> (PAGE_BITS + LEVEL_BITS * (level - 1))
        return self.levels[level][prefix % self.cfg.sets(level)], (asid, prefix)
