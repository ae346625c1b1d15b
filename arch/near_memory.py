"""Processors beside the DRAM: the ``pim`` section of a machine."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.formats import FormatName
from lockstep.arch.tech import Source

PimEvent = Literal["mac", "read_byte", "write_byte"]
"""What a near-memory processor is charged energy for."""


class PimEnergy(Config):
    """Energy of one event, in pJ."""

    energy_pj: Annotated[float, Field(ge=0, le=1e9)]
    source: Source


class PimArea(Config):
    """Silicon added to one DRAM channel's share of a stack or die."""

    area_mm2: Annotated[float, Field(ge=0, le=1e6)]
    source: Source


class PimBase(Config):
    """What every near-memory processor has; figures are per DRAM channel of the machine.

    Parameters
    ----------
    format : str
        Format of both operands.
    energy : mapping of PimEvent to PimEnergy
        ``mac``, one multiply-accumulate; ``read_byte`` and ``write_byte``, one byte between the
        banks and the processor.
    area : PimArea or None
        None: not known, and counted as nothing.
    """

    format: FormatName
    energy: dict[PimEvent, PimEnergy]
    area: PimArea | None = None

    def macs_per_s(self) -> float:
        """Peak multiply-accumulates per second of one channel."""
        raise NotImplementedError


class RooflinePim(PimBase):
    """MACs on wide paths into the banks: as fast as the slower of its arithmetic and its reads.

    The Logic-PIM of Duplex (MICRO'24, section IV) on the logic die, and the Bank-PIM and
    BankGroup-PIM it is compared with, differ only in these numbers.

    Parameters
    ----------
    bandwidth_multiple : float
        Bandwidth into the banks, as a multiple of the pins' of the machine's DRAM preset.
    macs : int
        Multiply-accumulates per cycle, one channel.
    clock_mhz : float
    """

    kind: Literal["roofline"]
    bandwidth_multiple: Annotated[float, Field(gt=0, le=1024)]
    macs: Annotated[int, Field(ge=1, le=1 << 24)]
    clock_mhz: Annotated[float, Field(ge=1e-3, le=100_000)]

    def macs_per_s(self) -> float:
        """Peak multiply-accumulates per second of one channel."""
        return self.macs * self.clock_mhz * 1e6


PimConfig = RooflinePim
