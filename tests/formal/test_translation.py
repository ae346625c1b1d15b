"""Proofs about address translation: how jobs are made; a sample of them, the rest is slow."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from lockstep.rtl.lib.shared import verilog_of
from lockstep.verify import formal
from lockstep.verify.formal_jobs import TOP, Job
from lockstep.verify.formal_probe import probed, show
from lockstep.verify.formal_translation import jobs, sample

pytestmark = pytest.mark.rtl


class Store(wiring.Component):
    """A memory of two rows, and the number of writes so far, modulo 4."""

    address: In(1)
    data: In(4)
    write: In(1)
    read: Out(4)

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = memory.Memory(shape=4, depth=2, init=[3, 5])
        count = Signal(2)
        writes = rows.write_port()
        reads = rows.read_port(transparent_for=(writes,))
        m.d.sync += count.eq(count + self.write)
        m.d.comb += [
            *(port.addr.eq(self.address) for port in (writes, reads)),
            writes.data.eq(self.data),
            writes.en.eq(self.write),
            reads.en.eq(1),
            self.read.eq(reads.data),
        ]
        return m


def store_job(claim, **how):
    with probed(Store, ["rows"]):
        design = verilog_of(Store(), "dut")
    shown = {"count": 2, "rows_row_0": 4, "rows_row_1": 4, "rows_read_0": 4}
    wires = " ".join(f"wire [{bits - 1}:0] {name};" for name, bits in shown.items())
    ports = ", ".join(f".shown_{name}({name})" for name in shown)
    spec = f"""`default_nettype none
module {TOP}(input wire clk, rst, address, write, input wire [3:0] data);
  wire [3:0] read;
  {wires}
  dut dut(.clk(clk), .rst(rst), .address(address), .write(write), .data(data), .read(read), {ports});
  reg [1:0] writes = 0;
  reg last, any = 0;
  always @(posedge clk) begin writes <= rst ? 0 : writes + write; last <= address; any <= 1; end
  always @* assert({claim});
endmodule
"""
    return Job(name="store", claim=claim, verilog=spec + show(design, shown), **how)


def ends(job):
    (row,) = formal.prove([job])
    return row.result


def test_what_is_shown_is_what_the_unit_holds():
    holds = "count == writes && (!any || rows_read_0 == read)"
    assert ends(store_job(holds, method="induction")) == "proved"
    rows = "!any || rows_read_0 == (last ? rows_row_1 : rows_row_0)"
    assert ends(store_job(f"{rows}", method="induction", depth=2)) == "proved"


def test_the_unit_starts_from_reset_and_a_bound_is_a_bound():
    assert ends(store_job("any || rows_row_0 == 3 && rows_row_1 == 5 && count == 0")) == "proved"
    assert ends(store_job("count < 3", depth=3)) == "proved"
    assert ends(store_job("count < 3", depth=4, holds=False)) == "refuted"


def test_a_claim_true_but_not_inductive_is_no_proof():
    with pytest.raises(formal.ProofError, match="induction"):
        ends(store_job("count != 3 || writes == 3", method="induction"))


def test_what_cannot_be_shown_is_said():
    with pytest.raises(ValueError, match="no module 'dut'"):
        show("module other(a);\nendmodule\n", {"a": 1})
    with pytest.raises(ValueError, match="no instance 'ways'"):
        show("module dut(a);\nendmodule\n", {"a": 1}, inside="ways")
    with pytest.raises(formal.ProofError):  # a wire that is not declared
        ends(Job(name="x", claim="x", verilog=f"`default_nettype none\nmodule {TOP}(input wire a);\n"
                 "dut dut(.a(a));\nendmodule\n" + show("module dut(a);\ninput a;\nendmodule\n", {"b": 1})))  # fmt: skip


def test_a_bug_faces_the_claim_alone_and_a_sound_unit_the_same_claim():
    found = jobs()
    assert len({job.verilog for job in found}) == len(found)
    assert {job.method for job in found if not job.holds} == {"bounded"}
    for bug in (job for job in found if not job.holds):
        claim = bug.verilog.split("endmodule")[0].rstrip()
        assert any(
            job.holds and job.claim == bug.claim and job.verilog.startswith(claim) for job in found
        )


def test_a_sample_ends_as_expected():
    rows = list(formal.prove(sample()))
    assert [row.summary() for row in rows if not row.passed] == []
    assert {row.result for row in rows} == {"proved", "refuted"}
