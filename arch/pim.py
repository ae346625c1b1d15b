"""A DRAM channel that computes: banks with multiply-accumulate units behind one command sequencer.

After SK hynix GDDR6-AiM, which PIM-GPT builds on as well. Its instructions, and the gaps its commands
keep, are in :mod:`lockstep.arch.pim_isa`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.formats import FormatName, format_named
from lockstep.arch.load import load, resolve
from lockstep.arch.mac import FP32, Product, product_of, significand_bits
from lockstep.arch.number import FloatFormat, IntFormat

Gap = Annotated[int, Field(ge=0, le=1 << 16)]
Size = Annotated[int, Field(ge=1, le=1 << 20)]
Source = Annotated[str, Field(min_length=8)]

GROUP_BANKS = 4
"""Banks of a group: EWMUL multiplies the first by the second, and writes the third (aim_simulator)."""

ARRAY_CYCLES = 1
"""From a MAC command to its operands at the units: the row buffer and the global buffer are read."""


class PimTiming(Config):
    """Gaps between commands, in clock cycles; JEDEC's names in lower case, without the ``t``.

    Parameters
    ----------
    burst : int
        Cycles of data of a burst.
    cl, cwl : int
        From RD and WR to their first data.
    cl_register, cwl_register, cwl_buffer : int
        The same of reading and writing accumulators, and of writing the global buffer.
    rcd_rd, rcd_wr, rcd_mac, rcd_copy_rd, rcd_copy_wr : int
        ACT to RD, to WR, to MAC, and to copies from and to the bank.
    rcd_ewmul : int or None
        ACT to EWMUL; None: there is no such command.
    rp, ras, rc, rrd : int
        PRE to ACT; ACT to PRE; ACT to ACT of one bank, and of different ones.
    ccd : int
        Column command to column command of one direction.
    rtp, wr : int
        Read to PRE; last write data to PRE.
    wtr_s, wtr_l : int
        Last write data to a read: after the global buffer was written; after all else.
    turnaround : int
        Idle cycles of the data bus between a read and a write.
    rfc, refi : int
        REFab to ACT; interval of REFab.
    """

    burst: Annotated[int, Field(ge=1, le=64)]
    cl: Gap
    cwl: Gap
    cl_register: Gap
    cwl_register: Gap
    cwl_buffer: Gap
    rcd_rd: Gap
    rcd_wr: Gap
    rcd_mac: Gap
    rcd_copy_rd: Gap
    rcd_copy_wr: Gap
    rcd_ewmul: Gap | None = None
    rp: Gap
    ras: Gap
    rc: Gap
    rrd: Gap
    ccd: Annotated[int, Field(ge=1, le=64)]
    rtp: Gap
    wr: Gap
    wtr_s: Gap
    wtr_l: Gap
    turnaround: Gap
    rfc: Gap
    refi: Annotated[int, Field(ge=16, le=1 << 20)]

    @model_validator(mode="after")
    def _consistent(self) -> "PimTiming":
        if self.rc < self.ras:
            raise ValueError(f"rc is shorter than ras, {self.ras}; it must be at least that")
        if self.cl_register > self.cl:
            raise ValueError(f"cl_register is longer than cl, {self.cl}; it must be at most that")
        if self.register_latency < 2:
            raise ValueError("cl_register and burst add up to less than 2; make either longer")
        # Between two refreshes a row must be opened and used, or a program never ends.
        opened = (self.rcd_rd, self.rcd_wr, self.rcd_mac, self.rcd_copy_rd, self.rcd_copy_wr)
        column = max(*opened, self.rcd_ewmul or 0)
        written = self.cwl + self.burst + self.wr
        busy = self.rfc + 2 * (self.rc + self.rp) + column + written + self.wtr_l + self.rrd
        if self.refi <= busy:
            raise ValueError(
                f"refi leaves no time between refreshes; make it longer than {busy} or rfc shorter"
            )
        return self

    @property
    def read_latency(self) -> int:
        """From RD to the cycle that offers its data."""
        return self.cl + self.burst

    @property
    def register_latency(self) -> int:
        """From a read of accumulators to the cycle that offers them."""
        return self.cl_register + self.burst


class PimMacConfig(Config):
    """One bank's unit: ``lanes`` products of a burst and a broadcast, added up, accumulated.

    Integers are exact and wrap at ``acc_bits``. Floats: each product is rounded once to FP32, lanes
    add up in FP32 pair by pair (0 + 1, 2 + 3, ...; then those; an odd one passes on), and the sum is
    added to the accumulator in FP32; all to nearest even. AiM's inner precision is not published.

    Parameters
    ----------
    element : str
        Format of both operands: an integer of 16 bits at most, or a float of at most 12 significant.
    lanes : int
        Elements in a burst.
    acc_bits : int
        Of an accumulator; 32 for floats.
    accumulators : int
        Per bank.
    """

    element: FormatName = "bf16"
    lanes: Annotated[int, Field(ge=1, le=64)] = 16
    acc_bits: Annotated[int, Field(ge=8, le=64)] = 32
    accumulators: Annotated[int, Field(ge=1, le=16)] = 1

    @model_validator(mode="after")
    def _is_buildable(self) -> "PimMacConfig":
        product = self.product
        if product.is_float and self.acc_bits != FP32.element_bits:
            raise ValueError(f"floats accumulate in FP32: acc_bits 32, not {self.acc_bits}")
        if not product.is_float and self.acc_bits < product.fixed_bits:
            raise ValueError(f"acc_bits must hold a product, {product.fixed_bits} bits")
        return self

    @property
    def format(self) -> FloatFormat | IntFormat:
        """Of the elements.

        Raises
        ------
        ValueError
            If it is neither a float nor an integer that can be multiplied.
        """
        found = format_named(self.element)
        if not isinstance(found, FloatFormat | IntFormat):
            raise ValueError(f"element: {self.element!r} is neither a float nor an integer format")
        return found

    @property
    def product(self) -> Product:
        """The exact product of two elements."""
        return product_of(self.format, self.format)

    @property
    def burst_bits(self) -> int:
        """Width of a burst: of a column of a row, and of an entry of the global buffer."""
        return self.lanes * self.format.element_bits

    @property
    def tree_levels(self) -> int:
        """Levels of the adder tree over the lanes, one register each."""
        return (self.lanes - 1).bit_length()

    @property
    def sum_bits(self) -> int:
        """Width of the lanes' sum: exact, or FP32."""
        if self.product.is_float:
            return FP32.element_bits
        return 2 * significand_bits(self.format) + self.tree_levels + 1

    @property
    def latency_cycles(self) -> int:
        """From the cycle that takes operands to the one that shows the new sum.

        Multiply, tree, accumulate.
        """
        return 1 + self.tree_levels + 1


