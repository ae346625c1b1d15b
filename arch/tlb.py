"""Units of address translation: TLBs, page-walk caches, caches that hold TLB blocks, the cost predictor.

Pages and page tables are those of x86-64 with four levels. Figures and rules are of Victima (MICRO'23).
"""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config

PAGE_BITS = 12
LARGE_PAGE_BITS = 21
LEVEL_BITS = 9  # of the virtual address, index into one table
LEVELS = 4
VIRTUAL_BITS = PAGE_BITS + LEVELS * LEVEL_BITS
PHYSICAL_BITS = 52
ASID_BITS = 11  # Victima, section 5: tag of a TLB block
LINE_BYTES = 64
LINE_BITS = 6
PTE_BYTES = 8
LINE_PTES = LINE_BYTES // PTE_BYTES
MAX_WAYS = 16

Cycles = Annotated[int, Field(ge=1, le=1000)]
Ways = Annotated[int, Field(ge=1, le=MAX_WAYS)]


def _check_sets(key: str, sets: float) -> None:
    if sets != int(sets) or int(sets) & (int(sets) - 1):
        raise ValueError(f"{key} must give a power of two of sets, not {sets:g}; change it or ways")


class TlbConfig(Config):
    """Set-associative TLB for pages of 4 KB and 2 MB, true LRU.

    Parameters
    ----------
    entries, ways : int
        ``entries / ways`` sets, a power of two. Both page sizes share them.
    latency_cycles : int
        From a request to its outcome, hit or miss.
    """

    entries: Annotated[int, Field(ge=1, le=1 << 22)]
    ways: Ways
    latency_cycles: Cycles

    @model_validator(mode="after")
    def _sets_are_a_power_of_two(self) -> "TlbConfig":
        _check_sets("entries", self.entries / self.ways)
        return self

    @property
    def sets(self) -> int:
        """Sets, a power of two."""
        return self.entries // self.ways


class WalkCacheConfig(Config):
    """Page-walk caches: one each for entries of levels 4, 3 and 2, looked up side by side.

    Parameters
    ----------
    l4_entries, l3_entries, l2_entries : int
        Entries of page-table levels 4 (root), 3 and 2, each set-associative with true LRU.
    ways : int
        Of each of the three.
    latency_cycles : int
        Of one look-up of all three.
    """

    l4_entries: Annotated[int, Field(ge=1, le=1 << 16)]
    l3_entries: Annotated[int, Field(ge=1, le=1 << 16)]
    l2_entries: Annotated[int, Field(ge=1, le=1 << 16)]
    ways: Ways
    latency_cycles: Cycles

    @model_validator(mode="after")
    def _sets_are_powers_of_two(self) -> "WalkCacheConfig":
        for level in (4, 3, 2):
            _check_sets(f"l{level}_entries", self.entries(level) / self.ways)
        return self

    def entries(self, level: int) -> int:
        """Entries of the cache for page-table level 4, 3 or 2."""
        return {4: self.l4_entries, 3: self.l3_entries, 2: self.l2_entries}[level]

    def sets(self, level: int) -> int:
        """Sets of the cache for page-table level 4, 3 or 2."""
        return self.entries(level) // self.ways


class CacheConfig(Config):
    """A cache of 64-byte lines, physically indexed, write-back, write-allocate.

    A miss takes ``tag_cycles``, the time of the level below, and :attr:`fill_cycles`.

    Parameters
    ----------
    size_bytes, ways : int
        The sets that follow must be a power of two.
    latency_cycles : int
        Of a hit.
    tag_cycles : int
        Until hit or miss is known.
    replacement : "lru" or "srrip"
        SRRIP evicts the first way predicted to be used last, inserts one below that, and
        counts down by one on a hit (Jaleel et al., ISCA 2010, hit priority aside).
    rrpv_bits : int
        Width of a re-reference prediction value, for SRRIP.
    """

    size_bytes: Annotated[int, Field(ge=LINE_BYTES, le=1 << 32)]
    ways: Ways
    latency_cycles: Cycles
    tag_cycles: Cycles
    replacement: Literal["lru", "srrip"] = "srrip"
    rrpv_bits: Annotated[int, Field(ge=1, le=4)] = 2

    @model_validator(mode="after")
    def _sets_are_a_power_of_two(self) -> "CacheConfig":
        _check_sets("size_bytes", self.size_bytes / LINE_BYTES / self.ways)
        return self

    @model_validator(mode="after")
    def _tags_come_first(self) -> "CacheConfig":
        if self.tag_cycles >= self.latency_cycles:
            raise ValueError(
                f"tag_cycles must be less than latency_cycles, {self.latency_cycles}, "
                f"not {self.tag_cycles}"
            )
        return self

    @property
    def sets(self) -> int:
        """Sets, a power of two."""
        return self.size_bytes // LINE_BYTES // self.ways

    @property
    def fill_cycles(self) -> int:
        """From the line's arrival from below to the response."""
        return 1

    @property
    def probe_cycles(self) -> int:
        """Tags of two sets, one for each page size, read one cycle apart."""
        return self.tag_cycles + 1

    @property
    def maintain_cycles(self) -> int:
        """Insertion or invalidation of a TLB block or line: tags, then one write."""
        return self.tag_cycles + 1

    @property
    def max_rrpv(self) -> int:
        """The value of a line predicted to be used last."""
        return (1 << self.rrpv_bits) - 1

    @property
    def insert_rrpv(self) -> int:
        """The value that a line of data starts with."""
        return self.max_rrpv - 1


