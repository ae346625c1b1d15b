"""The LUT slice's sequencer: walks one GEMV job group by group, block by block, bit-plane by bit-plane."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.lut import LutConfig


class Phase(enum.Enum, shape=3):
    """What the slice does in a cycle."""

    IDLE = 0
    TAKE = 1  # a group's activations
    BUILD = 2  # sums of them
    LOOK = 3  # an index for each of ``ports`` outputs
    DRAIN = 4  # the last sums are on their way


def job_layout(cfg: LutConfig) -> data.StructLayout:
    """A job: ``n`` outputs, ``k`` inputs, and the weights' width and sign. Sizes are 1 or more."""
    return data.StructLayout({
        "n": range(cfg.n_max + 1),
        "k": range(cfg.k_max + 1),
        "weight_bits": range(cfg.weight_bits + 1),
        "weights_signed": 1,
    })


def tag_layout(cfg: LutConfig) -> data.StructLayout:
    """What goes with an index through the pipeline: its place among planes, blocks and groups."""
    return data.StructLayout({
        "valid": 1,
        "first_plane": 1,
        "subtract": 1,  # the plane's weight is negative
        "last_plane": 1,
        "first_group": 1,
        "last_group": 1,
        "block": range(max(2, cfg.n_blocks_max)),
        "lanes": cfg.ports,  # outputs that exist
    })


class LutSequencer(wiring.Component):
    """One cycle takes a group, ``cfg.build_cycles`` build its LUT, one cycle takes each bit-plane.

    Blocks of ``ports`` outputs go by inside a group, bit-planes inside a block, the highest first. After
    the last one, ``cfg.drain_cycles`` bring its sums out; then comes the next job.

    Members
    -------
    i_job : In(stream of job_layout)
        Accepted when no job runs.
    advance : In(1)
        This cycle counts.
    same : In(1)
        The activations offered are those of the LUT at hand, in all vectors.
    busy : Out(1)
    take, build, look : Out(1)
        This cycle needs activations; fills the LUT; needs indices.
    a_lanes : Out(group)
        Activations of the group that exist.
    level, step : Out
        Of the build: the activation that is added, and the how-manieth ``adders`` sums it is added to.
    tag : Out(tag_layout)
        Of the indices.
    """

    i_job: stream.Interface

    def __init__(self, cfg: LutConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "advance": In(1),
            "same": In(1),
            "busy": Out(1),
            "take": Out(1),
            "build": Out(1),
            "look": Out(1),
            "a_lanes": Out(cfg.group),
            "level": Out(range(max(2, cfg.group))),
            "step": Out(range(max(2, steps_of(cfg, cfg.group - 1)))),
            "tag": Out(tag_layout(cfg)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        phase = Signal(Phase)
        job = Signal(job_layout(cfg))
        k_left = Signal(range(2 * cfg.k_max + 1))  # one bit more: no comparison is constant
        first_group = Signal()
        draining = Signal(range(max(2, cfg.drain_cycles)))
        group_ends = Signal()
        last_group = k_left <= cfg.group
        m.d.comb += [
            self.busy.eq(phase != Phase.IDLE),
            self.take.eq(phase == Phase.TAKE),
            self.build.eq(phase == Phase.BUILD),
            self.look.eq(phase == Phase.LOOK),
            self.i_job.ready.eq(~self.busy),
            self.a_lanes.eq(Cat(g < k_left for g in range(cfg.group))),
            self.tag.valid.eq(self.look),
            self.tag.first_group.eq(first_group),
            self.tag.last_group.eq(last_group),
        ]
        if cfg.build_cycles:
            at_hand = self.same & ~first_group if cfg.pattern_aware else C(0)
        else:
            at_hand = C(1)  # a group of one is its own LUT
        built = self._count_build(m)
        self._count_indices(m, job, group_ends)
        with m.If(self.i_job.valid & self.i_job.ready):
            m.d.sync += [job.eq(self.i_job.p), k_left.eq(self.i_job.p.k)]
            m.d.sync += [first_group.eq(1), phase.eq(Phase.TAKE)]
        with m.If(self.advance & self.take):
            m.d.sync += phase.eq(Mux(at_hand, Phase.LOOK, Phase.BUILD))
        with m.If(self.advance & built):
            m.d.sync += phase.eq(Phase.LOOK)
        with m.If(self.advance & group_ends):
            m.d.sync += [first_group.eq(0), k_left.eq(k_left - cfg.group)]
            m.d.sync += phase.eq(Mux(last_group, Phase.DRAIN, Phase.TAKE))
        with m.If(self.advance & (phase == Phase.DRAIN)):
            m.d.sync += draining.eq(draining + 1)
            with m.If(draining == cfg.drain_cycles - 1):
                m.d.sync += [draining.eq(0), phase.eq(Phase.IDLE)]
        return m

    def _count_build(self, m: Module) -> Value:
        """Step through the levels of a build; whether this is its last cycle."""
        cfg = self.cfg
        last_steps = [steps_of(cfg, level) - 1 for level in range(max(2, cfg.group))]
        level_ends = self.step == chosen(last_steps, self.level)
        with m.If(self.advance & self.take):
            m.d.sync += [self.level.eq(1), self.step.eq(0)]
        with m.If(self.advance & self.build):
            m.d.sync += self.step.eq(self.step + 1)
            with m.If(level_ends):
                m.d.sync += [self.step.eq(0), self.level.eq(self.level + 1)]
        ends: Value = self.build & level_ends & (self.level == cfg.group - 1)
        return ends

    def _count_indices(self, m: Module, job: Any, group_ends: Value) -> None:
        """Step through bit-planes and blocks of outputs."""
        cfg, tag = self.cfg, self.tag
        planes_left = Signal(range(cfg.weight_bits + 1))
        n_left = Signal(range(2 * cfg.n_max + 1))  # likewise
        block = Signal.like(tag.block)
        last_block = n_left <= cfg.ports
        m.d.comb += [
            tag.first_plane.eq(planes_left == job.weight_bits),
            tag.subtract.eq(tag.first_plane & job.weights_signed),
            tag.last_plane.eq(planes_left == 1),
            tag.block.eq(block),
            tag.lanes.eq(Cat(p < n_left for p in range(cfg.ports))),
            group_ends.eq(self.look & tag.last_plane & last_block),
        ]
        with m.If(self.advance & self.take):
            m.d.sync += [planes_left.eq(job.weight_bits), n_left.eq(job.n), block.eq(0)]
        with m.If(self.advance & self.look):
            m.d.sync += planes_left.eq(planes_left - 1)
            with m.If(tag.last_plane):
                m.d.sync += [planes_left.eq(job.weight_bits), block.eq(block + 1)]
                m.d.sync += n_left.eq(n_left - cfg.ports)


def chosen(options: Sequence[ValueLike], number: Value) -> Value:
    """The option of that number; there are no greater ones, but Verilog likes all cases named."""
    spare = (1 << len(number)) - len(options)
    return Array([*options, *[options[-1]] * spare])[number]


def steps_of(cfg: LutConfig, level: int) -> int:
    """Cycles of a build in which activation ``level`` is added."""
    return -(-((1 << level) - 1) // cfg.adders)
