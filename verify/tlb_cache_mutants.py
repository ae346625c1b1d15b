"""Bugs put into the cache with TLB blocks on purpose: the check must catch every one of them."""

from lockstep.rtl.tlb import cache_srrip, cache_tags
from lockstep.rtl.tlb.cache import TlbCache
from lockstep.rtl.tlb.cache_tags import CacheTags
from lockstep.verify.tlb_mutants import Bugs

CACHE_BUGS: Bugs = {
    # Rules of Victima
    "never spares a block": (cache_tags, "victim", "pressure & Cat", "C(0) & Cat"),
    "spares blocks without pressure": (cache_tags, "victim", "pressure & Cat", "Cat"),
    "spares lines of data": (cache_tags, "victim", "Cat(block & (way == w)", "Cat((way == w)"),
    "promotes a block by one": (cache_tags, "promoted", "_BLOCK_STEP, 1", "1, 1"),
    "promotes data by three": (
        cache_tags, "promoted", "Mux(block, _BLOCK_STEP, 1)", "C(_BLOCK_STEP)"),
    "inserts blocks as near without pressure": (
        cache_tags, "inserted", "Mux(pressure, 0, cfg.max_rrpv)", "0"),
    "inserts blocks as far under pressure": (
        cache_tags, "inserted", "Mux(pressure, 0, cfg.max_rrpv)", "cfg.max_rrpv"),
    "inserts data as blocks": (
        cache_tags, "inserted", "Mux(block, of_block, cfg.insert_rrpv)", "Mux(1, of_block, 0)"),
    "returns a block of another process": (
        cache_tags, "place", "large, query.asid)", "large, C(0, ASID_BITS))"),
    "takes large pages for small ones": (
        cache_tags, "place", "_GROUP_BITS], large,", "_GROUP_BITS], C(0, 1),"),
    "takes nested translations for others": (
        cache_tags, "place", "~line & query.nested", "C(0, 1)"),
    "takes a block for data": (cache_tags, "place", "Cat(tag, ~line,", "Cat(tag, C(0, 1),"),
    "counts large pages of a block as small": (
        cache_tags, "place_in_block", "page[_LARGE_STEP:][:_BLOCK_BITS]", "page[:_BLOCK_BITS]"),
    "finds pages that their block has not": (
        CacheTags, "elaborate", "has_page | ~self._is(Op.PROBE, Op.HOLDS)", "C(1)"),
    "forgets entries when a block gets more": (
        CacheTags, "elaborate", "query.mask | Mux(self.found, old.mask, 0)", "query.mask"),
    "answers a probe twice": (CacheTags, "_decide", "~(self.second & answered)", "C(1)"),
    "promotes what is only asked for": (
        CacheTags, "_decide", "self._is(Op.PROBE))", "self._is(Op.PROBE, Op.HOLDS))"),
    "keeps blocks of large pages at a shootdown": (
        CacheTags, "_decide", "self.look & found & is_drop", "self.look & found & is_drop & ~self.second"),
    "keeps blocks at a shootdown": (
        CacheTags, "_decide", "[Op.DROP_PAGES] if rules.shootdown else []", "[]"),
    # Replacement, data, protocol, cycles
    "evicts the last of the farthest ways": (
        cache_srrip, "first", "reversed(range(len(bits)))", "range(len(bits))"),
    "fills the last empty way": (
        cache_tags, "first", "reversed(range(len(bits)))", "range(len(bits))"),
    "does not count values up": (
        CacheTags, "elaborate", "Mux(self.full, aged[w], rrpvs[w])", "rrpvs[w]"),
    "counts values up without an eviction": (
        CacheTags, "elaborate", "Mux(self.full, aged[w], rrpvs[w])", "aged[w]"),
    "forgets that a line is dirty": (
        CacheTags, "elaborate", "dirty.eq(self._is(Op.WRITE))", "dirty.eq(0)"),
    "writes back what was dropped": (
        CacheTags, "elaborate", "places & self.full & old.dirty", "places & old.dirty"),
    "loses a store that misses": (TlbCache, "_data", "is_write & held.query.mask[i]", "C(0)"),
    "stores whole lines": (
        TlbCache, "_data", "[write.addr.eq(where), write.en.eq(held.query.mask)]",
        "[write.addr.eq(where), write.en.eq(_ALL_WORDS)]"),
    "reads a block from the way of another": (
        TlbCache, "_data", "read.en.eq(first_look | seconds)", "read.en.eq(first_look)"),
    "does not wait until memory takes a request": (
        TlbCache, "elaborate", "State.WAIT, State.ASK", "State.WAIT, State.WAIT"),
    "hits a cycle late": (
        TlbCache, "_last_count", "last.eq(cfg.latency_cycles)", "last.eq(cfg.latency_cycles + 1)"),
    "answers a probe a cycle late": (
        TlbCache, "_last_count", "last.eq(cfg.probe_cycles)", "last.eq(cfg.probe_cycles + 1)"),
    "drops a cycle late": (
        TlbCache, "_last_count", "last.eq(cfg.maintain_cycles)", "last.eq(cfg.maintain_cycles + 1)"),
}  # fmt: skip
