"""The shell around a unit, and the files of a project folder."""

import json
import re

import pytest

from lockstep.rtl.synth.project import project_files, shell_around

UNIT = """module other(clk, x);
  input clk;
  input [7:0] x;
endmodule
module unit(clk, rst, i_a, i_b, o_c, busy);
  input clk;
  wire clk;
  input rst;
  input [2:0] i_a;
  wire [2:0] i_a;
  input i_b;
  output [3:0] o_c;
  reg [3:0] o_c;
  output busy;
endmodule
"""

REPORT = {
    "machine": "m",
    "unit": "unit",
    "target": "ecp5",
    "device": "LFE5U-25F",
    "package": "CABGA381",
    "lut": 12,
    "ff": 34,
    "dsp": 5,
    "bram": 6,
    "shell_lut": 4,
    "shell_ff": 15,
    "fmax_mhz": 80.0,
    "longest_path": ("from_here", "to_there"),
    "utilization": {},
    "seed": 1,
    "tools": ("Yosys 1", "nextpnr-2"),
}


def test_shell_connects_every_bit_of_every_port_once():
    shell = shell_around(UNIT, "unit")
    used = {"i": [], "o": []}
    for name, bus, high, low in re.findall(r"\.(\w+)\(([io])\[(\d+):(\d+)\]\)", shell.verilog):
        assert int(high) - int(low) + 1 == {"i_a": 3, "o_c": 4}.get(name, 1)
        used[bus] += range(int(low), int(high) + 1)
    assert sorted(used["i"]) == list(range(5))  # rst, i_a, i_b
    assert sorted(used["o"]) == list(range(5))  # o_c, busy
    assert "reg [4:0] i;" in shell.verilog
    assert (shell.lut, shell.ff) == (4, 5 + 2 * 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("module other(clk);\nendmodule\n", "no module unit"),
        (UNIT.replace("clk", "clock"), "needs a clk"),
        (UNIT.replace("input i_b;", "inout i_b;"), "a port that is not declared"),
        (UNIT.replace("output", "input"), "an output"),
    ],
)
def test_a_unit_that_cannot_be_measured_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        shell_around(text, "unit")


@pytest.mark.parametrize(
    ("target", "constraints", "clock"),
    [
        ("ecp5", "shell.lpf", 'FREQUENCY PORT "clk" 80.00 MHZ;'),
        ("ice40", "shell.pcf", "set_frequency clk 80.00"),
    ],
)
def test_project_has_the_clock_in_each_tools_words(target, constraints, clock):
    files = project_files(
        unit="unit",
        verilog=UNIT,
        shell=shell_around(UNIT, "unit"),
        ports={"interface": {}},
        report={**REPORT, "target": target},
        commands="true\n",
        log="all is well",
    )
    assert files[constraints].strip() == clock
    assert files["shell.xdc"].strip() == "create_clock -name clk -period 12.500 [get_ports clk]"
    assert files["shell.sdc"] == files["shell.xdc"]
    assert files["unit.v"] == UNIT
    assert json.loads(files["report.json"])["lut"] == 12
    readme = files["README.md"]
    assert all(f"`{name}`" in readme for name in files if name != "README.md")
    assert "80.00 MHz, from `from_here` to `to_there`" in readme
    assert ("ecppack" in readme) == (target == "ecp5")
    assert ("icepack" in readme) == (target == "ice40")
    assert "{{" not in readme
