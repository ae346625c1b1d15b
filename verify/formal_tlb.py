"""What is proved of a TLB: for any one page, after any operations that its protocol allows.

The specification remembers one page, chosen by the solver, and what was last filled in for it.
"""

from lockstep.arch.tlb import ASID_BITS, LARGE_PAGE_BITS, PAGE_BITS, VIRTUAL_BITS, TlbConfig
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.tlb.pte import COUNTERS, FRAME_BITS, PAGE_NUMBER_BITS
from lockstep.rtl.tlb.tlb import EVICTED, Tlb
from lockstep.rtl.tlb.ways import Ways
from lockstep.verify.formal_jobs import TOP
from lockstep.verify.formal_probe import part, probed, show

_STEP = LARGE_PAGE_BITS - PAGE_BITS
_TOP_BIT = VIRTUAL_BITS - 1


def tlb_spec(cfg: TlbConfig, *, invariants: bool) -> str:
    """The protocol, the claim and, on demand, what holds in between, for a proof by induction."""
    outside, inside = _shown(cfg)
    signals = outside | inside
    wires = "\n".join(f"  wire [{bits - 1}:0] shown_{name};" for name, bits in signals.items())
    ports = ", ".join(f".shown_{name}(shown_{name})" for name in signals)
    return f"""`default_nettype none
module {TOP}(
  input wire clk, rst, lookup, invalidate, fill, fill_large,
  input wire [{ASID_BITS - 1}:0] asid, input wire [{_TOP_BIT}:0] address,
  input wire [{FRAME_BITS - 1}:0] fill_frame, input wire [{COUNTERS.size - 1}:0] fill_counters
);
  wire done, hit, large;
  wire [{_bits(cfg.ways) - 1}:0] way, fill_way;
  wire [{FRAME_BITS - 1}:0] frame;
  wire [{COUNTERS.size - 1}:0] counters;
  wire [{FRAME_BITS + PAGE_BITS - 1}:0] physical;
  wire [{EVICTED.size - 1}:0] evicted;
{wires}
  dut dut(
    .clk(clk), .rst(rst), .lookup(lookup), .invalidate(invalidate), .asid(asid), .address(address),
    .fill(fill), .fill_large(fill_large), .fill_frame(fill_frame), .fill_counters(fill_counters),
    .done(done), .hit(hit), .way(way), .large(large), .frame(frame), .counters(counters),
    .physical(physical), .fill_way(fill_way), .evicted(evicted), {ports}
  );
{_PROTOCOL}
{_claim(cfg)}
{_invariants(cfg) if invariants else ""}
endmodule
"""


def tlb_design(cfg: TlbConfig) -> str:
    """A TLB, module ``dut``, with outputs for all that the specification looks at."""
    outside, inside = _shown(cfg)
    with probed(Ways, ("entries", "orders")):
        verilog = verilog_of(Tlb(cfg), "dut")
    return show(show(verilog, outside), inside, inside="ways")


