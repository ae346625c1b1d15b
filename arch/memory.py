"""On-chip scratchpad and off-chip DRAM, as the first-order model sees them."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.arch.config import Config


class ScratchpadConfig(Config):
    """Software-managed SRAM that feeds the tensor engine and the vector unit.

    Parameters
    ----------
    size_bytes : int
        Capacity over all banks.
    banks : int
        Banks that can each serve one word per cycle, read or write.
    word_bits : int
        Width of one bank's word, in bits.
    """

    size_bytes: Annotated[int, Field(ge=1024)]
    banks: Annotated[int, Field(ge=1, le=4096)]
    word_bits: Annotated[int, Field(ge=8, le=8192, multiple_of=8)]

    @property
    def bytes_per_cycle(self) -> float:
        """Peak traffic, reads and writes together, in bytes per cycle."""
        return self.banks * self.word_bits / 8

    @property
    def bank_bytes(self) -> float:
        """Capacity of one bank, in bytes."""
        return self.size_bytes / self.banks


class DramConfig(Config):
    """Off-chip memory.

    Parameters
    ----------
    preset : str
        A shipped DRAM preset, or a path beside the machine file.
    channels : int
        Channels of that preset; bandwidth and background power scale with them.
    """

    preset: str
    channels: Annotated[int, Field(ge=1, le=1024)]


class DramPreset(Config):
    """One DRAM channel.

    Parameters
    ----------
    kind : "dram"
    name : str
    peak_bytes_per_s : float
        Pin bandwidth of one channel, in bytes per second.
    peak_source : str
    row_hit_efficiency : float, 0.001 to 1
        Share of the peak that long sequential streams spread over the banks reach, refresh included.
    row_hit_efficiency_source : str
    latency_ns : float
        From request to last data of an isolated access that must close another row.
    latency_source : str
    energy_pj_per_bit : float
        Per bit moved, interface included.
    energy_source : str
    """

    kind: Literal["dram"]
    name: str
    peak_bytes_per_s: Annotated[float, Field(ge=1, le=1e18)]
    peak_source: Annotated[str, Field(min_length=8)]
    row_hit_efficiency: Annotated[float, Field(ge=1e-3, le=1)]
    row_hit_efficiency_source: Annotated[str, Field(min_length=8)]
    latency_ns: Annotated[float, Field(ge=0, le=1e9)]
    latency_source: Annotated[str, Field(min_length=8)]
    energy_pj_per_bit: Annotated[float, Field(ge=0, le=1e6)]
    energy_source: Annotated[str, Field(min_length=8)]

    @property
    def bytes_per_s(self) -> float:
        """Sustained bandwidth of one channel, in bytes per second."""
        return self.peak_bytes_per_s * self.row_hit_efficiency
