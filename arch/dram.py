"""What a command-level DRAM is: geometry, timings, address map, controller and supply currents.

Terms follow JEDEC (JESD79-4, -5; JESD209-4, -5; JESD235, 238, 250). A *rank* here is a set of
banks with its own row timings; pseudo-channels split a channel's data bus and share its commands.
"""

from collections.abc import Mapping
from math import prod
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from lockstep.arch.config import Config
from lockstep.arch.load import load, resolve

Count = Annotated[int, Field(ge=1, le=1 << 20)]
Cycles = Annotated[int, Field(ge=0, le=1 << 24)]
Current = Annotated[float, Field(ge=0, le=1e5)]
Source = Annotated[str, Field(min_length=8)]


class DramGeometry(Config):
    """How many of everything; all but ``burst_bytes`` and ``devices_per_rank`` per parent.

    Parameters
    ----------
    channels, pseudo_channels, ranks, bank_groups, banks, rows, columns : int, powers of two
        ``banks`` per bank group; ``columns`` are bursts in a row.
    burst_bytes : int, a power of two
        What one RD or WR moves.
    devices_per_rank : int
        Chips that share each command; multiplies currents.
    """

    channels: Count = 1
    pseudo_channels: Count = 1
    ranks: Count = 1
    bank_groups: Count
    banks: Count
    rows: Count
    columns: Count
    burst_bytes: Count
    devices_per_rank: Count = 1

    @model_validator(mode="after")
    def _powers_of_two(self) -> "DramGeometry":
        for name, value in self.model_dump().items():
            if name != "devices_per_rank" and value & (value - 1):
                raise ValueError(f"{name} is not a power of two; write 1, 2, 4, ...")
        if self.channels * self.banks_per_channel > 1 << 16:
            raise ValueError("more than 65536 banks in all; use fewer channels or ranks")
        if self.capacity_bytes > 1 << 48:
            raise ValueError("larger than 2^48 bytes; use fewer channels or rows")
        return self

    @property
    def ranks_per_channel(self) -> int:
        """Sets of banks with row timings of their own, over all pseudo-channels."""
        return self.pseudo_channels * self.ranks

    @property
    def banks_per_rank(self) -> int:
        """Banks that one REFab refreshes."""
        return self.bank_groups * self.banks

    @property
    def banks_per_channel(self) -> int:
        """Banks behind one command bus."""
        return self.ranks_per_channel * self.banks_per_rank

    @property
    def capacity_bytes(self) -> int:
        """Bytes over all channels."""
        return self.channels * self.banks_per_channel * self.rows * self.columns * self.burst_bytes