def _shown(cfg: TlbConfig) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of signals of the TLB itself, and of its storage."""
    rows = max(2, cfg.sets)
    key_bits = PAGE_NUMBER_BITS - _index_bits(cfg) + 1 + ASID_BITS
    inside = {
        "valid": rows * cfg.ways,
        "matches_0": cfg.ways,
        "matches_1": cfg.ways,
        "held_index": 2 * _bits(cfg.sets),
        "held_key": 2 * key_bits,
    }
    entry_bits = key_bits + COUNTERS.size + FRAME_BITS
    for name, bits in (("entries", entry_bits), ("orders", _bits(cfg.ways))):
        inside |= {f"{name}_row_{row}": cfg.ways * bits for row in range(rows)}
        inside |= {f"{name}_read_{view}": cfg.ways * bits for view in range(2)}
    return {"waits": cfg.latency_cycles.bit_length(), "dropping": 1}, inside


def _bits(values: int) -> int:
    return max(1, (values - 1).bit_length())


def _index_bits(cfg: TlbConfig) -> int:
    return (cfg.sets - 1).bit_length()


# The size of the page in question is that of all fills of its large page's region: what comes of a
# page inside another is for software to avoid.
_PROTOCOL = f"""
  (* anyconst *) wire [{ASID_BITS - 1}:0] its_asid;
  (* anyconst *) wire [{_TOP_BIT}:0] its_address;
  (* anyconst *) wire its_large;

  reg looks = 0, drops = 0, may_fill = 0, held = 0;
  reg [{ASID_BITS - 1}:0] last_asid;
  reg [{_TOP_BIT}:0] last_address;
  reg [{FRAME_BITS - 1}:0] held_frame;
  reg [{COUNTERS.size - 1}:0] held_counters;
  wire [{_TOP_BIT}:0] differ = last_address ^ its_address;
  wire in_region = last_asid == its_asid && differ[{_TOP_BIT}:{LARGE_PAGE_BITS}] == 0;
  wire is_it = in_region && (its_large || differ[{_TOP_BIT}:{PAGE_BITS}] == 0);
  wire starts = lookup || invalidate;
  wire fill_is_due = looks && done && !hit || may_fill;
  always @* begin
    assume(!(lookup && invalidate));
    assume(!starts || !looks || done);
    assume(!fill || fill_is_due);
    assume(!fill || !in_region || fill_large == its_large);
  end
  always @(posedge clk) begin
    looks <= !rst && (lookup || looks && !done);
    drops <= !rst && invalidate;
    may_fill <= !rst && !starts && !fill && fill_is_due;
    if (starts) begin
      last_asid <= asid;
      last_address <= address;
    end
    if (fill && is_it) begin
      held <= 1;
      held_frame <= its_large ? {{fill_frame[{FRAME_BITS - 1}:{_STEP}], {_STEP}'d0}} : fill_frame;
      held_counters <= fill_counters;
    end
    if (rst || drops && is_it) held <= 0;
  end
"""


def _claim(cfg: TlbConfig) -> str:
    page = EVICTED["page"]
    evicted_page = part("evicted", page.offset, page.width)
    cases = "".join(
        f"filled_page % {cfg.sets} == {s} ? {part('shown_valid', s * cfg.ways, cfg.ways)} : "
        for s in range(cfg.sets)
    )
    orders = "\n    ".join(
        f"assert({_has_every_way(cfg, f'shown_orders_row_{s}')});" for s in range(cfg.sets)
    )
    return f"""
  reg [{cfg.latency_cycles}:0] since = 0;
  always @(posedge clk) since <= rst ? 0 : since << 1 | lookup;
  wire [{2 * cfg.ways - 1}:0] matching = {{shown_matches_1, shown_matches_0}};
  wire [{PAGE_BITS + FRAME_BITS - 1}:0] its_place = its_large
    ? {{held_frame[{FRAME_BITS - 1}:{_STEP}], last_address[{LARGE_PAGE_BITS - 1}:0]}}
    : {{held_frame, last_address[{PAGE_BITS - 1}:0]}};
  wire [{PAGE_NUMBER_BITS - 1}:0] filled_page =
    fill_large ? last_address >> {LARGE_PAGE_BITS} : last_address >> {PAGE_BITS};
  wire [{cfg.ways - 1}:0] filled_ways = {cases}0;
  always @* begin
    assert(done == since[{cfg.latency_cycles - 1}]);
    if (looks && is_it) assert((matching & matching - 1) == 0);
    if (done && hit && is_it) begin
      assert(held && large == its_large && frame == held_frame && counters == held_counters);
      assert(physical == its_place);
    end
    if (fill) begin
      assert(fill_way < {cfg.ways} && (evicted[0] ? &filled_ways : !filled_ways[fill_way]));
      assert(!evicted[0] || {evicted_page} % {cfg.sets} == filled_page % {cfg.sets});
    end
    {orders}
  end
"""


def _has_every_way(cfg: TlbConfig, order: str) -> str:
    """Every way has a place in the order of a set."""
    if cfg.ways == 1:
        return "1"
    bits = _bits(cfg.ways)
    places = [part(order, bits * i, bits) for i in range(cfg.ways)]
    return " && ".join(
        f"({' || '.join(f'{place} == {way}' for place in places)})" for way in range(cfg.ways)
    )


def _invariants(cfg: TlbConfig) -> str:
    """How the TLB's registers and rows follow from what the specification remembers."""
    going = " || ".join(
        f"since[{i}] && shown_waits == {cfg.latency_cycles - i}" for i in range(cfg.latency_cycles)
    )
    asserts = _of_entries(cfg)
    asserts += [text for view in range(2) for text in _of_view(cfg, view)]
    text = "\n    ".join(asserts)
    return f"""
  wire [{PAGE_NUMBER_BITS - 1}:0] its_page =
    its_large ? its_address >> {LARGE_PAGE_BITS} : its_address >> {PAGE_BITS};
  wire [{PAGE_NUMBER_BITS - 1}:0] last_page_0 = last_address >> {PAGE_BITS};
  wire [{PAGE_NUMBER_BITS - 1}:0] last_page_1 = last_address >> {LARGE_PAGE_BITS};
  wire [{cfg.latency_cycles - 1}:0] going = since;
  wire reading = looks || drops || may_fill;
  always @* begin
    assert((going & going - 1) == 0 && looks == |going && looks + drops + may_fill < 2);
    assert({going} || going == 0 && shown_waits == 0);
    assert(shown_dropping == drops && !(may_fill && hit));
    {text}
  end
"""


def _of_entries(cfg: TlbConfig) -> list[str]:
    """What entries of the page in question and of its region hold; that no two of a set are equal."""
    index_bits = _index_bits(cfg)
    tag_bits = PAGE_NUMBER_BITS - index_bits
    key_bits = tag_bits + 1 + ASID_BITS
    value_bits = FRAME_BITS + COUNTERS.size
    asserts = []
    for s in range(cfg.sets):
        row = f"shown_entries_row_{s}"
        in_use = [f"shown_valid[{s * cfg.ways + w}]" for w in range(cfg.ways)]
        keys = [part(row, w * (key_bits + value_bits), key_bits) for w in range(cfg.ways)]
        for w, key in enumerate(keys):
            at = w * (key_bits + value_bits)
            tag, large = part(row, at, tag_bits), part(row, at + tag_bits, 1)
            asid = part(row, at + tag_bits + 1, ASID_BITS)
            value = part(row, at + key_bits, value_bits)
            page = f"{{{tag}, {index_bits}'d{s}}}" if index_bits else tag
            in_its_space = f"{in_use[w]} && {asid} == its_asid"
            is_it = f"{in_its_space} && {large} == its_large && {page} == its_page"
            other_size = (
                f"its_large ? !{large} && {page} >> {_STEP} == its_page"
                f" : {large} && {page} == its_page >> {_STEP}"
            )
            asserts += [
                f"if ({is_it}) assert(held && {value} == {{held_counters, held_frame}});",
                f"if ({in_its_space}) assert(!({other_size}));",
            ]
            asserts += [
                f"if ({in_use[w]} && {in_use[other]}) assert({key} != {keys[other]});"
                for other in range(w)
            ]
    return asserts


def _of_view(cfg: TlbConfig, view: int) -> list[str]:
    """What is looked for, and the set that was read, for pages of one size."""
    index_bits = _index_bits(cfg)
    key_bits = PAGE_NUMBER_BITS - index_bits + 1 + ASID_BITS
    page, held_bits = f"last_page_{view}", _bits(cfg.sets)
    index, key = f"{page} % {cfg.sets}", f"{{last_asid, 1'd{view}, {page}[35:{index_bits}]}}"
    asserts = [
        f"if (reading) assert({part('shown_held_key', view * key_bits, key_bits)} == {key});",
        f"if (reading) assert({part('shown_held_index', view * held_bits, held_bits)} == {index});",
    ]
    return asserts + [
        f"if (reading && {index} == {s}) assert(shown_{name}_read_{view} == shown_{name}_row_{s});"
        for name in ("entries", "orders")
        for s in range(cfg.sets)
    ]
