"""From a unit's config to its component, its Verilog and its port list."""

from functools import singledispatch
from typing import Any

from amaranth.lib import wiring

from lockstep.arch.config import Config
from lockstep.arch.lut import LutConfig
from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.pim import PimChannelConfig, PimMacConfig, PimSequencerConfig
from lockstep.arch.posit import PositConfig
from lockstep.arch.serial import BitSliceConfig, LaconicConfig
from lockstep.arch.simd import SimdConfig
from lockstep.arch.tensor import ParallelBase
from lockstep.arch.tlb import PredictorConfig, TlbConfig, VictimaConfig, WalkCacheConfig
from lockstep.rtl.lib.shared import SharedModules, verilog_of
from lockstep.rtl.mac.dot import DotUnit
from lockstep.rtl.mac.posit.unit import posit_unit
from lockstep.rtl.mac.simd import SimdUnit
from lockstep.rtl.mac.unit import AccumulateUnit, MultiplyUnit
from lockstep.rtl.pim.bank_mac import BankMac
from lockstep.rtl.pim.channel import PimChannel
from lockstep.rtl.pim.lut import LutSlice
from lockstep.rtl.pim.sequencer import PimSequencer
from lockstep.rtl.tensor.engine import TensorEngine
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.serial_bit_slice import BitSliceEngine
from lockstep.rtl.tensor.serial_laconic import LaconicEngine
from lockstep.rtl.tlb.mmu import Mmu
from lockstep.rtl.tlb.predictor import Predictor
from lockstep.rtl.tlb.pressure import Pressure
from lockstep.rtl.tlb.tlb import Tlb
from lockstep.rtl.tlb.walk_cache import WalkCache

# Amaranth checks widths itself; Yosys writes what Verilog's rules of extension then make of them.
_LINT = "// verilator lint_off WIDTH\n// verilator lint_off UNSIGNED"


@singledispatch
def component(cfg: Config) -> wiring.Component:
    """The component that a unit's config describes.

    Raises
    ------
    ValueError
        If the unit, or a format it uses, has no RTL.
    """
    raise ValueError(f"{type(cfg).__name__} has no RTL")


@component.register
def _tensor(cfg: ParallelBase) -> wiring.Component:
    operand_shapes(cfg.mac)  # refuses formats before there is a component nobody will use
    return TensorEngine(cfg)


@component.register
def _bit_slice(cfg: BitSliceConfig) -> wiring.Component:
    return BitSliceEngine(cfg)


@component.register
def _laconic(cfg: LaconicConfig) -> wiring.Component:
    return LaconicEngine(cfg)


@component.register
def _multiply(cfg: MultiplyConfig) -> wiring.Component:
    return MultiplyUnit(cfg)


@component.register
def _accumulate(cfg: AccumulateConfig) -> wiring.Component:
    return AccumulateUnit(cfg)


@component.register
def _dot(cfg: DotConfig) -> wiring.Component:
    return DotUnit(cfg)


@component.register
def _posit(cfg: PositConfig) -> wiring.Component:
    return posit_unit(cfg)


@component.register
def _simd(cfg: SimdConfig) -> wiring.Component:
    return SimdUnit(cfg)


@component.register
def _bank_mac(cfg: PimMacConfig) -> wiring.Component:
    return BankMac(cfg)


@component.register
def _channel(cfg: PimChannelConfig) -> wiring.Component:
    return PimChannel(cfg)


@component.register
def _sequencer(cfg: PimSequencerConfig) -> wiring.Component:
    return PimSequencer(cfg)


@component.register
def _lut(cfg: LutConfig) -> wiring.Component:
    return LutSlice(cfg)


@component.register
def _tlb(cfg: TlbConfig) -> wiring.Component:
    return Tlb(cfg)


@component.register
def _walk_cache(cfg: WalkCacheConfig) -> wiring.Component:
    return WalkCache(cfg)


@component.register
def _predictor(cfg: PredictorConfig) -> wiring.Component:
    return Predictor(cfg)


@component.register
def _pressure(cfg: VictimaConfig) -> wiring.Component:
    return Pressure(cfg)


@component.register
def _mmu(cfg: MmuConfig) -> wiring.Component:
    return Mmu(cfg)


def to_verilog(cfg: Config, name: str) -> str:
    """Verilog of the whole unit; the top module is ``name``, which prefixes the other modules.

    Raises
    ------
    ValueError
        If the unit, or a format it uses, has no RTL.
    """
    return part_to_verilog(component(cfg), name)


def part_to_verilog(part: wiring.Component, name: str) -> str:
    """As :func:`to_verilog`, of a component that is only ever part of a unit."""
    shared = SharedModules(prefix=name)
    top = verilog_of(part, name, shared)
    return f"{_LINT}\n{shared.text}\n{top}"


def ports(unit: wiring.Component) -> dict[str, Any]:
    """The port list, from Amaranth's component metadata, as plain JSON data."""
    unit._MustUse__used = True  # or Amaranth would warn that it was never elaborated
    return dict(unit.metadata.as_json())
