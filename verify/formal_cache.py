"""What is proved of the tags of a cache with TLB blocks, for any one line or page of a TLB block.

The specification remembers what the solver chose, and whether it was put in since it was last dropped.
"""

from lockstep.arch.tlb import ASID_BITS, LINE_PTES, CacheConfig, VictimaConfig
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.tlb.cache_layout import (
    LINE_NUMBER_BITS,
    QUERY,
    Op,
    bits_for,
    entry_layout,
    event_layout,
    key_layout,
)
from lockstep.rtl.tlb.cache_tags import CacheTags
from lockstep.rtl.tlb.pte import PAGE_NUMBER_BITS
from lockstep.verify.formal_jobs import TOP
from lockstep.verify.formal_probe import part, probed, show

_MEMORIES = ("tags", "rrpvs")


def cache_design(cfg: CacheConfig, rules: VictimaConfig) -> str:
    """The tags of a cache, module ``dut``, with outputs for all that the specification looks at."""
    with probed(CacheTags, _MEMORIES):
        return show(verilog_of(CacheTags(cfg, rules), "dut"), _shown(cfg))


def cache_spec(cfg: CacheConfig, rules: VictimaConfig, *, invariants: bool) -> str:
    """The protocol, the claim and, on demand, what holds in between, for a proof by induction."""
    signals = _shown(cfg)
    wires = "\n".join(f"  wire [{bits - 1}:0] shown_{name};" for name, bits in signals.items())
    ports = ", ".join(f".shown_{name}(shown_{name})" for name in signals)
    return f"""`default_nettype none
module {TOP}(
  input wire clk, rst, read, read_second, pressure, input wire [{QUERY.size - 1}:0] read_query
);
  wire found, large, event_valid;
  wire [{bits_for(cfg.sets) - 1}:0] index;
  wire [{bits_for(cfg.ways) - 1}:0] way;
  wire [{event_layout(cfg).size - 1}:0] outcome;
{wires}
  reg look = 0, second;
  reg [{QUERY.size - 1}:0] query;
  dut dut(
    .clk(clk), .rst(rst), .read(read), .read_second(read_second), .read_query(read_query), .look(look),
    .query(query), .second(second), .pressure(pressure), .found(found), .index(index), .way(way),
    .\\large (large), .event_valid(event_valid), .\\event (outcome), {ports}
  );
{_PROTOCOL}
{_memory(rules)}
{_claim(cfg, rules)}
{_invariants(cfg) if invariants else ""}
endmodule
"""


def _shown(cfg: CacheConfig) -> dict[str, int]:
    """Widths of signals that are no ports."""
    rows = max(2, cfg.sets)
    shown = {"valid": rows * cfg.ways}
    for name, bits in (("tags", entry_layout(cfg).size), ("rrpvs", cfg.rrpv_bits)):
        shown |= {f"{name}_row_{row}": cfg.ways * bits for row in range(rows)}
        shown[f"{name}_read_0"] = cfg.ways * bits
    return shown


def field(query: str, name: str) -> str:
    """A field of a query, in Verilog."""
    return part(query, QUERY[name].offset, QUERY[name].width)


def is_op(query: str, *ops: Op) -> str:
    """Whether a query is one of some operations, in Verilog."""
    return "(" + " || ".join(f"{field(query, 'op')} == {op.value}" for op in ops) + ")"


# The cache looks at a set in the cycle after it read it, and at a second one only after the first.
_PROTOCOL = f"""
  always @(posedge clk) begin
    look <= read && !rst;
    second <= read_second;
    query <= read_query;
  end
  always @* begin
    assume({field("read_query", "op")} <= {max(op.value for op in Op)});
    if (read && read_second) assume(look && !second && read_query == query);
    if (read_second) assume({is_op("read_query", Op.PROBE, Op.DROP_PAGES)});
  end
"""