class PredictorConfig(Config):
    """PTW cost predictor: a box in the plane of two saturating counters (Victima, section 5.2).

    The counters lie in unused bits of the PTE. Every demand walk counts up ``frequency``, and ``cost``
    too if one of its accesses reached DRAM. A page inside the box is costly to translate.

    Parameters
    ----------
    frequency_bits, cost_bits : int
        Widths of the counters.
    min_frequency, max_frequency, min_cost, max_cost : int or None
        The box, bounds included; None: the greatest value of the counter.
    """

    frequency_bits: Annotated[int, Field(ge=1, le=3)] = 3
    cost_bits: Annotated[int, Field(ge=1, le=4)] = 4
    min_frequency: Annotated[int, Field(ge=0, le=7)] = 1
    max_frequency: Annotated[int, Field(ge=0, le=7)] | None = None
    min_cost: Annotated[int, Field(ge=0, le=15)] = 1
    max_cost: Annotated[int, Field(ge=0, le=15)] | None = None

    @model_validator(mode="after")
    def _box_is_not_empty(self) -> "PredictorConfig":
        for name in ("frequency", "cost"):
            least, most = getattr(self, f"min_{name}"), self.limits(name)[1]
            if not least <= most <= self.limit(name):
                raise ValueError(
                    f"max_{name} must lie between min_{name}, {least}, and {self.limit(name)}, "
                    f"not be {most}"
                )
        return self

    def limit(self, name: str) -> int:
        """Greatest value of counter ``frequency`` or ``cost``."""
        return (1 << int(getattr(self, f"{name}_bits"))) - 1

    def limits(self, name: str) -> tuple[int, int]:
        """Bounds of the box for counter ``frequency`` or ``cost``, both included."""
        most = getattr(self, f"max_{name}")
        return int(getattr(self, f"min_{name}")), self.limit(name) if most is None else int(most)


class VictimaConfig(Config):
    """TLB blocks in the lines of the L2 cache, with every rule of Victima; each can be taken away.

    Parameters
    ----------
    hit_cycles : int
        From a miss in the L2 TLB to the translation from a TLB block.
    block_ptes : 8 or 1
        PTEs that a block takes from the line of the page table it is made of; 1 to see what eight are worth.
    probe : "parallel" or "serial"
        Whether the walk starts with the look-up of TLB blocks or after it.
    probe_sizes : "both", "4k" or "2m"
        Page sizes whose blocks are looked up, and inserted.
    insert_on_miss : bool
        Make a block of the PTEs that a demand walk returned.
    insert_on_eviction : bool
        Walk in the background for what the L2 TLB evicts, and make a block of it.
    predictor : PredictorConfig or None
        None: every page counts as costly.
    bypass_mpki : float or None
        Misses of the L2 cache per thousand instructions above which the predictor is not asked.
    pressure_mpki : float
        Misses of the L2 TLB per thousand instructions above which blocks are favoured.
    window_instructions : int
        Both rates are those of the last whole window of so many instructions.
    aware_insertion : bool
        Under pressure a block starts with RRPV 0, else with the greatest; without the rule, as data do.
    aware_victim : bool
        Under pressure a block that would be evicted is spared once, with RRPV 0, and the search goes on.
    aware_promotion : bool
        A hit takes 3 from a block's RRPV, not 1.
    nested_blocks : bool
        Keep translations from guest-physical to host-physical pages too.
    shootdown : bool
        Invalidations reach TLB blocks. Without it translations go stale: for tests only.
    """

    hit_cycles: Cycles = 12
    block_ptes: Literal[8, 1] = 8
    probe: Literal["parallel", "serial"] = "parallel"
    probe_sizes: Literal["both", "4k", "2m"] = "both"
    insert_on_miss: bool = True
    insert_on_eviction: bool = True
    predictor: PredictorConfig | None = PredictorConfig()
    bypass_mpki: Annotated[float, Field(ge=0, le=1e6)] | None = 5.0
    pressure_mpki: Annotated[float, Field(ge=0, le=1e6)] = 5.0
    window_instructions: Annotated[int, Field(ge=1, le=1 << 30)] = 1_000_000
    aware_insertion: bool = True
    aware_victim: bool = True
    aware_promotion: bool = True
    nested_blocks: bool = True
    shootdown: bool = True

    @property
    def bypass_rate(self) -> tuple[int, int] | None:
        """:attr:`bypass_mpki` as :attr:`pressure_rate`."""
        return None if self.bypass_mpki is None else _rate(self.bypass_mpki)

    @property
    def pressure_rate(self) -> tuple[int, int]:
        """:attr:`pressure_mpki` as numerator and denominator of misses per instruction."""
        return _rate(self.pressure_mpki)


def _rate(mpki: float) -> tuple[int, int]:
    """The nearest fraction of a denominator up to 1000, over 1000: products fit 64 bits."""
    rate = Fraction(mpki).limit_denominator(1000) / 1000
    return rate.numerator, rate.denominator
