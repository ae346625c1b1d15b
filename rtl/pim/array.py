"""One bank of a DRAM that behaves as if it were one: a stand-in for the device, for simulation."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out


@dataclass(frozen=True, slots=True, kw_only=True)
class BankArrayConfig:
    """``rows`` of ``columns`` bursts of ``burst_bits``."""

    rows: int
    columns: int
    burst_bits: int


class BankArray(wiring.Component):
    """Rows of bursts; a column command reaches the row that was activated last.

    It trusts the commands it gets; the protocol checker does not.

    Members
    -------
    activate, read, write : In(1)
        This bank is meant by a command of that kind, in this cycle.
    row, column : In
        Of that command.
    write_data : In(burst)
        Comes in the cycle after ``write``.
    read_data : Out(burst)
        In the cycle after ``read``.
    """

    def __init__(self, cfg: BankArrayConfig) -> None:
        self.cfg = cfg
        burst = cfg.burst_bits
        super().__init__({
            "activate": In(1),
            "read": In(1),
            "write": In(1),
            "row": In(range(max(2, cfg.rows))),
            "column": In(range(max(2, cfg.columns))),
            "write_data": In(burst),
            "read_data": Out(burst),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = self.cfg.rows * self.cfg.columns
        cells: memory.Memory = memory.Memory(
            memory.MemoryData(shape=self.cfg.burst_bits, depth=depth, init=[])
        )
        m.submodules.cells = cells
        reading, writing = cells.read_port(), cells.write_port()
        row = Signal.like(self.row)
        with m.If(self.activate):
            m.d.sync += row.eq(self.row)
        address = Signal(range(max(2, depth)))
        late_address, late_write = Signal.like(address), Signal()
        m.d.comb += [
            address.eq(row * self.cfg.columns + self.column),
            reading.addr.eq(address),
            reading.en.eq(self.read),
            self.read_data.eq(reading.data),
            writing.addr.eq(late_address),
            writing.en.eq(late_write),
            writing.data.eq(self.write_data),
        ]
        m.d.sync += [late_address.eq(address), late_write.eq(self.write)]
        return m