def _memory(rules: VictimaConfig) -> str:
    drops = [Op.DROP_PAGES] if rules.shootdown else []
    is_block_drop = is_op("query", *drops) if drops else "0"
    return f"""
  (* anyconst *) wire its_block, its_large, its_nested;
  (* anyconst *) wire [{LINE_NUMBER_BITS - 1}:0] its_line;
  (* anyconst *) wire [{PAGE_NUMBER_BITS - 1}:0] its_page;
  (* anyconst *) wire [{ASID_BITS - 1}:0] its_asid;
  wire of_line = {is_op("query", Op.READ, Op.WRITE, Op.DROP_LINE)};
  wire of_large = {is_op("query", Op.PROBE, Op.DROP_PAGES)} ? second : {field("query", "large")};
  wire [{PAGE_NUMBER_BITS - 1}:0] differ = {field("query", "page")} ^ its_page;
  wire is_block = of_large == its_large && {field("query", "nested")} == its_nested
    && {field("query", "asid")} == its_asid && differ >> (its_large ? 12 : 3) == 0;
  wire is_page = differ >> (its_large ? 9 : 0) == 0;
  wire is_it = its_block ? !of_line && is_block : of_line && {field("query", "line")} == its_line;
  wire [2:0] its_place = its_large ? its_page >> 9 : its_page;
  reg held = 0, page_held = 0;  // the line or block; of a block, the page
  always @(posedge clk) begin
    if (look && is_it) begin
      if ({is_op("query", Op.READ, Op.WRITE)}) held <= 1;
      if ({is_op("query", Op.INSERT)}) begin
        held <= 1;
        page_held <= {field("query", "mask")} >> its_place || held && page_held;
      end
      if ({is_op("query", Op.DROP_LINE)} || {is_block_drop}) begin
        held <= 0;
        page_held <= 0;
      end
    end
    if (rst) begin
      held <= 0;
      page_held <= 0;
    end
  end
"""


def _claim(cfg: CacheConfig, rules: VictimaConfig) -> str:
    ways, entry, key = cfg.ways, entry_layout(cfg), key_layout(cfg)
    keys = [part("shown_tags_read_0", entry.size * w, key.size) for w in range(ways)]
    in_use = "".join(
        f"index == {s} ? {part('shown_valid', s * ways, ways)} : " for s in range(cfg.sets)
    )
    distinct = " && ".join(
        f"!(in_use[{w}] && in_use[{other}] && {keys[w]} == {keys[other]})"
        for w in range(ways)
        for other in range(w)
    )
    return f"""
  wire [{ways - 1}:0] in_use = {in_use}0;
  wire places = look && !found && {is_op("query", Op.READ, Op.WRITE, Op.INSERT)};
  reg answered;  // a block of small pages has the page: one of large pages is left alone
  always @(posedge clk) answered <= !rst && look && found && !second && {is_op("query", Op.PROBE)};
  wire promotes = look && found && ({is_op("query", Op.READ, Op.WRITE)}
    || {is_op("query", Op.PROBE)} && !(second && answered));
  always @* begin
    if (places || promotes) assert(event_valid);
    if (look && is_it && found) assert(held);
    if (look && is_it && found && is_page && {is_op("query", Op.PROBE, Op.HOLDS)}) assert(page_held);
    if (look) assert({distinct or "1"});
    if (places) assert(way < {ways} && (&in_use || !in_use[way]));
  end
{_srrip(cfg, rules)}
"""


