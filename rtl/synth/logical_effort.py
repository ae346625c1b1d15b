"""Cell libraries: a table of gates, by the method of logical effort, and the Liberty text it becomes.

The delay of a cell of drive X into a load C is ``tau * (parasitic + C / (X * inverter_ff))``; slews
do not matter. Source: Sutherland, Sproull, Harris, "Logical Effort", 1999.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.load import load, resolve
from lockstep.arch.tech import Source
from lockstep.rtl.synth.cells import Library
from lockstep.rtl.synth.liberty import parse_library

Positive = Annotated[float, Field(gt=0, le=1e6)]
Drive = Annotated[str, Field(pattern=r"^X[1-9][0-9]?$")]
Drives = Annotated[dict[Drive, Positive], Field(min_length=1)]


class Gate(Config):
    """A combinational cell family.

    Parameters
    ----------
    function : str
        Liberty expression of the output ``Y``.
    transistors : int
        Of the smallest drive; larger drives have more fingers, not more transistors.
    widths : mapping of drive, "X1" for instance, to float
        Width of each drive's cell, in thirds of a NAND2_X1.
    inputs : mapping of pin to (effort, parasitic)
        Input capacitance over that of an inverter of the same drive; delay without load, in tau.
    """

    function: str
    transistors: Annotated[int, Field(ge=2)]
    widths: Drives
    inputs: Annotated[dict[str, tuple[Positive, Positive]], Field(min_length=1)]


class FlipFlop(Config):
    """A D flip-flop on the rising edge, pins ``D``, ``CK`` and ``Q``; times in tau."""

    transistors: Annotated[int, Field(ge=2)]
    widths: Drives
    data_effort: Positive
    clock_effort: Positive
    clock_to_q: Positive
    setup: Positive


class LibraryTable(Config):
    """A cell library.

    Parameters
    ----------
    kind : "liberty"
    name : str
    node_nm, voltage_v : float
    tau_ps : float
        Delay of an inverter per unit of its load over its input.
    inverter_ff : float
        Input capacitance of the smallest inverter.
    nand2_um2 : float
        Area of NAND2_X1.
    source : str
    cells : mapping of family to Gate
    flip_flops : mapping of family to FlipFlop
    """

    kind: Literal["liberty"]
    name: str
    node_nm: Positive
    voltage_v: Positive
    tau_ps: Positive
    inverter_ff: Positive
    nand2_um2: Positive
    source: Source
    cells: dict[str, Gate]
    flip_flops: dict[str, FlipFlop]

    @property
    def transistors(self) -> dict[str, int]:
        """Transistors of every cell, by its full name."""
        families: dict[str, Gate | FlipFlop] = {**self.cells, **self.flip_flops}
        return {f"{n}_{x}": f.transistors for n, f in families.items() for x in f.widths}

    def liberty(self) -> str:
        """The library in Liberty format: nanoseconds, femtofarads, square micrometres."""
        cells = [self._gate(n, g, x) for n, g in self.cells.items() for x in g.widths]
        cells += [self._flip_flop(n, f, x) for n, f in self.flip_flops.items() for x in f.widths]
        return _HEAD.format(name=self.name, voltage=self.voltage_v) + "".join(cells) + "}\n"

    def _gate(self, family: str, gate: Gate, drive: str) -> str:
        pins = "".join(
            _input(pin, effort * self._input_ff(drive)) for pin, (effort, _) in gate.inputs.items()
        )
        arcs = "".join(
            self._arc(pin, "combinational", parasitic, drive)
            for pin, (_, parasitic) in gate.inputs.items()
        )
        output = f'    pin(Y) {{ direction: output; function: "{gate.function}";\n{arcs}    }}\n'
        return self._cell(family, drive, gate.widths[drive], pins + output)

    def _flip_flop(self, family: str, flop: FlipFlop, drive: str) -> str:
        setup = f'values("{flop.setup * self.tau_ps * 1e-3:.6g}");'
        check = (
            '      timing() { related_pin: "CK"; timing_type: setup_rising;\n'
            f"        rise_constraint(scalar) {{ {setup} }} fall_constraint(scalar) {{ {setup} }} }}\n"
        )
        body = (
            '    ff(IQ, IQN) { clocked_on: "CK"; next_state: "D"; }\n'
            + _input("D", flop.data_effort * self._input_ff(drive), check)
            + _input("CK", flop.clock_effort * self._input_ff(drive), "      clock: true;\n")
            + '    pin(Q) { direction: output; function: "IQ";\n'
            + self._arc("CK", "rising_edge", flop.clock_to_q, drive)
            + "    }\n"
        )
        return self._cell(family, drive, flop.widths[drive], body)

    def _cell(self, family: str, drive: str, width: float, body: str) -> str:
        area = width / 3 * self.nand2_um2
        return f"  cell({family}_{drive}) {{\n    area: {area:.6g};\n{body}  }}\n"

    def _input_ff(self, drive: str) -> float:
        """Input capacitance of an inverter of that drive."""
        return int(drive[1:]) * self.inverter_ff

    def _arc(self, pin: str, kind: str, parasitic: float, drive: str) -> str:
        fanouts = (0, 8, 64)
        index = ", ".join(f"{fanout * self._input_ff(drive):.6g}" for fanout in fanouts)
        delays = [self.tau_ps * 1e-3 * (parasitic + fanout) for fanout in fanouts]
        # A waveform of one time constant RC takes 2 RC ln 2 from 20 to 80 %, twice its delay.
        delay, slew = (", ".join(f"{d * times:.6g}" for d in delays) for times in (1, 2))
        tables = "".join(
            f'        {table}(load) {{ index_2("{index}"); values("{row}", "{row}"); }}\n'
            for table, row in (
                ("cell_rise", delay),
                ("cell_fall", delay),
                ("rise_transition", slew),
                ("fall_transition", slew),
            )
        )
        return f'      timing() {{ related_pin: "{pin}"; timing_type: {kind};\n{tables}      }}\n'


_HEAD = """library({name}) {{
  delay_model: table_lookup;
  time_unit: "1ns";
  voltage_unit: "1V";
  current_unit: "1mA";
  leakage_power_unit: "1nW";
  pulling_resistance_unit: "1kohm";
  capacitive_load_unit(1, ff);
  nom_voltage: {voltage};
  slew_lower_threshold_pct_rise: 20; slew_upper_threshold_pct_rise: 80;
  slew_lower_threshold_pct_fall: 20; slew_upper_threshold_pct_fall: 80;
  input_threshold_pct_rise: 50; input_threshold_pct_fall: 50;
  output_threshold_pct_rise: 50; output_threshold_pct_fall: 50;
  lu_table_template(load) {{
    variable_1: input_net_transition; variable_2: total_output_net_capacitance;
    index_1("0, 1"); index_2("0, 1, 2");
  }}
"""


def _input(pin: str, capacitance_ff: float, more: str = "") -> str:
    end = f"\n{more}    }}\n" if more else " }\n"
    return f"    pin({pin}) {{ direction: input; capacitance: {capacitance_ff:.6g};{end}"


def load_table(name_or_path: str) -> LibraryTable:
    """A shipped library table, or one in a YAML file.

    Raises
    ------
    lockstep.arch.error.InputError
        If there is none, or the file is not right.
    """
    path: Path = resolve("liberty", name_or_path)
    return load(LibraryTable, path)


def generic_library(name_or_path: str = "generic-28nm") -> Library:
    """A shipped library, or one from a table of the user, ready for synthesis."""
    table = load_table(name_or_path)
    return parse_library(table.liberty(), name_or_path, table.transistors)
