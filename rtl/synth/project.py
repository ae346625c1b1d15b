"""What place and route takes: a unit in a shell with three pins; and the folder to go on from elsewhere."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

SHELL = "shell"
"""Name of the shell's module."""

_SHELL = """// Gives {unit} registers on all sides, and three pins in place of {pins}.
module {shell}(input clk, input shell_i, output shell_o);
  reg [{last_in}:0] i;
  wire [{last_out}:0] o;
  reg [{last_out}:0] held;
  reg [{last_out}:0] folded;
  always @(posedge clk) begin
    i <= {{i, shell_i}};
    held <= o;
    folded <= {{folded, 1'b0}} ^ held;
  end
  assign shell_o = folded[{last_out}];
  {unit} unit(
    {connections}
  );
endmodule
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A unit's shell: Verilog of the module ``shell``, and the look-up tables and flip-flops it adds."""

    verilog: str
    lut: int
    ff: int


def shell_around(verilog: str, unit: str) -> Shell:
    """A module that registers every port of ``unit``: wide streams have more bits than packages pins.

    A shift register feeds every input but ``clk``. Each output has a register, and those are folded
    by exclusive OR into a second shift register, so none of them can be left out. Every path of the
    unit thus lies between registers, and none of the shell's own is longer than one look-up table.

    Parameters
    ----------
    verilog : str
        The design; ports are found in the text of its module ``unit``.
    unit : str
        Name of that module.

    Raises
    ------
    ValueError
        If the design has no such module, or the module no clock, no other input or no output.
    """
    sizes = _port_bits(verilog, unit)
    connections = [".clk(clk)"]
    bits = {"input": 0, "output": 0}
    for name, (direction, width) in sizes.items():
        if name != "clk":
            low = bits[direction]
            bits[direction] += width
            side = direction[0]
            connections.append(f".{name}({side}[{bits[direction] - 1}:{low}])")
    if "clk" not in sizes or not all(bits.values()):
        raise ValueError(f"{unit} needs a clk, another input and an output")
    text = _SHELL.format(
        unit=unit,
        shell=SHELL,
        pins=sum(bits.values()) + 1,
        last_in=bits["input"] - 1,
        last_out=bits["output"] - 1,
        connections=",\n    ".join(connections),
    )
    # The first bit of the fold has nothing to combine with.
    return Shell(verilog=text, lut=bits["output"] - 1, ff=bits["input"] + 2 * bits["output"])


def _port_bits(verilog: str, unit: str) -> dict[str, tuple[str, int]]:
    """Direction and width of each port, as Yosys writes them: one declaration per line."""
    module = re.search(rf"^module {unit}\((.*?)\);.*?^endmodule", verilog, re.MULTILINE | re.DOTALL)
    if module is None:
        raise ValueError(f"the design has no module {unit}")
    found = re.findall(r"^ *(input|output) (?:\[(\d+):0\] )?(\w+);$", module[0], re.MULTILINE)
    if {name for _, _, name in found} != set(re.split(r",\s*", module[1])):
        raise ValueError(f"{unit} has a port that is not declared as an input or output of bits")
    return {name: (direction, int(last or 0) + 1) for direction, last, name in found}


def project_files(
    *,
    unit: str,
    verilog: str,
    shell: Shell,
    ports: Mapping[str, object],
    report: Mapping[str, object],
    commands: str,
    log: str,
) -> dict[str, str]:
    """Name and text of each file of a project folder.

    Parameters
    ----------
    unit : str
        The unit's module.
    verilog, shell : str, Shell
        The unit, and what is around it.
    ports, report : mapping
        JSON data; ``report`` has the fields of :class:`lockstep.rtl.synth.fpga.FpgaReport`.
    commands : str
        Shell script that repeats the run.
    log : str
        What place and route had to say.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    template = resources.files("lockstep.rtl.synth").joinpath("project.md.j2")
    fmax_mhz = float(str(report["fmax_mhz"]))
    clock = f"create_clock -name clk -period {1e3 / fmax_mhz:.3f} [get_ports clk]\n"
    constraints = {
        "ecp5": {f"{SHELL}.lpf": f'FREQUENCY PORT "clk" {fmax_mhz:.2f} MHZ;\n'},
        "ice40": {f"{SHELL}.pcf": f"set_frequency clk {fmax_mhz:.2f}\n"},
    }[str(report["target"])]
    readme = environment.from_string(template.read_text(encoding="utf-8")).render(
        shell=SHELL, constraints=next(iter(constraints)), **report
    )
    return {
        "README.md": readme,
        f"{unit}.v": verilog,
        f"{unit}.ports.json": json.dumps(ports, indent=2) + "\n",
        f"{SHELL}.v": shell.verilog,
        **constraints,
        f"{SHELL}.xdc": clock,
        f"{SHELL}.sdc": clock,
        "build.sh": commands,
        "report.json": json.dumps(report, indent=2) + "\n",
        "place_and_route.log": log,
    }
