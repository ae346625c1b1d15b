"""What proofs by induction must see of a unit beyond its ports: registers, and rows of memories.

They become outputs of the unit, named ``shown_`` and their own name; what it computes stays as it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Module, Signal, Value


@contextmanager
def probed(unit: type, memories: Iterable[str]) -> Iterator[None]:
    """Inside, components of class ``unit`` have wires that name what is in ``memories``, its submodules.

    Memory ``x`` has ``x_row_0``, ``x_row_1`` and so on, one for each row, and for what its read ports
    return ``x_read_0`` and so on, in the order they were made.
    """
    elaborate: Any = vars(unit)["elaborate"]

    def with_probes(self: Any, platform: object) -> Module:
        m: Module = elaborate(self, platform)
        for name in memories:
            _name(m, name, getattr(m.submodules, name))
        return m

    with patch.object(unit, "elaborate", with_probes):
        yield


def _name(m: Module, name: str, storage: Any) -> None:
    def show(value: Any, what: str) -> None:
        wire = Signal(len(Value.cast(value)), name=f"{name}_{what}")
        m.d.comb += wire.eq(value)

    for i, port in enumerate(storage.read_ports):
        show(port.data, f"read_{i}")
    for row in range(storage.depth):
        port = storage.read_port(domain="comb")
        m.d.comb += port.addr.eq(row)
        show(port.data, f"row_{row}")


def show(verilog: str, signals: Mapping[str, int], *, inside: str | None = None) -> str:
    """Make signals, of so many bits, of module ``dut`` or of its instance ``inside`` outputs of ``dut``.

    Raises
    ------
    ValueError
        If there is no such module or instance.
    """
    if inside is None:
        return _with_outputs(verilog, "dut", signals, driven=True)
    bound = "".join(f".shown_{name}(shown_{name}), " for name in signals)
    instance, count = re.subn(
        rf"^  \\dut\.{inside}  {inside} \(", rf"\g<0>{bound}", verilog, flags=re.MULTILINE
    )
    if count != 1:
        raise ValueError(f"dut has no instance {inside!r}")
    shown = _with_outputs(instance, rf"\dut.{inside} ", signals, driven=True)
    return _with_outputs(shown, "dut", signals, driven=False)


def _with_outputs(verilog: str, module: str, signals: Mapping[str, int], *, driven: bool) -> str:
    """A module with outputs for signals of it, or for those that an instance in it has."""
    start = verilog.find(f"module {module}(")
    if start < 0:
        raise ValueError(f"the Verilog has no module {module!r}")
    before, text = verilog[:start], verilog[start:]
    body, after = text.split("endmodule", 1)
    names = "".join(f"shown_{name}, " for name in signals)
    body = body.replace("(", f"({names}", 1)
    for name, bits in signals.items():
        body += f"  output [{bits - 1}:0] shown_{name};\n"
        body += f"  assign shown_{name} = {name};\n" if driven else ""
    return f"{before}{body}endmodule{after}"


def part(signal: str, at: int, bits: int) -> str:
    """Verilog for ``bits`` bits of a signal, the lowest first."""
    return f"{signal}[{at + bits - 1}:{at}]"
