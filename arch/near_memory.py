"""Processors beside the DRAM: the ``pim`` section of a machine."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.formats import FormatName, format_named
from lockstep.arch.lut import LutConfig
from lockstep.arch.tech import Source

PimEvent = Literal["mac", "read_byte", "write_byte"]
"""What a near-memory processor of kind ``roofline`` is charged energy for."""

BankEvent = Literal[
    "activate",
    "mac_burst",
    "read",
    "write",
    "pin_byte",
    "column_command",
    "row_command",
    "link_byte",
]
"""What banks that compute are charged energy for; see :class:`BankPim`."""

LutEvent = Literal["lut_add", "lut_read", "shift_add", "accumulate", "index_byte"]
"""What LUT slices are charged energy for; see :class:`LutPim`."""


class PimEnergy(Config):
    """Energy of one event, in pJ."""

    energy_pj: Annotated[float, Field(ge=0, le=1e9)]
    source: Source


class PimArea(Config):
    """Silicon added to one DRAM channel's share of a stack or die.

    Parameters
    ----------
    area_mm2 : float
        Of one unit of the section it stands in.
    source : str
    """

    area_mm2: Annotated[float, Field(ge=0, le=1e6)]
    source: Source


class RooflinePim(Config):
    """MACs on wide paths into the banks: as fast as the slower of its arithmetic and its reads.

    The Logic-PIM of Duplex (MICRO'24, section IV) on the logic die, and the Bank-PIM and
    BankGroup-PIM it is compared with, differ only in these numbers, which are per DRAM channel of the
    machine.

    Parameters
    ----------
    format : str
        Format of both operands.
    bandwidth_multiple : float
        Bandwidth into the banks, as a multiple of the pins' of the machine's DRAM preset.
    macs : int
        Multiply-accumulates per cycle, one channel.
    clock_mhz : float
    bank_bundles : int
        Parts of the banks that the tensor engine and this processor may use side by side; 1: they
        take turns.
    expert_co_processing, attention_co_processing : bool
        Whether routed experts, and attention of new and of running sequences, are shared out
        between the tensor engine and this processor (Duplex, section V). Needs two bundles.
    energy : mapping of PimEvent to PimEnergy
        ``mac``, one multiply-accumulate; ``read_byte`` and ``write_byte``, one byte between the
        banks and the processor.
    area : PimArea or None
        None: not known, and counted as nothing.
    """

    kind: Literal["roofline"]
    format: FormatName
    bandwidth_multiple: Annotated[float, Field(gt=0, le=1024)]
    macs: Annotated[int, Field(ge=1, le=1 << 24)]
    clock_mhz: Annotated[float, Field(ge=1e-3, le=100_000)]
    bank_bundles: Annotated[int, Field(ge=1, le=64)] = 1
    expert_co_processing: bool = False
    attention_co_processing: bool = False
    energy: dict[PimEvent, PimEnergy]
    area: PimArea | None = None

    @model_validator(mode="after")
    def _prices_every_event(self) -> "RooflinePim":
        if missing := set(get_args(PimEvent)) - set(self.energy):
            raise ValueError(f"energy must price every event; {', '.join(sorted(missing))} missing")
        return self

    @model_validator(mode="after")
    def _banks_are_split(self) -> "RooflinePim":
        if self.co_processing and self.bank_bundles < 2:
            raise ValueError(
                "bank_bundles must be 2 or more for co-processing, so that both processors find "
                f"banks of their own, not {self.bank_bundles}"
            )
        return self

    @property
    def co_processing(self) -> bool:
        """Whether it ever works beside the tensor engine."""
        return self.expert_co_processing or self.attention_co_processing

    def macs_per_s(self) -> float:
        """Peak multiply-accumulates per second of one channel."""
        return self.macs * self.clock_mhz * 1e6


class Link(Config):
    """Links from every device to a switch.

    Parameters
    ----------
    bytes_per_s : float
        Payload that one device sends, or receives, per second.
    latency_ns : float
        Of an empty transfer from device to device, its acknowledgement included.
    source : str
    """

    bytes_per_s: Annotated[float, Field(ge=1, le=1e15)]
    latency_ns: Annotated[float, Field(ge=0, le=1e9)]
    source: Source


class HostTurn(Config):
    """What the host takes of every token: it hands in the last one and takes the next.

    Parameters
    ----------
    token_ns : float
        Added to the latency of each token.
    source : str
    """

    token_ns: Annotated[float, Field(ge=0, le=1e9)]
    source: Source


class Launch(Config):
    """Commands to single banks before a program, and after it: mode changes, loading the program.

    Parameters
    ----------
    reads, writes : int
        Reads and writes for each program, of one channel.
    source : str
    """

    reads: Annotated[int, Field(ge=0, le=1024)]
    writes: Annotated[int, Field(ge=0, le=1024)]
    source: Source


class Standby(Config):
    """Power of a channel that does nothing.

    Parameters
    ----------
    open_mw, closed_mw : float
        With its rows open, and with them closed.
    source : str
    """

    open_mw: Annotated[float, Field(ge=0, le=1e6)]
    closed_mw: Annotated[float, Field(ge=0, le=1e6)]
    source: Source


Count = Annotated[int, Field(ge=1, le=1 << 16)]


class BankPim(Config):
    """DRAM banks with multiply-accumulate units, as AiM and PIM-GPT have; one or more devices of them.

    A device has ``dram.channels`` channels of the preset, and a vector unit and a scratchpad of its own.
    A layer's weights lie in ``tensor_parallel`` devices, layers in ``pipeline_parallel`` stages. More
    stages than devices share out each device's channels.

    Parameters
    ----------
    preset : str
        A shipped PIM channel, or a path beside the machine file.
    devices, tensor_parallel, pipeline_parallel : int
        ``tensor_parallel * pipeline_parallel`` is ``devices``, or more without tensor parallelism.
    attention_on : "one_device" or "all_devices"
        Which of a stage's tensor-parallel devices hold keys and values.
    link, host, launch : Link, HostTurn, Launch or None
        None: takes no time. More than one device needs a link.
    energy : mapping of BankEvent to PimEnergy
        ``activate`` one bank's row, its closing included; ``mac_burst``, a burst in every bank;
        ``read``, ``write`` one burst in the array or the accumulators; ``pin_byte`` over the pins;
        ``column_command``, ``row_command`` in the controller; ``link_byte``, only with a link.
    standby : Standby or None
    area : PimArea or None
        None: not known, and counted as nothing.
    """

    kind: Literal["bank"]
    preset: str
    devices: Count = 1
    tensor_parallel: Count = 1
    pipeline_parallel: Count = 1
    attention_on: Literal["one_device", "all_devices"] = "all_devices"
    link: Link | None = None
    host: HostTurn | None = None
    launch: Launch | None = None
    energy: dict[BankEvent, PimEnergy]
    standby: Standby | None = None
    area: PimArea | None = None

    @model_validator(mode="after")
    def _devices_are_used(self) -> "BankPim":
        stages, width = self.pipeline_parallel, self.tensor_parallel
        if stages * width < self.devices or (stages * width > self.devices and width > 1):
            raise ValueError(
                f"pipeline_parallel must be such that its product with tensor_parallel, {width}, is "
                f"devices, {self.devices}; only with tensor_parallel 1 may it be more; not {stages}"
            )
        if self.devices > 1 and self.link is None:
            raise ValueError("link is missing; more than one device needs 'link: ...'")
        needed = set(get_args(BankEvent)) - ({"link_byte"} if self.link is None else set())
        if missing := needed - set(self.energy):
            raise ValueError(f"energy must price every event; {', '.join(sorted(missing))} missing")
        return self

    @property
    def stages_per_device(self) -> int:
        """Pipeline stages that share a device's channels."""
        return -(-self.pipeline_parallel * self.tensor_parallel // self.devices)

    @property
    def working_devices(self) -> int:
        """Devices that hold layers."""
        return -(-self.pipeline_parallel * self.tensor_parallel // self.stages_per_device)


class LutPim(Config):
    """LUT-GEMV slices beside the last-level cache, SAIL-like: the weights still come from DRAM.

    A sketch: SAIL (arXiv 2509.25853) does not publish its geometry.

    Parameters
    ----------
    slices : int
        How many of them.
    clock_mhz : float
        Of the slices.
    slice : LutConfig
        One of them; ``slice.weight_bits`` and ``slice.activation_bits`` bound the formats.
    weights : str
        Format of weights unless ``--weights`` says otherwise, a plain integer.
    stream_bytes_per_s : float
        What the cache delivers to all slices together.
    hit_rate : float, 0 to 1
        Share of groups of activations that equal the group before; see ``slice.pattern_aware``.
    energy : mapping of LutEvent to PimEnergy
        One addition of a build with its write, one look-up, one shift and add, one accumulation with
        its read and write, one byte of weights from the cache.
    area : PimArea or None
        Of one slice; None: not known, and counted as nothing.
    """

    kind: Literal["lut"]
    slices: Annotated[int, Field(ge=1, le=1 << 16)]
    clock_mhz: Annotated[float, Field(ge=1e-3, le=100_000)]
    slice: LutConfig
    weights: FormatName = "int4"
    stream_bytes_per_s: Annotated[float, Field(ge=1, le=1e18)]
    hit_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    energy: dict[LutEvent, PimEnergy]
    area: PimArea | None = None

    @model_validator(mode="after")
    def _prices_and_formats(self) -> "LutPim":
        if missing := set(get_args(LutEvent)) - set(self.energy):
            raise ValueError(f"energy must price every event; {', '.join(sorted(missing))} missing")
        if self.slice.activation_bits > self.slice.weight_bits:
            raise ValueError(
                f"slice.activation_bits must be slice.weight_bits or fewer, {self.slice.weight_bits}: "
                "attention streams activations as if they were weights"
            )
        if self.weights not in {f"int{bits}" for bits in range(2, self.slice.weight_bits + 1)}:
            raise ValueError(
                f"weights must be int2 to int{self.slice.weight_bits}, as slice.weight_bits allows, "
                f"not {self.weights!r}"
            )
        return self

    @property
    def operand_formats(self) -> tuple[str, str]:
        """Formats of activations and of weights."""
        return f"int{self.slice.activation_bits}", self.weights

    def macs_per_s(self) -> float:
        """Multiply-accumulates per second of all slices, builds of LUTs left out."""
        weight_bits = format_named(self.weights).element_bits
        per_cycle = self.slice.group * self.slice.ports * self.slice.batch / weight_bits
        return self.slices * per_cycle * self.clock_mhz * 1e6


PimConfig = Annotated[RooflinePim | BankPim | LutPim, Field(discriminator="kind")]
"""The ``pim`` section of a machine."""