def _srrip(cfg: CacheConfig, rules: VictimaConfig) -> str:
    """Re-reference values in sums one bit wider than they are, so that none can wrap."""
    ways, bits, most = range(cfg.ways), cfg.rrpv_bits, cfg.max_rrpv
    tag, values = entry_layout(cfg), event_layout(cfg)["rrpv"].offset
    text = ""
    for w in ways:
        block = tag.size * w + key_layout(cfg)["block"].offset
        text += f"""
  wire [{bits}:0] before_{w} = {part("shown_rrpvs_read_0", bits * w, bits)};
  wire [{bits}:0] after_{w} = {part("outcome", values + bits * w, bits)};
  wire block_{w} = shown_tags_read_0[{block}];"""
    text += _search(cfg, "before", "first", "aged")
    spared = " || ".join(f"first_{w} && block_{w}" for w in ways)
    text += f"\n  wire spares = {'pressure' if rules.aware_victim else 0} && ({spared});"
    for w in ways:
        text += f"\n  wire [{bits}:0] spared_{w} = spares && first_{w} ? 0 : aged_{w};"
    text += _search(cfg, "spared", "chosen", "final")
    of_block = f"(pressure ? 0 : {most})" if rules.aware_insertion else f"{cfg.insert_rrpv}"
    new = f"(of_line ? {cfg.insert_rrpv} : {of_block})"
    step = f"(of_line ? 1 : {3 if rules.aware_promotion else 1})"
    for w in ways:
        text += f"""
  always @* begin
    if (places && &in_use) assert(way == {w} ? chosen_{w} && after_{w} == {new} : after_{w} == final_{w});
    if (places && !(&in_use)) assert(after_{w} == (way == {w} ? {new} : in_use[{w}] ? before_{w} : 0));
    if (promotes && way != {w}) assert(after_{w} == (in_use[{w}] ? before_{w} : 0));
    if (promotes && way == {w})
      assert(in_use[{w}] && after_{w} == (before_{w} > {step} ? before_{w} - {step} : 0));
  end"""
    return text


def _search(cfg: CacheConfig, values: str, found: str, aged: str) -> str:
    """SRRIP's search: the first way with the greatest value; all values counted up by what it lacks."""
    ways, bits = range(cfg.ways), cfg.rrpv_bits
    text = ""
    for w in ways:
        wins = [f"{values}_{w} > {values}_{other}" for other in range(w)]
        wins += [f"{values}_{w} >= {values}_{other}" for other in range(w + 1, cfg.ways)]
        text += f"\n  wire {found}_{w} = {' && '.join(wins) or '1'};"
    greatest = "".join(f"{found}_{w} ? {values}_{w} : " for w in ways)
    text += f"\n  wire [{bits}:0] {aged}_by = {cfg.max_rrpv} - ({greatest}0);"
    for w in ways:
        text += f"\n  wire [{bits}:0] {aged}_{w} = {values}_{w} + {aged}_by;"
    return text


def _invariants(cfg: CacheConfig) -> str:
    """How valid bits and rows follow from what the specification remembers."""
    entry, key = entry_layout(cfg), key_layout(cfg)
    set_bits = (cfg.sets - 1).bit_length()
    asserts = []
    for s in range(cfg.sets):
        row = f"shown_tags_row_{s}"
        in_use = [f"shown_valid[{s * cfg.ways + w}]" for w in range(cfg.ways)]
        keys = [part(row, entry.size * w, key.size) for w in range(cfg.ways)]
        for w in range(cfg.ways):
            mask = part(row, entry.size * w + entry["mask"].offset, LINE_PTES)
            match = f"{in_use[w]} && its_set == {s} && {keys[w]} == its_key"
            asserts += [
                f"if ({match}) assert(held);",
                f"if ({match} && its_block && ({mask} >> its_place & 1)) assert(page_held);",
            ]
            asserts += [
                f"assert(!({in_use[w]} && {in_use[other]} && {keys[w]} == {keys[other]}));"
                for other in range(w)
            ]
        asserts += [
            f"if (look && index == {s}) assert(shown_{name}_read_0 == shown_{name}_row_{s});"
            for name in _MEMORIES
        ]
    text = "\n    ".join(asserts)
    tag_bits = key["tag"].width
    return f"""
  wire [32:0] its_group = its_large ? its_page >> 12 : its_page >> 3;
  wire [{max(0, set_bits - 1)}:0] its_set = (its_block ? its_group : its_line) % {cfg.sets};
  wire [{tag_bits - 1}:0] its_tag = its_block
    ? {{its_asid, its_large, its_group[32:{set_bits}]}} : its_line >> {set_bits};
  wire [{key.size - 1}:0] its_key = {{its_block && its_nested, its_block, its_tag}};
  always @* begin
    {text}
  end
"""
