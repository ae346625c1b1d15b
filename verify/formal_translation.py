"""What is proved of address translation: TLBs, the tags of a cache with TLB blocks, PTW-CP.

Units are small, two sets of two ways or one set of three, and their addresses have all their bits. The
specification is told more than the claim when it proves by induction: what holds in between. A seeded
bug is refuted by the claim alone, from reset.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from amaranth.hdl import C, Module, Mux, Signal, Value

from lockstep.arch.tlb import (
    ASID_BITS,
    LINE_BYTES,
    CacheConfig,
    PredictorConfig,
    TlbConfig,
    VictimaConfig,
)
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.tlb import cache_layout, cache_srrip, cache_tags
from lockstep.rtl.tlb.cache import TlbCache
from lockstep.rtl.tlb.cache_layout import Op, is_about_line, key_layout
from lockstep.rtl.tlb.cache_tags import CacheTags
from lockstep.rtl.tlb.predictor import Predictor
from lockstep.rtl.tlb.pte import COUNTERS
from lockstep.rtl.tlb.tlb import Tlb
from lockstep.rtl.tlb.ways import Ways
from lockstep.verify.formal_cache import cache_design, cache_spec
from lockstep.verify.formal_cache_data import whole_cache_design, whole_cache_spec
from lockstep.verify.formal_jobs import TOP, Job
from lockstep.verify.formal_probe import part
from lockstep.verify.formal_tlb import tlb_design, tlb_spec

_TLB = TlbConfig(entries=4, ways=2, latency_cycles=1)
_CACHE = CacheConfig(size_bytes=4 * LINE_BYTES, ways=2, latency_cycles=2, tag_cycles=1)
_RULES = VictimaConfig()
_CYCLES = 8

_TLB_CLAIM = (
    "no two ways match at once; a hit returns what was filled in last for that page, ASID and size, never "
    "after its invalidation; an empty way is filled first; the LRU order stays a permutation, if "
    "a page is filled only after a miss and its size does not change"
)
_CACHE_CLAIM = (
    "no two ways match one line or TLB block; what is found was put in for that line, or that page, ASID, "
    "size and nested bit, since it was last dropped; an empty way is taken first, else TLB-aware SRRIP's; "
    "no RRPV wraps"
)
_PROBE_CLAIM = (
    "the PTE that a probe returns is the one put in last for that page, ASID, size and nested bit"
)
_PREDICTOR_CLAIM = "counters count up to their limits and stay there; costly means inside the box"


def jobs() -> list[Job]:
    """All jobs."""
    return [*_tlb_jobs(), *_cache_jobs(), *_whole_cache_jobs(), *_predictor_jobs()]


def sample() -> list[Job]:
    """Of the TLB and of the cache's tags, a sound unit and one that ignores the ASID."""
    found = []
    for source in (_tlb_jobs, _cache_jobs):
        of_unit = source()
        found.append(next(job for job in of_unit if job.holds))
        found.append(next(job for job in of_unit if not job.holds))
    return found


def _tlb_jobs() -> Iterator[Job]:
    one_set = TlbConfig(entries=3, ways=3, latency_cycles=1)
    for cfg, name in ((_TLB, "TLB, 2 sets of 2 ways"), (one_set, "TLB, 1 set of 3 ways")):
        verilog = tlb_spec(cfg, invariants=True) + tlb_design(cfg)
        yield Job(name=name, claim=_TLB_CLAIM, verilog=verilog, method="induction")
    spec = tlb_spec(_TLB, invariants=False)
    for name, bug in _TLB_BUGS.items():
        with bug():
            verilog = spec + tlb_design(_TLB)
        yield Job(name=f"TLB {name}", claim=_TLB_CLAIM, verilog=verilog, holds=False, depth=_CYCLES)


def _cache_jobs() -> Iterator[Job]:
    one_set = _CACHE.model_copy(update={"size_bytes": 3 * LINE_BYTES, "ways": 3})
    plain = _RULES.model_copy(
        update={"aware_insertion": False, "aware_victim": False, "aware_promotion": False}
    )
    for name, cfg, rules in (
        ("2 sets of 2 ways", _CACHE, _RULES),
        ("1 set of 3 ways", one_set, _RULES),
        ("plain SRRIP", _CACHE, plain),
    ):
        verilog = cache_spec(cfg, rules, invariants=True) + cache_design(cfg, rules)
        yield Job(
            name=f"L2 cache tags, {name}", claim=_CACHE_CLAIM, verilog=verilog, method="induction"
        )
    spec = cache_spec(_CACHE, _RULES, invariants=False)
    for name, bug in _CACHE_BUGS.items():
        with bug():
            verilog = spec + cache_design(_CACHE, _RULES)
        yield Job(
            name=f"L2 cache tags {name}",
            claim=_CACHE_CLAIM,
            verilog=verilog,
            holds=False,
            depth=_CYCLES,
        )


def _whole_cache_jobs() -> Iterator[Job]:
    spec = whole_cache_spec()
    verilog = spec + whole_cache_design(_CACHE, _RULES)
    yield Job(name="L2 cache, probes", claim=_PROBE_CLAIM, verilog=verilog, depth=_CYCLES)
    with _added(TlbCache, _reads_the_first):
        wrong_line = spec + whole_cache_design(_CACHE, _RULES)
    yield Job(
        name="L2 cache that returns the line of way 0",
        claim=_PROBE_CLAIM,
        verilog=wrong_line,
        holds=False,
        depth=_CYCLES,
    )


