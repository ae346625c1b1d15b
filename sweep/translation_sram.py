"""How much memory an MMU and its caches are, in bits: what an architect pays for them.

Words are those of our RTL: a TLB's entry has the page number without its set, ASID, page size, frame; a
line of a cache its physical tag, valid, dirty; sets their order of use. Logic, the L1 instruction
cache and what lies in DRAM (POM-TLB, page tables) are not counted.
"""

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import (
    ASID_BITS,
    LEVEL_BITS,
    LEVELS,
    LINE_BITS,
    LINE_BYTES,
    LINE_PTES,
    PAGE_BITS,
    PHYSICAL_BITS,
    VIRTUAL_BITS,
    CacheConfig,
    TlbConfig,
    WalkCacheConfig,
)

_FRAME_BITS = PHYSICAL_BITS - PAGE_BITS


def sram_bits(cfg: MmuConfig) -> int:
    """Of all that the mechanism of ``cfg`` uses."""
    tlbs = [cfg.itlb, cfg.dtlb, cfg.second_tlb]
    walk_caches = [cfg.walk_cache]
    if cfg.mechanism == "l3_tlb":
        tlbs.append(cfg.l3_tlb)
    if cfg.virtualised:
        tlbs.append(cfg.nested.tlb)
        walk_caches.append(cfg.nested.walk_cache)
    caches = [cache for cache in (cfg.l1d, cfg.l2, cfg.llc) if cache]
    bits = sum(map(_tlb_bits, tlbs)) + sum(map(_walk_cache_bits, walk_caches))
    bits += sum(map(_cache_bits, caches))
    return bits + (_victima_bits(cfg) if cfg.mechanism == "victima" else 0)


def _log2(power: int) -> int:
    return power.bit_length() - 1


def _way_bits(ways: int) -> int:
    """Of one way's place in the order of use."""
    return (ways - 1).bit_length()


def _tlb_bits(tlb: TlbConfig) -> int:
    tag = VIRTUAL_BITS - PAGE_BITS - _log2(tlb.sets) + ASID_BITS
    return tlb.entries * (tag + _FRAME_BITS + 2 + _way_bits(tlb.ways))  # 2: valid, large


def _walk_cache_bits(cache: WalkCacheConfig) -> int:
    bits = 0
    for level in range(2, LEVELS + 1):
        tag = LEVEL_BITS * (LEVELS + 1 - level) - _log2(cache.sets(level)) + ASID_BITS
        bits += cache.entries(level) * (tag + _FRAME_BITS + 1 + _way_bits(cache.ways))
    return bits


def _cache_bits(cache: CacheConfig) -> int:
    order = cache.rrpv_bits if cache.replacement == "srrip" else _way_bits(cache.ways)
    line = 8 * LINE_BYTES + _line_tag_bits(cache) + 2 + order  # 2: valid, dirty
    return cache.size_bytes // LINE_BYTES * line


def _line_tag_bits(cache: CacheConfig) -> int:
    return PHYSICAL_BITS - LINE_BITS - _log2(cache.sets)


def _victima_bits(cfg: MmuConfig) -> int:
    """In each line of the L2 cache kind, nested, valid entries; counters in the L2 TLB's entries."""
    group = VIRTUAL_BITS - PAGE_BITS - _log2(LINE_PTES) - _log2(cfg.l2.sets)
    longer = max(0, group + 1 + ASID_BITS - _line_tag_bits(cfg.l2))
    predictor = cfg.victima.predictor
    counters = predictor.frequency_bits + predictor.cost_bits if predictor else 0
    lines = cfg.l2.size_bytes // LINE_BYTES
    return lines * (2 + LINE_PTES + longer) + cfg.l2_tlb.entries * counters
