"""What a machine is: its configuration, its rates, its area, and how it shows itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockstep.api.display import html_facts, text_facts
from lockstep.arch.listing import machine_row
from lockstep.arch.machine import Machine as Description
from lockstep.arch.machine import System
from lockstep.sim.area import area_mm2
from lockstep.sim.report.quantity import quantity


@dataclass(frozen=True, slots=True, repr=False)
class Described:
    """A machine that can be looked at.

    Parameters
    ----------
    source : str
        The shipped name, or the path, that it was loaded from.
    system : System
        Its description, with the tables that it names.
    overrides : mapping of dotted key to value
        What was changed, in order.
    """

    source: str
    system: System
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.config.name

    @property
    def config(self) -> Description:
        """Its description, field by field as in the file."""
        return self.system.machine

    @property
    def clock_hz(self) -> float:
        """Clock, in Hz."""
        return self.config.clock_hz

    @property
    def peak_macs_per_s(self) -> float:
        """Multiply-accumulates per second with everything busy."""
        return self.system.peak_macs_per_s

    @property
    def dram_bytes_per_s(self) -> float:
        """Bandwidth of the DRAM's pins, all channels, in bytes per second."""
        return self.system.dram.peak_bytes_per_s * self.config.dram.channels

    @property
    def area_mm2(self) -> float:
        """Arithmetic and scratchpad, in mm2; wiring and control are not in it."""
        return sum(self.area_by_component_mm2.values())

    @property
    def area_by_component_mm2(self) -> dict[str, float]:
        """Area of MACs, vector lanes, scratchpad and near-memory processors, in mm2."""
        return area_mm2(self.system)

    def _facts(self) -> dict[str, object]:
        row = machine_row(self.system)
        facts = {
            "array": f"{row.array} {row.engine}".strip(),
            "near memory": row.pim,
            "format": row.format,
            "clock": quantity(self.clock_hz, "Hz"),
            "peak": quantity(self.peak_macs_per_s, "MAC/s"),
            "DRAM": f"{self.config.dram.preset}, {quantity(self.dram_bytes_per_s, 'B/s')}",
            "area": f"{self.area_mm2:.3g} mm²",
            "tech": row.tech,
        }
        changed = {f"set {key}": value for key, value in self.overrides.items()}
        return {name: value for name, value in {**facts, **changed}.items() if value != ""}

    def __repr__(self) -> str:
        facts = (f"{name} {value}" for name, value in self._facts().items())
        return text_facts(f"Machine {self.name}", facts)

    def _repr_html_(self) -> str:
        return html_facts(self._facts(), title=f"Machine {self.name}")
