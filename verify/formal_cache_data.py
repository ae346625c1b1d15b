"""What is checked of a cache with TLB blocks as a whole: the page-table entry that a probe returns.

Its tags are proved for ever in ``formal_cache``; here, sequences from reset of a few cycles.
"""

from lockstep.arch.tlb import ASID_BITS, CacheConfig, VictimaConfig
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.tlb.cache import TlbCache
from lockstep.rtl.tlb.cache_layout import LINE, QUERY, RESPONSE, WORD_BITS, Op
from lockstep.rtl.tlb.pte import PAGE_NUMBER_BITS
from lockstep.verify.formal_cache import field, is_op
from lockstep.verify.formal_jobs import TOP


def whole_cache_design(cfg: CacheConfig, rules: VictimaConfig) -> str:
    """A cache, module ``dut``."""
    return verilog_of(TlbCache(cfg, rules), "dut")


def whole_cache_spec() -> str:
    """The protocol, and the claim for any page: what a probe returns was put in for it last."""
    line, large = RESPONSE["line"].offset, RESPONSE["large"].offset
    return f"""`default_nettype none
module {TOP}(
  input wire clk, rst, valid, pressure, update, memory_ready, line_valid,
  input wire [{QUERY.size - 1}:0] request, input wire [{LINE.size - 1}:0] request_data, line,
  input wire [2:0] update_word, input wire [{WORD_BITS - 1}:0] update_pte
);
  wire ready, response_valid, memory_valid;
  wire [{RESPONSE.size - 1}:0] response;
  dut dut(
    .clk(clk), .rst(rst), .request__valid(valid), .request__payload({{request_data, request}}),
    .request__ready(ready), .pressure(pressure), .response_valid(response_valid), .response(response),
    .update(update), .update_word(update_word), .update_pte(update_pte),
    .memory__read__valid(memory_valid), .memory__read__ready(memory_ready),
    .memory__line_valid(line_valid), .memory__line(line)
  );
  (* anyconst *) wire its_large, its_nested;
  (* anyconst *) wire [{PAGE_NUMBER_BITS - 1}:0] its_page;
  (* anyconst *) wire [{ASID_BITS - 1}:0] its_asid;
  wire [2:0] its_place = its_large ? its_page >> 9 : its_page;
  wire [{PAGE_NUMBER_BITS - 1}:0] differ = {field("request", "page")} ^ its_page;
  wire in_its_space = {field("request", "asid")} == its_asid && {field("request", "nested")} == its_nested;
  wire is_page = in_its_space && differ >> (its_large ? 9 : 0) == 0;
  wire is_block = in_its_space && differ >> (its_large ? 12 : 3) == 0;
  wire taken = valid && ready;
  reg waits = 0, may_update = 0, reads = 0, probes = 0, returned = 0;
  reg held = 0, was_held;  // one cycle ago: the line comes one cycle after the response
  reg [{WORD_BITS - 1}:0] its_pte, was_pte;
  always @(posedge clk) begin
    waits <= !rst && (memory_valid && memory_ready || waits && !line_valid);
    may_update <= !rst && !taken && !update && (may_update || response_valid && reads);
    reads <= !rst && (taken ? {is_op("request", Op.READ)} : reads && !response_valid);
    probes <= !rst && (taken ? is_page && {is_op("request", Op.PROBE)} : probes && !response_valid);
    returned <= !rst && response_valid && probes && response[0] && response[{large}] == its_large;
    was_held <= held;
    was_pte <= its_pte;
    if (taken && is_block && {is_op("request", Op.INSERT)} && {field("request", "large")} == its_large
        && {field("request", "mask")} >> its_place & 1) begin
      its_pte <= request_data >> {WORD_BITS} * its_place;
      held <= 1;
    end
    if (rst || taken && is_block && {is_op("request", Op.DROP_PAGES)}) held <= 0;
  end
  always @* begin
    assume({field("request", "op")} <= {max(op.value for op in Op)});
    assume(!line_valid || waits);
    assume(!update || may_update);
    if (returned)
      assert(was_held && response[{line} + {WORD_BITS} * its_place +: {WORD_BITS}] == was_pte);
  end
endmodule
"""
