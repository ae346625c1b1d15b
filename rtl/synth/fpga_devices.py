"""FPGA families that open tools place and route for, and their devices."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Four-input look-up tables, flip-flops, 18x18 multipliers and block RAMs of a design or a device."""

    lut: int
    ff: int
    dsp: int = 0
    bram: int = 0

    def beyond(self, device: "Resources") -> str:
        """What a design takes more of than a device has, in words; empty if it may fit."""
        pairs = {
            "look-up tables": (self.lut, device.lut),
            "flip-flops": (self.ff, device.ff),
            "multipliers": (self.dsp, device.dsp),
            "block RAMs": (self.bram, device.bram),
        }
        return " and ".join(f"{n} {name} of {has}" for name, (n, has) in pairs.items() if n > has)


def mapped(cells: Counter[str]) -> Resources:
    """Resources of the cells that Yosys maps to; placement takes no fewer."""
    return Resources(
        # A CCU2C is two look-up tables with a carry chain.
        lut=cells["LUT4"] + 2 * cells["CCU2C"] + cells["SB_LUT4"],
        ff=cells["TRELLIS_FF"] + sum(n for kind, n in cells.items() if kind.startswith("SB_DFF")),
        dsp=cells["MULT18X18D"],
        bram=cells["DP16KD"] + sum(n for kind, n in cells.items() if kind.startswith("SB_RAM")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device; ``option`` is what nextpnr calls it."""

    name: str
    package: str
    option: str
    has: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How to reach a family's devices, smallest first; ``goal_mhz`` is what the placer works towards.

    ``fronts`` are the Yosys commands that map to the family's cells, in order of preference: with
    its multipliers, and with look-up tables alone, which is for designs of more multipliers than any device has.
    """

    nextpnr: str
    devices: tuple[Device, ...]
    fronts: tuple[tuple[str, ...], ...]
    options: tuple[str, ...]
    goal_mhz: int


# Booth recoding halves what Yosys' own multiplier of look-up tables takes: 223 for 408 in an int8 PE.
_BOOTH = ("opt", "wreduce", "booth")

FAMILIES: dict[str, Family] = {
    # ECP5 and ECP5-5G Family Data Sheet, FPGA-DS-02012, table 1.1; all but the 25F and all block RAMs
    # from memory. The 12F is a 25F to open tools.
    "ecp5": Family(
        nextpnr="ecp5",
        devices=(
            Device(name="LFE5U-25F", package="CABGA381", option="25k",
                   has=Resources(lut=24_288, ff=24_288, dsp=28, bram=56)),
            Device(name="LFE5U-45F", package="CABGA381", option="45k",
                   has=Resources(lut=43_848, ff=43_848, dsp=72, bram=108)),
            Device(name="LFE5U-85F", package="CABGA381", option="85k",
                   has=Resources(lut=83_640, ff=83_640, dsp=156, bram=208)),
        ),
        fronts=(("synth_ecp5",), (*_BOOTH, "synth_ecp5 -nodsp")),
        options=("--speed", "6", "--lpf-allow-unconstrained"),
        goal_mhz=100,
    ),
    # iCE40 LP/HX Family Data Sheet, FPGA-DS-02029, table 1.1. The HX4K is an HX8K to open tools.
    "ice40": Family(
        nextpnr="ice40",
        devices=(
            Device(name="iCE40HX1K", package="tq144", option="hx1k",
                   has=Resources(lut=1_280, ff=1_280, bram=16)),
            Device(name="iCE40HX8K", package="ct256", option="hx8k",
                   has=Resources(lut=7_680, ff=7_680, bram=32)),
        ),
        fronts=((*_BOOTH, "synth_ice40"),),
        options=("--pcf-allow-unconstrained",),
        goal_mhz=50,
    ),
}  # fmt: skip
