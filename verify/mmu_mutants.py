"""Bugs put into the MMU on purpose, rules of Victima left out among them; the check must catch them."""

from lockstep.rtl.tlb import mmu_steps
from lockstep.rtl.tlb.mmu import Mmu
from lockstep.rtl.tlb.mmu_steps import Steps
from lockstep.verify.tlb_mutants import Bugs

MMU_BUGS: Bugs = {
    # Rules of Victima
    "makes no block after a miss": (
        Steps, "_end_walk", "mmu.converts.eq(mmu.may_convert)", "mmu.converts.eq(0)"),
    "makes a block after every miss": (
        Steps, "_end_walk", "mmu.converts.eq(mmu.may_convert)", "mmu.converts.eq(1)"),
    "makes no block after an eviction": (
        Mmu, "_access", "evicted.valid & self.may_keep", "C(0)"),
    "makes a block after every eviction": (
        Mmu, "_access", "evicted.valid & self.may_keep", "evicted.valid"),
    "always asks the predictor": (
        Mmu, "_wire_rules", "pressure.cache_high | predictor.costly", "predictor.costly"),
    "never asks the predictor": (
        Mmu, "_wire_rules", "pressure.cache_high | predictor.costly", "C(1)"),
    "makes blocks of small pages only": (
        Mmu, "_wire_rules", '"both": C(1)', '"both": ~large'),
    "knows no pressure": (
        Mmu, "_wire_rules", "self.cache.pressure.eq(pressure.tlb_high)", "self.cache.pressure.eq(0)"),
    "is always under pressure": (
        Mmu, "_wire_rules", "self.cache.pressure.eq(pressure.tlb_high)", "self.cache.pressure.eq(1)"),
    "counts no misses of the L2 TLB": (
        Mmu, "_wire_rules", "pressure.tlb_miss.eq(self.tlb_miss)", "pressure.tlb_miss.eq(0)"),
    "counts no misses of the L2 cache": (
        Mmu, "_wire_rules", "pressure.cache_miss.eq(self.cache.missed)", "pressure.cache_miss.eq(0)"),
    "counts walks in the background": (
        Steps, "_background", "self._start_walk(demand=False)", "self._start_walk(demand=True)"),
    "keeps the line that a block is made of": (
        Steps, "_start_conversion", "Op.DROP_LINE", "Op.HOLDS"),
    "puts page tables into blocks of large pages": (
        Steps, "_block_mask", "line[i].present & (line[i].large | ~walker.large)", "line[i].present"),
    "walks in the background though there is a block": (
        Steps, "_background", "with m.If(cache.response.hit):", "with m.If(C(0)):"),
    "walks in the background for the wrong process": (
        Steps, "_go_on", "mmu.held.asid.eq(evicted.asid),", ""),
    "forgets a page's counters in the L2 TLB": (
        Mmu, "_wire_tlbs", "self.l2_tlb.fill_counters.eq(self.page.counters)",
        "self.l2_tlb.fill_counters.eq(0)"),
    "writes no counters to memory": (
        Mmu, "_wire_walker", "cache.update.eq(walker.update)", "cache.update.eq(0)"),
    "thinks that every walk reached memory": (
        Mmu, "_wire_walker", "response_from_dram.eq(~cache.response.hit)", "response_from_dram.eq(1)"),
    "does not end the walk when there is a block": (
        Steps, "_probe", "walker.cancel.eq(walker.busy)", "walker.cancel.eq(0)"),
    "lets the walk go on when there is a block": (
        Steps, "_probe", "walker.hold.eq(~cache.response_valid | cache.response.hit)",
        "walker.hold.eq(~cache.response_valid)"),
    "hits in a block a cycle early": (
        Steps, "_probe", "since_miss == mmu.rules.hit_cycles", "since_miss == mmu.rules.hit_cycles - 1"),
    "takes the first entry of a block": (
        Steps, "_probe", "place_in_block(mmu.query, large)", "C(0, 3)"),
    "keeps blocks at a shootdown": (Steps, "_accept", "Op.DROP_PAGES", "Op.HOLDS"),
    # What goes for any MMU
    "keeps TLB entries at a shootdown": (
        Mmu, "_wire_tlbs", "tlb.invalidate.eq(invalidate)", "tlb.invalidate.eq(0)"),
    "keeps walk caches at a shootdown": (
        Mmu, "_wire_walker", "walker.invalidate.eq(self.accept & (now.kind == Kind.INVALIDATE))",
        "walker.invalidate.eq(0)"),
    "keeps fetched pages in the data TLB": (
        Mmu, "_wire_tlbs", "self.dtlb.fill.eq(self.beyond_l1 & ~fetch)",
        "self.dtlb.fill.eq(self.beyond_l1)"),
    "fills no L2 TLB": (
        Mmu, "_wire_tlbs", "self.l2_tlb.fill.eq(self.beyond_l2)", "self.l2_tlb.fill.eq(0)"),
    "loads what is to be stored": (
        Mmu, "_access", "query.op.eq(Op.WRITE)", "query.op.eq(Op.READ)"),
    "stores a word too many": (Mmu, "_access", "query.mask.eq(1 <<", "query.mask.eq(3 <<"),
    "forgets which half of a large page it is in": (
        mmu_steps, "large_frame", "Mux(large, 0, frame[:small])", "Mux(large, 0, frame[:small] >> 1)"),
}  # fmt: skip
