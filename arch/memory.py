"""On-chip scratchpad and off-chip DRAM, as a workload sees them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.dram import DramSpec, Source

Share = Annotated[float, Field(ge=1e-3, le=1)]
EnergyPerBit = Annotated[float, Field(ge=0, le=1e6)]


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
    """One DRAM channel to first order: the same bandwidth for every access pattern.

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
    peak_source: Source
    row_hit_efficiency: Share
    row_hit_efficiency_source: Source
    latency_ns: Annotated[float, Field(ge=0, le=1e9)]
    latency_source: Source
    energy_pj_per_bit: EnergyPerBit
    energy_source: Source


class TimedDramPreset(Config):
    """One channel of a command-level memory; all but what stands here follows from its timings.

    Parameters
    ----------
    kind : "dram"
    name : str
    timing : str
        A shipped memory of ``configs/dram_timing``, or a path beside this file.
    mapping_lsb_first : list of "FIELD" or "FIELD:BITS"
        Address map that streams of tiles use, instead of the memory's own.
    mapping_source : str
    interface_pj_per_bit : float or None
        What the pins take; added to the energy that the memory's supply currents give.
    interface_source : str or None
    energy_pj_per_bit : float or None
        All of it, per bit moved; only for a memory whose currents are not known.
    energy_source : str or None
    """

    kind: Literal["dram"]
    name: str
    timing: str
    mapping_lsb_first: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] | None = None
    mapping_source: Source | None = None
    interface_pj_per_bit: EnergyPerBit | None = None
    interface_source: Source | None = None
    energy_pj_per_bit: EnergyPerBit | None = None
    energy_source: Source | None = None

    @model_validator(mode="after")
    def _sourced(self) -> "TimedDramPreset":
        for value, source in (
            ("mapping_lsb_first", "mapping_source"),
            ("interface_pj_per_bit", "interface_source"),
            ("energy_pj_per_bit", "energy_source"),
        ):
            if (getattr(self, value) is None) != (getattr(self, source) is None):
                raise ValueError(f"{value} and {source} go together; write both or neither")
        return self


class DramCalibration(Config):
    """What the command-level engine measured of one channel; see ``sim/dram_calibration.py``.

    Parameters
    ----------
    kind : "dram_calibration"
    made_by : str
        The command that wrote it.
    spec_sha256 : str
        Digest of the memory it was measured on.
    latency_ns : float
        Mean of isolated reads whose row is not open, from request to last data.
    device_pj_per_bit : float or None
        Of a long sequential read by the supply currents; None if they are not known.
    run_bursts : list of int, rising
        Consecutive bursts of an access pattern.
    read_shares : list of float, rising
        Reads over all requests, 0 to 1.
    efficiency : list of lists
        Share of the peak bandwidth, one row per read share, one column per run.
    """

    kind: Literal["dram_calibration"]
    made_by: str
    spec_sha256: str
    latency_ns: Annotated[float, Field(ge=0, le=1e9)]
    device_pj_per_bit: EnergyPerBit | None = None
    run_bursts: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    read_shares: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)]
    efficiency: tuple[tuple[Share, ...], ...]

    @model_validator(mode="after")
    def _is_a_table(self) -> "DramCalibration":
        for name in ("run_bursts", "read_shares"):
            axis = getattr(self, name)
            if sorted(set(axis)) != list(axis):
                raise ValueError(f"{name} must rise")
        widths = {len(row) for row in self.efficiency}
        if len(self.efficiency) != len(self.read_shares) or widths != {len(self.run_bursts)}:
            raise ValueError("efficiency needs a row per read share with a column per run")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Dram:
    """A preset with what it names.

    Parameters
    ----------
    preset : DramPreset or TimedDramPreset
        As its file has it.
    spec : DramSpec or None
        The command-level memory, one channel, with the preset's address map; None to first order.
    calibration : DramCalibration or None
        Bandwidth by access pattern; None if not measured yet, see
        :func:`lockstep.sim.dram_calibration.calibrated`.
    """

    preset: DramPreset | TimedDramPreset
    spec: DramSpec | None
    calibration: DramCalibration | None

    @property
    def peak_bytes_per_s(self) -> float:
        """Pin bandwidth of one channel."""
        if isinstance(self.preset, DramPreset):
            return self.preset.peak_bytes_per_s
        assert self.spec
        return self.spec.peak_bytes_per_s

    @property
    def burst_bytes(self) -> int:
        """What one access moves; 1 to first order."""
        return self.spec.geometry.burst_bytes if self.spec else 1

    @property
    def table(self) -> DramCalibration:
        """The calibration.

        Raises
        ------
        RuntimeError
            If it has not been measured.
        """
        if self.calibration is None:
            raise RuntimeError(f"{self.preset.name} has no calibration; call calibrated() first")
        return self.calibration

    @property
    def bytes_per_s(self) -> float:
        """Bandwidth of one channel for the best access pattern."""
        return self.peak_bytes_per_s * max(max(row) for row in self.table.efficiency)

    @property
    def latency_ns(self) -> float:
        """From request to last data of an isolated access that must close another row."""
        return self.table.latency_ns

    @property
    def energy_pj_per_bit(self) -> float:
        """Per bit moved: device, and interface where it is known."""
        preset, device = self.preset, self.table.device_pj_per_bit
        if device is None:
            assert preset.energy_pj_per_bit is not None
            return preset.energy_pj_per_bit
        assert isinstance(preset, TimedDramPreset)
        return device + (preset.interface_pj_per_bit or 0.0)


def first_order(preset: DramPreset) -> Dram:
    """A memory whose bandwidth does not depend on the access pattern."""
    flat = DramCalibration(
        kind="dram_calibration",
        made_by=preset.row_hit_efficiency_source,
        spec_sha256="",
        latency_ns=preset.latency_ns,
        run_bursts=(1,),
        read_shares=(0.0,),
        efficiency=((preset.row_hit_efficiency,),),
    )
    return Dram(preset=preset, spec=None, calibration=flat)
