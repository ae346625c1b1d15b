"""A machine: the tree of unit configs that one YAML file describes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.dram_preset import load_dram_preset
from lockstep.arch.error import InputError, Location
from lockstep.arch.load import Document, load, read_yaml, resolve, validate
from lockstep.arch.memory import Dram, DramConfig, ScratchpadConfig
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.mmu_use import MmuUse
from lockstep.arch.near_memory import BankPim, LutPim, PimConfig, RooflinePim
from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.tech import BlockFigures, Tech
from lockstep.arch.tensor import TensorConfig
from lockstep.arch.vector import VectorConfig


class Machine(Config):
    """An accelerator: tensor engine, vector unit, scratchpad and DRAM on one clock.

    Its matrix work is done by a tensor engine, by processors beside the DRAM, or by either.

    Parameters
    ----------
    kind : "machine"
    name : str
    clock_mhz : float
    tech : str
        A shipped technology table, or a path beside the machine file.
    tensor, vector, scratchpad, dram, pim, mmu : unit configs
        Without ``mmu``, addresses are physical.
    """

    kind: Literal["machine"]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    clock_mhz: Annotated[float, Field(ge=1e-3, le=100_000)]
    tech: str
    tensor: TensorConfig | None = None
    vector: VectorConfig
    scratchpad: ScratchpadConfig
    dram: DramConfig
    pim: PimConfig | None = None
    mmu: MmuUse | None = None

    @model_validator(mode="after")
    def _does_matrix_work(self) -> "Machine":
        if not (self.tensor or self.pim):
            raise ValueError("tensor is missing; add 'tensor: ...', or 'pim: ...' beside the DRAM")
        return self

    @model_validator(mode="after")
    def _one_tile_fits(self) -> "Machine":
        if self.tensor is None:
            return self
        need = self.tensor.tile_bits(*self.tensor.smallest_tile) // 8
        if need > self.tile_bytes:
            raise ValueError(
                f"scratchpad.size_bytes must be at least {2 * need}, so that half of it holds one "
                f"double-buffered tile of the {self.tensor.rows}x{self.tensor.cols} array, "
                f"not {self.scratchpad.size_bytes}"
            )
        return self

    @model_validator(mode="after")
    def _stages_have_channels(self) -> "Machine":
        pim = self.pim
        if isinstance(pim, BankPim) and self.tensor and pim.pipeline_parallel * pim.devices > 1:
            raise ValueError(
                "pim.devices must be 1, and pim.pipeline_parallel too, beside a tensor engine; "
                f"not {pim.devices} and {pim.pipeline_parallel}"
            )
        if isinstance(pim, BankPim) and pim.stages_per_device > self.dram.channels:
            most = self.dram.channels * pim.devices
            raise ValueError(
                f"pim.pipeline_parallel must be at most {most}, a channel for every stage, "
                f"not {pim.pipeline_parallel}"
            )
        return self

    @model_validator(mode="after")
    def _dma_translates(self) -> "Machine":
        if self.mmu and self.pim:
            raise ValueError(
                "mmu must be left out beside pim: processors beside the DRAM take physical addresses"
            )
        return self

    @property
    def engine(self) -> TensorConfig:
        """The tensor engine.

        Raises
        ------
        lockstep.arch.error.InputError
            If the machine has none.
        """
        if self.tensor is None:
            raise InputError(f"machine {self.name!r} has no tensor engine; name one that has")
        return self.tensor

    @property
    def tile_bytes(self) -> int:
        """Half the scratchpad: buffers of the tiles in flight."""
        return self.scratchpad.size_bytes // 2

    @property
    def resident_bytes(self) -> int:
        """A quarter of the scratchpad: the largest activation tensor that stays on chip.

        Two of them, an operator's input and its output, fill the half that tiles do not use.
        """
        return self.scratchpad.size_bytes // 4

    @property
    def clock_hz(self) -> float:
        """Clock, in Hz."""
        return self.clock_mhz * 1e6

    @property
    def devices(self) -> int:
        """Devices, each with its own channels, vector unit and scratchpad."""
        return self.pim.devices if isinstance(self.pim, BankPim) else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A machine with the tables that its names point to."""

    machine: Machine
    tech: Tech
    dram: Dram
    pim_channel: PimChannelConfig | None = None
    mmu: MmuConfig | None = None

    @property
    def channel(self) -> PimChannelConfig:
        """The PIM channel of a machine whose ``pim`` section is of kind ``bank``."""
        assert self.pim_channel
        return self.pim_channel

    @property
    def operand_formats(self) -> tuple[str, str]:
        """Formats of activations and of weights, as the matrix unit takes them."""
        tensor, pim = self.machine.tensor, self.machine.pim
        if tensor:
            return tensor.mac.a, tensor.mac.b
        if isinstance(pim, LutPim):
            return pim.operand_formats
        fmt = pim.format if isinstance(pim, RooflinePim) else self.channel.mac.element
        return fmt, fmt

    @property
    def macs_per_cycle(self) -> float:
        """Multiply-accumulates per machine cycle with every PE and every near-memory MAC busy."""
        tensor, pim = self.machine.tensor, self.machine.pim
        channels, near = self.machine.dram.channels, 0.0
        if isinstance(pim, LutPim):
            near = pim.macs_per_s()
        elif isinstance(pim, RooflinePim):
            near = pim.macs_per_s() * channels
        elif pim:
            per_s = self.channel.peak_macs_per_cycle * 1e12 / self.channel.clock_ps
            near = pim.devices * per_s * channels
        return (tensor.pes if tensor else 0) + near / self.machine.clock_hz

    @property
    def peak_macs_per_s(self) -> float:
        """Multiply-accumulates per second with everything busy."""
        return self.macs_per_cycle * self.machine.clock_hz

    @property
    def mac(self) -> BlockFigures:
        """Energy and area of the tensor engine's MAC, by both its operands' formats."""
        mac = self.machine.engine.mac
        return self.tech.mac_figures(mac.a, mac.b)

    @property
    def dram_bytes_per_cycle(self) -> float:
        """DRAM bandwidth over all channels for the best pattern, in bytes per machine cycle."""
        return self.dram.bytes_per_s * self.machine.dram.channels / self.machine.clock_hz

    @property
    def dram_latency_cycles(self) -> float:
        """Latency of an isolated DRAM access, in machine cycles."""
        return self.dram.latency_ns * 1e-9 * self.machine.clock_hz