def _predictor_jobs() -> Iterator[Job]:
    small = PredictorConfig(frequency_bits=2, cost_bits=3, min_cost=2, max_cost=6, max_frequency=2)
    for name, cfg in (("PTW-CP", PredictorConfig()), ("PTW-CP, smaller counters", small)):
        yield Job(name=name, claim=_PREDICTOR_CLAIM, verilog=_predictor(cfg))
    with _added(Predictor, _counts_on):
        wraps = _predictor(PredictorConfig())
    yield Job(name="PTW-CP whose counters wrap", claim=_PREDICTOR_CLAIM, verilog=wraps, holds=False)


def _predictor(cfg: PredictorConfig) -> str:
    asserts, inside = [], []
    for name, step in (("frequency", "1'd1"), ("cost", "from_dram")):
        field, limit = COUNTERS[name], cfg.limit(name)
        before, after = (part(each, field.offset, field.width) for each in ("counters", "counted"))
        least, most = cfg.limits(name)
        asserts.append(
            f"assert({after} == ({before} + {step} > {limit} ? {limit} : {before} + {step}));"
        )
        inside.append(f"{before} + 0 >= {least} && {before} + 0 <= {most}")
    return f"""`default_nettype none
module {TOP}(input wire [{COUNTERS.size - 1}:0] counters, input wire from_dram);
  wire [{COUNTERS.size - 1}:0] counted;
  wire costly;
  dut dut(.counters(counters), .from_dram(from_dram), .counted(counted), .costly(costly));
  always @* begin
    {" ".join(asserts)}
    assert(costly == ({" && ".join(inside)}));
  end
endmodule
{verilog_of(Predictor(cfg), "dut")}"""


# Seeded bugs: statements that come after a unit's own, and prevail, or a part that is replaced.

Change = Callable[[Any, Module], None]


@contextmanager
def _added(unit: type, change: Change) -> Iterator[None]:
    elaborate: Any = vars(unit)["elaborate"]

    def with_bug(self: Any, platform: object) -> Module:
        m: Module = elaborate(self, platform)
        change(self, m)
        return m

    with patch.object(unit, "elaborate", with_bug):
        yield


def _counts_on(unit: Predictor, m: Module) -> None:
    m.d.comb += unit.counted.frequency.eq(unit.counters.frequency + 1)


def _reads_the_first(_: TlbCache, m: Module) -> None:
    m.d.comb += m.submodules.lines.read_ports[0].addr.eq(0)


def _without_asid(_: Tlb, m: Module) -> None:
    for key in m.submodules.ways.key:
        m.d.comb += Value.cast(key)[-ASID_BITS:].eq(0)


def _keeps_large(unit: Tlb, m: Module) -> None:
    with m.If(unit.large):
        m.d.comb += m.submodules.ways.drop.eq(0)


def _misses_large(unit: Tlb, m: Module) -> None:
    m.d.comb += unit.hit.eq(m.submodules.ways.hit[0])


def _fills_the_first(unit: Ways, m: Module) -> None:
    m.d.comb += unit.fill_way.eq(0)


def _loses_a_way(_: Ways, m: Module) -> None:
    """The order is written as it would be for way 0, whichever is used."""
    order = m.submodules.orders.write_ports[0].data
    m.d.comb += order[0].eq(0)


_TLB_BUGS: dict[str, Callable[[], Any]] = {
    "that ignores the ASID": lambda: _added(Tlb, _without_asid),
    "that keeps large pages when they are invalidated": lambda: _added(Tlb, _keeps_large),
    "that misses large pages, which are then filled twice": lambda: _added(Tlb, _misses_large),
    "that fills way 0 though another is empty": lambda: _added(Ways, _fills_the_first),
    "that loses a way in the LRU order": lambda: _added(Ways, _loses_a_way),
}


def _place_without(field: str) -> Callable[..., tuple[Value, Value]]:
    """A key of a block without its ASID or its nested bit."""

    def place(cfg: CacheConfig, query: Any, large: Value) -> tuple[Value, Value]:
        index, key = _PLACE(cfg, query, large)
        nested = key_layout(cfg)["nested"].offset
        asid = key_layout(cfg)["tag"].width - 1 - ASID_BITS
        lost = 1 << nested if field == "nested" else (1 << ASID_BITS) - 1 << asid
        return index, Mux(is_about_line(query.op), key, key & ~C(lost, len(key)))

    return place


def _keeps_large_blocks(self: CacheTags, *ops: Op) -> Value:
    good: Value = _IS(self, *ops)
    return good & ~self.large if Op.DROP_PAGES in ops else good


def _first_but_empty(m: Module, bits: Value, name: str) -> Signal:
    found: Signal = _FIRST(m, bits, name)
    return Signal.like(found, name="always_0") if name == "empty" else found


def _wraps(rrpv: Value, block: Value, rules: VictimaConfig) -> Value:
    return (rrpv - 1)[: len(rrpv)]


_CACHE_BUGS: dict[str, Callable[[], Any]] = {
    "whose key ignores the ASID": lambda: patch.object(cache_tags, "place", _place_without("asid")),
    "whose key ignores the nested bit": lambda: patch.object(
        cache_tags, "place", _place_without("nested")
    ),
    "that keep blocks of large pages at a shootdown": lambda: patch.object(
        CacheTags, "_is", _keeps_large_blocks
    ),
    "that take way 0 though another is empty": lambda: patch.object(
        cache_tags, "first", _first_but_empty
    ),
    "whose RRPVs wrap": lambda: patch.object(cache_tags, "promoted", _wraps),
}
_PLACE: Callable[..., tuple[Value, Value]] = cache_layout.place
_FIRST: Callable[..., Signal] = cache_srrip.first
_IS: Callable[..., Value] = vars(CacheTags)["_is"]
