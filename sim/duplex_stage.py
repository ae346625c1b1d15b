"""One stage of continuous batching: running sequences decode a token, new prompts are prefilled.

Policies of Duplex (MICRO'24, section V), as far as the machine has them switched on: every operator
where it is done sooner; experts shared out between both processors; the attention of new prompts
on the tensor engine while that of running sequences is beside the DRAM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.arch.error import InputError
from lockstep.arch.near_memory import RooflinePim
from lockstep.sim.duplex import Routing, draw_tokens, routing_of, split_experts
from lockstep.sim.duplex_devices import Devices
from lockstep.sim.duplex_tables import LARGEST, StageTables, stage_tables
from lockstep.workloads.counts import kv_bytes_per_token
from lockstep.workloads.model import Model
from lockstep.workloads.parts import MoeFfn
from lockstep.workloads.phases import Formats

Cost = tuple[float, float]
"""Seconds, joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a stage has to do, over all nodes.

    Parameters
    ----------
    running : int
        Sequences that decode one token.
    context_tokens : int
        Tokens they have cached, summed.
    prompts : sequence of int
        Tokens of each new prompt.
    """

    running: int
    context_tokens: int
    prompts: Sequence[int] = ()

    @property
    def rows(self) -> int:
        """New tokens."""
        return self.running + sum(self.prompts)

    @property
    def sequences(self) -> int:
        """Sequences that get a token out of the stage."""
        return self.running + len(self.prompts)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """Wall clock and energy of all devices; ``parts`` are seconds by part of the model."""

    seconds: float
    joules: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A model on devices, with the tables of what its parts take.

    Parameters
    ----------
    devices : Devices
        Where it runs.
    model : Model
        The whole model.
    formats : Formats
        Stored formats.
    tables : StageTables
        Costs of one device's part of the model, see :func:`serve_on`.
    routing : Routing or None
        How tokens choose experts.
    moe_layers : int
        Layers that have experts.
    """

    devices: Devices
    model: Model
    formats: Formats
    tables: StageTables
    routing: Routing | None
    moe_layers: int

    @property
    def pim(self) -> RooflinePim | None:
        """The processor beside the DRAM that stages may use."""
        found = self.devices.system.machine.pim
        return found if isinstance(found, RooflinePim) else None

    def stage(self, work: Stage, rng: np.random.Generator) -> StageCost:
        """Cost of one stage; ``rng`` draws the experts that its tokens visit.

        One draw stands for all layers.

        Raises
        ------
        lockstep.arch.error.InputError
            If there are more new tokens than the tables have.
        """
        if work.rows > LARGEST:
            raise InputError(f"stage: {work.rows} new tokens; {LARGEST} at most in one stage")
        nodes = self.devices.nodes
        parts = {
            "dense": self._everywhere(self.tables.rows.at(work.rows / nodes)),
            "head": self._everywhere(self.tables.head.at(work.sequences / nodes)),
            "attention": self._everywhere(self._attention(work)),
            "experts": self._experts(work.rows, rng),
            "links": self._links(work.rows / nodes),
        }
        return StageCost(
            seconds=sum(seconds for seconds, _ in parts.values()),
            joules=sum(joules for _, joules in parts.values()),
            parts={name: seconds for name, (seconds, _) in parts.items()},
        )

    def _everywhere(self, cost: Cost) -> Cost:
        """All devices at the same time."""
        return cost[0], cost[1] * self.devices.count

    def _attention(self, work: Stage) -> Cost:
        """Attention of all layers on one device."""
        share = 1 / self.devices.nodes
        mean = work.context_tokens / work.running if work.running else 0.0
        running = {
            name: _times(table.at(mean), work.running * share)
            for name, table in self.tables.running.items()
        }
        new = {
            name: _add([_times(table.at(n), share) for n in work.prompts])
            for name, table in self.tables.new.items()
        }
        apart = _add([min(running.values()), min(new.values())])
        shared = self.pim and self.pim.attention_co_processing and "pim" in running
        if not (shared and work.prompts):
            return apart
        near = _add([running["pim"], self._migration(work)])
        together = max(new["tensor"][0], near[0]), new["tensor"][1] + near[1]
        return min(apart, together)

    def _migration(self, work: Stage) -> Cost:
        """Keys and values of new prompts move from their bundle to the cache's, read and written."""
        assert self.pim
        system = self.devices.system
        kept = sum(work.prompts) * kv_bytes_per_token(self.model, self.formats.kv)
        moved = kept / self.devices.count
        per_s = self.pim.bandwidth_multiple * system.dram.bytes_per_s * system.machine.dram.channels
        per_byte = sum(self.pim.energy[e].energy_pj for e in ("read_byte", "write_byte"))
        return 2 * moved / per_s, moved * per_byte * 1e-12

    def _experts(self, rows: int, rng: np.random.Generator) -> Cost:
        """Experts of all layers: the slowest group of devices, and the energy of all."""
        if not (self.routing and self.tables.expert):
            return 0.0, 0.0
        tokens = draw_tokens(rng, rows, self.routing.experts, self.routing.experts_per_token)
        groups = self.devices.expert_groups(self.routing.experts)
        costs = [self._group(tokens[g::groups]) for g in range(groups)]
        slowest = max(seconds for seconds, _ in costs)
        joules = sum(joules for _, joules in costs) * self.devices.count / groups
        return slowest * self.moe_layers, joules * self.moe_layers

    def _group(self, tokens: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Cost:
        """One layer's experts of one device."""
        assert self.tables.expert
        seconds, joules = self.tables.expert["tensor"].at_all(tokens)
        engine = float(seconds.sum()), float(joules.sum())
        if "pim" not in self.tables.expert:
            return engine
        near_seconds, near_joules = self.tables.expert["pim"].at_all(tokens)
        if not (self.pim and self.pim.expert_co_processing):
            return min(engine, (float(near_seconds.sum()), float(near_joules.sum())))
        split = split_experts(tokens, seconds, near_seconds)
        near, rest = split.order[: split.near], split.order[split.near :]
        return split.time, float(near_joules[near].sum() + joules[rest].sum())

    def _links(self, rows: float) -> Cost:
        """Two all-reduces per layer; tokens to other nodes' experts and back."""
        width, fmt = self.model.hidden, self.formats.activations
        reduced = _times(self.devices.reduce(rows * width, fmt), 2 * self.model.layers)
        if not self.routing:
            return reduced
        visits = rows * self.routing.experts_per_token
        return _add([
            reduced,
            _times(self.devices.exchange(visits * width, fmt), 2 * self.moe_layers),
        ])


def serve_on(devices: Devices, model: Model, formats: Formats, longest: int) -> Server:
    """A server of sequences of at most ``longest`` tokens.

    Raises
    ------
    lockstep.arch.error.InputError
        If the model cannot be cut over the devices.
    """
    return Server(
        devices=devices,
        model=model,
        formats=formats,
        tables=stage_tables(devices.system, devices.shard(model), formats, longest),
        routing=routing_of(model),
        moe_layers=sum(f.layers for f in model.ffn if isinstance(f, MoeFfn)),
    )


def _times(cost: Cost, count: float) -> Cost:
    """As often in a row; the energy too."""
    return cost[0] * count, cost[1] * count


def _add(costs: Sequence[Cost]) -> Cost:
    return sum(seconds for seconds, _ in costs), sum(joules for _, joules in costs)