class DramTiming(Config):
    """Timings in clock cycles, from command to command; ``_s``/``_l``: other/same bank group.

    Commands longer than one cycle (``act_cycles``, ``column_cycles``) count from their last cycle.

    Parameters
    ----------
    burst, cl, cwl : int
        Cycles of data; from RD and WR to their first data.
    rcd_rd, rcd_wr, rp, rp_all, ras, rc : int
        ACT to RD and WR; PRE and PREA to ACT; ACT to PRE; ACT to ACT of one bank.
    rrd_s, rrd_l, faw : int
        ACT to ACT of one rank; the window that holds at most four ACTs.
    ccd_s, ccd_l, ccd_s_wr, ccd_l_wr : int
        RD to RD and WR to WR of one rank.
    rtp, wr, wtr_s, wtr_l, rtw : int
        RD to PRE; last write data to PRE and to RD; RD to WR of one rank.
    cs, ppd : int
        Idle data cycles when another rank takes the bus; PRE to PRE of one rank.
    rfc, refi : int
        REFab to ACT; average interval of REFab.
    rfc_pb, rrefd : int or None
        REFpb to ACT of that bank and of another one; None: the device has no REFpb.
    wck_post : int or None
        Cycles the data clock WCK runs on after a burst; a column command that finds it stopped
        needs a CAS command first (LPDDR5). None: no such clock.
    act_cycles, column_cycles : int
        Cycles that an ACT, and a column command, takes on the command bus.
    """

    burst: Annotated[int, Field(ge=1, le=64)]
    cl: Cycles
    cwl: Cycles
    rcd_rd: Cycles
    rcd_wr: Cycles
    rp: Cycles
    rp_all: Cycles
    ras: Cycles
    rc: Cycles
    rrd_s: Cycles
    rrd_l: Cycles
    faw: Cycles
    ccd_s: Cycles
    ccd_l: Cycles
    ccd_s_wr: Cycles
    ccd_l_wr: Cycles
    rtp: Cycles
    wr: Cycles
    wtr_s: Cycles
    wtr_l: Cycles
    rtw: Cycles
    cs: Cycles = 2
    ppd: Cycles = 0
    rfc: Cycles
    refi: Annotated[int, Field(ge=16, le=1 << 24)]
    rfc_pb: Cycles | None = None
    rrefd: Cycles | None = None
    wck_post: Cycles | None = None
    act_cycles: Annotated[int, Field(ge=1, le=4)] = 1
    column_cycles: Annotated[int, Field(ge=1, le=4)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> "DramTiming":
        if self.rc < self.ras:
            raise ValueError(f"rc is shorter than ras, {self.ras}; it must be at least that")
        if self.rfc >= self.refi:
            raise ValueError(f"rfc must be below refi, {self.refi}")
        if (self.rfc_pb is None) != (self.rrefd is None):
            raise ValueError("rfc_pb and rrefd go together; write both or neither")
        return self


class DramController(Config):
    """FR-FCFS: row hits first, oldest first, with a cap on hits that overtake.

    Parameters
    ----------
    read_queue, write_queue : int
        Entries per channel. A request whose row is being opened waits in its bank, not here.
    write_high, write_low : int
        Queued writes at which writes are served before reads, and at which reads are again.
    row_hit_cap : int
        Column accesses of one opening after which hits no longer overtake an older conflict.
    page_policy : "open", "closed" or "capped"
        open: a row stays until another is wanted; closed: every access precharges; capped: after
        ``page_cap`` accesses a row is precharged at once, or by the next access if that is sooner.
    page_cap : int
        Accesses of one opening if ``page_policy`` is capped.
    refresh : "all_bank", "per_bank" or "none"
        What a refresh closes; none: the memory is never refreshed.
    dual_command_bus : bool
        A row and a column command in each cycle (HBM), instead of one command.
    """

    read_queue: Annotated[int, Field(ge=1, le=1024)] = 32
    write_queue: Annotated[int, Field(ge=1, le=1024)] = 32
    write_high: Count = 26
    write_low: Annotated[int, Field(ge=0, le=1024)] = 6
    row_hit_cap: Count = 32
    page_policy: Literal["open", "closed", "capped"] = "open"
    page_cap: Count = 4
    refresh: Literal["all_bank", "per_bank", "none"] = "all_bank"
    dual_command_bus: bool = False

    @model_validator(mode="after")
    def _watermarks(self) -> "DramController":
        if not self.write_low < self.write_high <= self.write_queue:
            raise ValueError(
                f"write_high must be above write_low, {self.write_low}, and at most write_queue, "
                f"{self.write_queue}"
            )
        return self


class SupplyRail(Config):
    """One supply of one device: its voltage and the data sheet's currents.

    Parameters
    ----------
    volts : float
    idd0_ma : float
        One ACT and PRE in each ``rc``.
    idd2n_ma, idd3n_ma : float
        Standby with all rows closed, and with rows open.
    idd4r_ma, idd4w_ma : float
        Reading, and writing, without a gap.
    idd5b_ma : float
        Refreshing without a gap.
    """

    volts: Annotated[float, Field(gt=0, le=10)]
    idd0_ma: Current
    idd2n_ma: Current
    idd3n_ma: Current
    idd4r_ma: Current
    idd4w_ma: Current
    idd5b_ma: Current

    def act_ma_cycles(self, timing: DramTiming) -> float:
        """Charge of one ACT and PRE above standby, in mA times cycles (Micron TN-40-07)."""
        standby = self.idd3n_ma * timing.ras + self.idd2n_ma * (timing.rc - timing.ras)
        return self.idd0_ma * timing.rc - standby


FIELDS = ("channel", "pseudo_channel", "rank", "bank_group", "bank", "row", "column")
"""Address fields; a map may name one several times, low bits first."""


class DramSpec(Config):
    """A memory that :mod:`lockstep.sim.cycle.dram` can run.

    Parameters
    ----------
    kind : "dram_timing"
    name : str
    clock_ps : float
        Period of the command clock, in picoseconds.
    geometry, timing, controller
    mapping_lsb_first : list of "FIELD" or "FIELD:BITS"
        Address bits above the burst, from the least significant; without BITS, the rest of a field.
    rails : list of SupplyRail
        Empty if no currents are known; then no energy is given.
    sources : mapping
        Where numbers come from: by section (``timing``), or by key (``timing.rfc``).
    """

    kind: Literal["dram_timing"]
    name: str
    clock_ps: Annotated[float, Field(ge=1, le=1e6)]
    geometry: DramGeometry
    timing: DramTiming
    controller: DramController = DramController()
    mapping_lsb_first: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    rails: tuple[SupplyRail, ...] = ()
    sources: Mapping[str, Source]

    @field_validator("mapping_lsb_first")
    @classmethod
    def _known_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            field, colon, bits = item.partition(":")
            if field not in FIELDS or (colon and not bits.isdecimal()):
                raise ValueError(
                    f"{item!r} is not FIELD or FIELD:BITS; fields are {', '.join(FIELDS)}"
                )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "DramSpec":
        self.address_fields()
        if self.controller.refresh == "per_bank" and self.timing.rfc_pb is None:
            raise ValueError(
                "controller.refresh needs timing.rfc_pb and timing.rrefd; use all_bank"
            )
        for i, rail in enumerate(self.rails):
            least = min(rail.act_ma_cycles(self.timing), rail.idd4r_ma - rail.idd3n_ma)
            if min(least, rail.idd4w_ma - rail.idd3n_ma, rail.idd5b_ma - rail.idd2n_ma) < 0:
                raise ValueError(
                    f"rails.{i} makes an ACT, RD, WR or REF take less than standby; leave it out "
                    "if the data sheet's currents do not add up"
                )
        sections = ("clock_ps", "geometry", "timing", "rails")
        for name in sections:
            if name not in self.sources:
                raise ValueError(f"sources has nothing on {name}; say where its numbers come from")
        for key in self.sources:
            section, _, name = key.partition(".")
            part = getattr(self, section, None) if section in sections else None
            if part is None or (name and name not in getattr(type(part), "model_fields", {})):
                raise ValueError(
                    f"sources names {key!r}, no section or key of this file; correct it"
                )
        return self

    def address_fields(self) -> tuple[tuple[str, int], ...]:
        """``(field, bits)`` from the least significant bit above the burst.

        Raises
        ------
        ValueError
            If the map does not use every bit of every field exactly once.
        """
        geometry = self.geometry
        sizes = {
            "channel": geometry.channels,
            "pseudo_channel": geometry.pseudo_channels,
            "rank": geometry.ranks,
            "bank_group": geometry.bank_groups,
            "bank": geometry.banks,
            "row": geometry.rows,
            "column": geometry.columns,
        }
        left = {field: size.bit_length() - 1 for field, size in sizes.items()}
        fields = []
        for item in self.mapping_lsb_first:
            field, _, bits = item.partition(":")
            width = int(bits) if bits else left[field]
            if width > left[field]:
                raise ValueError(
                    f"mapping_lsb_first has more bits of {field} than there are; shorten {item}"
                )
            left[field] -= width
            fields.append((field, width))
        if missing := [field for field, bits in left.items() if bits]:
            raise ValueError(f"mapping_lsb_first lacks bits of {', '.join(missing)}; add them")
        return tuple(fields)

    @property
    def peak_bytes_per_s(self) -> float:
        """Data bus bandwidth over all channels."""
        buses = self.geometry.channels * self.geometry.pseudo_channels
        return prod((buses, self.geometry.burst_bytes, 1e12)) / (self.timing.burst * self.clock_ps)


def load_dram(name_or_path: str, overrides: tuple[str, ...] | list[str] = ()) -> DramSpec:
    """Read a shipped memory (``ddr4-3200``) or a YAML file.

    Raises
    ------
    lockstep.arch.error.InputError
        One line with file, line, key, value and remedy.
    """
    return load(DramSpec, resolve("dram_timing", name_or_path), overrides)
