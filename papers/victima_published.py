"""Published figures of Victima (MICRO'23), from ``configs/papers/victima.yaml``."""

from functools import lru_cache

from lockstep.arch.config import Config
from lockstep.arch.tech import Source
from lockstep.papers.published import Positive, Published, Share, published


class Speedup(Config):
    """Of Victima over radix and over the POM-TLB."""

    source: Source
    native: dict[str, Positive]
    virtualised: dict[str, Positive]


class LargeTlbs(Config):
    """Speedup over radix of hardware TLBs of 64 K entries."""

    source: Source
    large_l2_tlb: Positive
    l3_tlb: Positive


class Walks(Config):
    """What translation costs under radix."""

    source: Source
    l2_tlb_mpki: Positive
    mean_cycles: Positive
    most_cycles: Positive
    share_of_cycles: Share
    miss_cycles: dict[str, dict[str, Positive]]


class Reach(Config):
    """Of TLBs and TLB blocks together."""

    source: Source
    times: Positive
    megabytes: Positive


class Scores(Config):
    """How well a predictor finds costly pages."""

    features: int
    recall: Share
    accuracy: Share
    precision: Share
    f1: Share


class Predictors(Config):
    """Predictors by name."""

    source: Source
    label: str
    rows: dict[str, Scores]


class Overhead(Config):
    """What Victima adds, as a share of a CPU."""

    source: Source
    area: Share
    power: Share


class L2Size(Config):
    """Latency of an L2 cache."""

    megabytes: int
    latency_cycles: int


class L2Sizes(Config):
    """Several of them."""

    source: Source
    rows: tuple[L2Size, ...]


class CachePrice(Config):
    """One cache of a cache table; energies of one access to 64 bytes."""

    megabytes: int
    read_pj: Positive
    write_pj: Positive
    tag_read_pj: Positive
    leakage_mw: Positive
    area_mm2: Positive


class Caches(Config):
    """Several of them."""

    source: Source
    rows: tuple[CachePrice, ...]


class Footprints(Config):
    """Of the paper's workloads."""

    source: Source
    gigabytes: dict[str, Positive]


class Victima(Published):
    """All of them."""

    footprints: Footprints

    speedup: Speedup
    large_tlbs: LargeTlbs
    walks: Walks
    reach: Reach
    predictor: Predictors
    overhead: Overhead
    l2_sizes: L2Sizes
    caches: Caches


@lru_cache(maxsize=1)
def victima() -> Victima:
    """The figures."""
    return published(Victima, "victima")
