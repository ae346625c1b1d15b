"""What Victima (MICRO'23) adds to a core: bits in the L2 cache, and logic from our own synthesis."""

from collections.abc import Iterator, Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import (
    ASID_BITS,
    LINE_BITS,
    LINE_BYTES,
    LINE_PTES,
    PAGE_BITS,
    PHYSICAL_BITS,
    VIRTUAL_BITS,
    CacheConfig,
    VictimaConfig,
)
from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.victima_energy import energy_rows, power_rows, price_of, total
from lockstep.papers.victima_published import CachePrice, victima
from lockstep.papers.victima_runs import FULL, PAPERS_OWN, Size, mmu, speedup_runs
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.synth.scaling import area_factor
from lockstep.rtl.synth.synthesis import Synthesis
from lockstep.rtl.synth.yosys import synthesize, synthesize_unit
from lockstep.rtl.tlb.cache_srrip import victim

LIBRARY_NM, CACHE_NM = 28, 22
"""Of the shipped library, and of the table of caches."""


class VictimSelect(wiring.Component):  # type: ignore[type-arg]  # generic in its stubs only
    """Which way of a full set leaves, with or without the rules for TLB blocks. Combinational."""

    rrpv: Signal
    block: Signal
    pressure: Signal
    way: Signal
    after: Signal

    def __init__(self, cfg: CacheConfig, rules: VictimaConfig) -> None:
        self.cfg, self.rules = cfg, rules
        super().__init__({
            "rrpv": In(cfg.rrpv_bits * cfg.ways),
            "block": In(cfg.ways),
            "pressure": In(1),
            "way": Out(range(cfg.ways)),
            "after": Out(cfg.rrpv_bits * cfg.ways),
        })

    def elaborate(self, platform: object) -> Module:
        """Combinational, from the cache's own rule."""
        m = Module()
        bits = self.cfg.rrpv_bits
        rrpvs = [self.rrpv[i * bits : (i + 1) * bits] for i in range(self.cfg.ways)]
        blocks = [self.block[i] for i in range(self.cfg.ways)]
        way, after = victim(m, rrpvs, blocks, self.rules, self.pressure)
        m.d.comb += self.way.eq(way)
        for i, value in enumerate(after):
            m.d.comb += self.after[i * bits : (i + 1) * bits].eq(value)
        return m


def tag_bits(cache: CacheConfig) -> tuple[int, int]:
    """Of a line of data, and of a TLB block: group of pages, size of them, ASID."""
    set_bits = (cache.sets - 1).bit_length()
    group_bits = VIRTUAL_BITS - PAGE_BITS - (LINE_PTES - 1).bit_length()
    return PHYSICAL_BITS - LINE_BITS - set_bits, group_bits - set_bits + 1 + ASID_BITS


def bits(cfg: MmuConfig) -> Iterator[tuple[str, int, int, bool]]:
    """What is stored more: what, bits of each, how many, and whether the paper has it too."""
    lines = cfg.l2.size_bytes // LINE_BYTES
    of_line, of_block = tag_bits(cfg.l2)
    predictor = cfg.victima.predictor
    counters = predictor.frequency_bits + predictor.cost_bits if predictor else 0
    yield "TLB-entry bit of an L2 line", 1, lines, True
    yield "nested bit of an L2 line", 1, lines, True
    yield (
        f"longer tags: {of_block} bits in the {of_line} of a line",
        max(0, of_block - of_line),
        lines,
        True,
    )
    yield "which PTEs of a block are valid", LINE_PTES, lines, False
    yield "PTW-CP counters in entries of the L2 TLB", counters, cfg.l2_tlb.entries, False


def um2_per_bit(price: CachePrice) -> float:
    """Of a cache, tags and all else included: too much rather than too little."""
    return price.area_mm2 * 1e6 / (price.megabytes * 2**20 * 8)


def logic(cfg: MmuConfig, progress: Progress) -> Iterator[Row]:
    """Gates of each unit."""
    rules = cfg.victima
    plain = rules.model_copy(update={"aware_victim": False})
    assert rules.predictor

    progress("synthesis of PTW-CP")
    yield _gates("PTW-CP: counting and box", synthesize_unit(rules.predictor), 2)
    progress("synthesis of the counters of both rates")
    yield _gates("counters of both rates, thresholds", synthesize_unit(rules), 1)
    for what, chosen in (("plain", plain), ("with TLB blocks", rules)):
        progress(f"synthesis of the choice of a victim, {what}")
        verilog = verilog_of(VictimSelect(cfg.l2, chosen), "victim")
        yield _gates(f"choice of a victim, SRRIP {what}", synthesize(verilog, "victim"), 1)