def load_machine(name_or_path: str, overrides: Sequence[str] = ()) -> System:
    """Load a shipped machine or a machine file, with the tables it names.

    Parameters
    ----------
    name_or_path : str
        A shipped name (``lockstep machines`` lists them) or a path.
    overrides : sequence of "key=value"
        Dotted keys of the machine file, e.g. ``tensor.weight_double_buffer=false``.

    Raises
    ------
    lockstep.arch.load.InputError
        On any bad input: one line with file, line, key, value and remedy.
    """
    document = read_yaml(resolve("machines", name_or_path)).overridden(overrides)
    machine = validate(Machine, document)
    tech = load(Tech, _named(document, "tech", ("tech",), machine.tech))
    dram = load_dram_preset(_named(document, "dram", ("dram", "preset"), machine.dram.preset))
    if machine.tensor:
        try:
            tech.mac_figures(machine.tensor.mac.a, machine.tensor.mac.b)
        except ValueError as error:
            raise document.error(("tensor", "mac"), str(error)) from None
    channel = None
    if isinstance(machine.pim, BankPim):
        preset = _named(document, "pim", ("pim", "preset"), machine.pim.preset)
        channel = load(PimChannelConfig, preset)
    mmu = None
    if machine.mmu:
        found = load(MmuConfig, _named(document, "mmu", ("mmu", "preset"), machine.mmu.preset))
        try:
            mmu = machine.mmu.applied(found)
        except ValueError as error:
            raise document.error(("mmu", "preset"), str(error)) from None
    return System(machine=machine, tech=tech, dram=dram, pim_channel=channel, mmu=mmu)


def _named(document: Document, folder: str, key: Location, name: str) -> Path:
    """The file that a key of a machine names, shipped or beside the machine."""
    try:
        return resolve(folder, name, relative_to=document.path.parent)
    except InputError as error:
        raise document.error(key, str(error)) from None