class PimChannelConfig(Config):
    """Banks with units, one global buffer, one sequencer.

    Parameters
    ----------
    kind : "pim_channel"
    name : str
    clock_ps : float
        Period of the command clock, in picoseconds.
    banks, rows, columns : int
        Banks; rows of each; bursts in a row. They need not be powers of two.
    buffer_entries : int
        Bursts in the global buffer, which every bank's unit hears.
    mac : PimMacConfig
    refresh : bool
        Whether the sequencer issues REFab.
    result_queue : int
        Results that may wait for whoever takes them; reads stop when it is full.
    timing : PimTiming
    sources : mapping
        Where numbers come from: by key (``banks``), or by key of a section (``timing.rrd``).
    """

    kind: Literal["pim_channel"]
    name: str
    clock_ps: Annotated[float, Field(ge=1, le=1e6)]
    banks: Annotated[int, Field(ge=1, le=64)]
    rows: Size
    columns: Annotated[int, Field(ge=1, le=4096)]
    buffer_entries: Annotated[int, Field(ge=1, le=4096)]
    mac: PimMacConfig = PimMacConfig()
    refresh: bool = True
    result_queue: Annotated[int, Field(ge=1, le=1024)] = 32
    timing: PimTiming
    sources: Mapping[str, Source]

    @model_validator(mode="after")
    def _sourced(self) -> "PimChannelConfig":
        for name in ("clock_ps", "banks", "rows", "columns", "buffer_entries", "mac", "timing"):
            if name not in self.sources:
                raise ValueError(f"sources has nothing on {name}; say where its numbers come from")
        for key in self.sources:
            section, _, name = key.partition(".")
            part = getattr(self, section, None) if section != "sources" else None
            if part is None or (name and name not in getattr(type(part), "model_fields", {})):
                raise ValueError(
                    f"sources names {key!r}, no section or key of this file; correct it"
                )
        return self

    @property
    def has_ewmul(self) -> bool:
        """Whether there are element-wise products: a gap for them, groups of banks, and floats."""
        is_float = self.mac.product.is_float
        return self.timing.rcd_ewmul is not None and is_float and self.banks % GROUP_BANKS == 0

    @property
    def row_elements(self) -> int:
        """Elements in a row of one bank."""
        return self.columns * self.mac.lanes

    @property
    def result_bits(self) -> int:
        """Width of all banks' sums in one accumulator, which leave and enter together."""
        return self.banks * self.mac.acc_bits

    @property
    def result_bursts(self) -> int:
        """Bursts of the data bus that carry them."""
        return -(-self.result_bits // self.mac.burst_bits)

    @property
    def word_bits(self) -> int:
        """Width of the data streams: a burst, or all banks' sums."""
        return max(self.mac.burst_bits, self.result_bits)

    @property
    def mac_cycles(self) -> int:
        """From a MAC command to the cycle in which its sums can be read or overwritten."""
        return ARRAY_CYCLES + self.mac.latency_cycles

    @property
    def peak_macs_per_cycle(self) -> float:
        """Multiply-accumulates of all banks per clock cycle, while rows stay open."""
        return self.banks * self.mac.lanes / self.timing.ccd

    @property
    def peak_bytes_per_s(self) -> float:
        """What the banks feed their units, while rows stay open."""
        burst_bytes = self.mac.burst_bits / 8
        return self.banks * burst_bytes * 1e12 / (self.timing.ccd * self.clock_ps)

    @property
    def capacity_bytes(self) -> int:
        """Bytes in all banks."""
        return self.banks * self.rows * self.columns * self.mac.burst_bits // 8


class PimSequencerConfig(PimChannelConfig):
    """A channel whose sequencer is built alone, so at any size."""


def load_pim(name_or_path: str, overrides: tuple[str, ...] | list[str] = ()) -> PimChannelConfig:
    """Read a shipped PIM channel (``gddr6-aim``) or a YAML file.

    Raises
    ------
    lockstep.arch.error.InputError
        One line with file, line, key, value and remedy.
    """
    return load(PimChannelConfig, resolve("pim", name_or_path), overrides)