def _gates(unit: str, found: Synthesis, copies: int) -> Row:
    return {
        "unit": unit,
        "copies": copies,
        "nand2_equivalents": round(found.nand2_equivalents, 1),
        "flip_flops": found.flip_flops,
        "depth": found.depth,
        "delay_ns": round(found.delay_ns, 3),
        "um2_at_28_nm": round(copies * found.area_um2, 1),
        "um2_at_22_nm": round(copies * found.area_um2 * area_factor(LIBRARY_NM, CACHE_NM), 1),
    }


def area(progress: Progress, size: Size = FULL, names: Sequence[str] = PAPERS_OWN) -> Part:
    """Bits and gates that are added; energy of the L2 cache with and without TLB blocks."""
    cfg = mmu("mechanism=victima")
    price = price_of(cfg.l2)
    stored = _stored(cfg, price)
    gates = list(logic(cfg, progress))
    runs = speedup_runs(names, size, progress)
    return Part(
        name="area",
        title="Area and energy of what is added",
        tables=(
            Table(
                name="bits",
                title="Bits",
                rows=stored,
                note=(
                    f"L2 cache of {price.megabytes} MB, {price.area_mm2} mm2: {victima().caches.source}. A bit is "
                    "priced at the cache's area over its data bits. The tag of a block is its group of pages, page "
                    "size and ASID; 52-bit physical addresses make a line's tag as long. The paper counts 24 bytes of state "
                    "for PTW-CP; ours keeps a page's counters in the entries of the L2 TLB, to decide on "
                    "an eviction without reading the page table, and the valid PTEs of a block beside its tag."
                ),
            ),
            Table(
                name="logic",
                title="Logic, our synthesis",
                rows=gates,
                note=(
                    "As small as it gets, not fast: the shipped 28 nm library, cells only. At 22 nm by area factors of "
                    "Stillmaker and Baas (2017). A core needs the last row instead of the one before it. Probing, "
                    "insertion and background walks are states of machines that a cache and a walker have anyway."
                ),
            ),
            Table(
                name="area",
                title="Beside the paper: area",
                rows=shares(cfg, price, stored, gates),
                note=(
                    f"Paper: {victima().overhead.source}. So the last column says in how large a CPU what we count "
                    "would be its share."
                ),
            ),
            Table(
                name="energy",
                title="Energy of the L2 cache, per thousand instructions",
                rows=energy_rows(runs, price),
                note=(
                    "Radix against Victima, native. A hit is a read; a miss reads tags and writes a line; a search for blocks reads "
                    "two sets of tags, one that hits reads a line too; an insertion reads tags twice and writes tags, "
                    "priced as a line's write: too much rather than too little. Accesses of background walks are "
                    "included. Last-level cache and DRAM are not."
                ),
            ),
            Table(
                name="power",
                title="Beside the paper: power of the L2 cache",
                rows=power_rows(runs, price, total(stored, "um2_at_22_nm")),
                note=(
                    "Mean of the workloads, at 2.6 GHz and the cycles of the core model. Leakage at 360 K of itrs-hp cells, "
                    "the fastest and leakiest; the added bits leak in proportion. The paper's 0.08 % is of a whole CPU's "
                    "power; ours is of the L2 cache alone."
                ),
            ),
        ),
    )


def _stored(cfg: MmuConfig, price: CachePrice) -> list[Row]:
    return [
        {
            "what": what,
            "bits_each": each,
            "how_many": count,
            "kilobytes": each * count / 8192,
            "um2_at_22_nm": round(each * count * um2_per_bit(price), 1),
            "in_the_paper": papers,
        }
        for what, each, count, papers in bits(cfg)
    ]


def shares(
    cfg: MmuConfig, price: CachePrice, stored: Sequence[Row], gates: Sequence[Row]
) -> list[Row]:
    """Of the L2 cache, and of which CPU it would be the paper's share."""
    by_unit = {str(row["unit"]): float(str(row["um2_at_22_nm"])) for row in gates}
    plain = next(area for unit, area in by_unit.items() if unit.endswith("plain"))
    added = sum(by_unit.values()) - 2 * plain  # the choice of a victim replaces the plain one
    papers = total([row for row in stored if row["in_the_paper"]], "um2_at_22_nm")
    published = victima().overhead.area
    return [
        {
            "what": what,
            "mm2_at_22_nm": um2 / 1e6,
            "of_the_l2_cache": um2 / 1e6 / price.area_mm2,
            "paper_of_a_cpu": published,
            "cpu_mm2_of_which_it_is_that": um2 / 1e6 / published,
        }
        for what, um2 in (
            ("the paper's bits", papers),
            ("the paper's bits, and our logic", papers + added),
            ("all our bits, and our logic", total(stored, "um2_at_22_nm") + added),
        )
    ]
