"""Operators on banks that compute (``pim`` of kind ``bank``): command-level programs of a channel.

A GEMM of ``m`` rows is ``m`` matrix-vector products, one after another. Outputs of a product are shared
out between all channels of a stage, and heads of attention between those that hold keys and values; all
channels run the same program, the busiest channel's. Partial sums of inputs that exceed the global
buffer return as the start of the next cut, by the commands that else bring zeros. Cycles are the
command-level model's, which equals the RTL (:mod:`lockstep.sim.cycle.pim`), without refresh; refresh
then stretches them by what it costs a long product, since an operator may begin anywhere between two.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from lockstep.arch.formats import format_named
from lockstep.arch.load import InputError
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim
from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import Instruction, Op, Program
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.sim.cycle.pim import run
from lockstep.sim.cycle.pim_map import KvLayout, gemv_program, scores_program, values_program
from lockstep.sim.cycle.pim_tiles import tiled_gemv_program
from lockstep.workloads.ops import Gemm

VALUES_TO_CACHE = "attn.v_proj"
"""The product whose results are scattered: values lie by dimension, a new token's in as many rows."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one channel does for an operator: PIM clock cycles without refresh, and events."""

    cycles: float
    events: Counter[str]

    def __add__(self, other: "Work") -> "Work":
        return Work(self.cycles + other.cycles, self.events + other.events)

    def __mul__(self, times: float) -> "Work":
        return Work(self.cycles * times, Counter({e: n * times for e, n in self.events.items()}))


NOTHING = Work(0, Counter())


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An operator's work on its busiest channel, how many channels do as much, bytes sent between devices."""

    work: Work
    channels: int
    link_bytes: float = 0.0
    transfers: float = 0.0


def cost_gemm(system: System, pim: BankPim, op: Gemm) -> OpCost:
    """A GEMM in the banks.

    Raises
    ------
    lockstep.arch.error.InputError
        If its matrix does not fit the channels.
    """
    try:
        share = _weights(system, pim, op) if op.b == "weight" else _attention(system, pim, op)
    except ValueError as error:
        raise InputError(f"{system.machine.name}: {op.name}: {error}") from None
    pim_ns = share.work.cycles * refresh_stretch(system.channel) * system.channel.clock_ps / 1e3
    link_ns = 0.0
    if pim.link and share.transfers:
        link_ns = share.transfers * pim.link.latency_ns
        link_ns += share.link_bytes / pim.link.bytes_per_s * 1e9
    cycles_per_ns = system.machine.clock_hz * 1e-9
    events = (share.work * share.channels).events
    burst_bytes = system.channel.mac.burst_bits / 8
    written = events.pop("pin_write", 0) * burst_bytes
    read = events.pop("pin_read", 0) * burst_bytes
    return OpCost(
        op=op,
        latency_cycles=(pim_ns + link_ns) * cycles_per_ns,
        pim_cycles=pim_ns * cycles_per_ns,
        bound_by="link" if link_ns > pim_ns else "pim",
        activity=Activity(
            macs=op.flops / 2,
            dram_write_bytes=written,
            dram_read_bytes=read,
            pim={
                **events,
                "mac": op.flops / 2,
                "pin_byte": written + read,
                "link_byte": share.link_bytes,
                "open_ns": pim_ns * share.channels,
            },
        ),
    )


def stage_channels(system: System, pim: BankPim) -> int:
    """Channels of one device that one pipeline stage has."""
    return system.machine.dram.channels // pim.stages_per_device


def _weights(system: System, pim: BankPim, op: Gemm) -> Share:
    """``op.rows`` products with a matrix whose outputs lie in all devices of a stage."""
    channels = stage_channels(system, pim) * pim.tensor_parallel
    outputs = -(-op.n // channels)
    work = _gemv(_key(system.channel), outputs, op.k) + _launch(system, pim)
    used = -(-op.n // outputs)
    if op.name == VALUES_TO_CACHE and op.c != "memory":  # to the cache, or scaled on its way there
        holders = _attention_channels(system, pim)
        work += _scatter(_key(system.channel), -(-op.n // holders))
    link_bytes = transfers = 0.0
    if pim.tensor_parallel > 1:
        # The input goes out to all devices at once; every device but one returns its outputs.
        others = 1 - 1 / pim.tensor_parallel
        link_bytes = _bytes(op.k, op.a_format) + others * _bytes(op.n, op.c_format)
        transfers = 2.0
    return Share(
        work=work * op.rows,
        channels=used,
        link_bytes=link_bytes * op.rows,
        transfers=transfers * op.rows,
    )


def _attention(system: System, pim: BankPim, op: Gemm) -> Share:
    """Queries times keys, or probabilities times values; a head's rows of A share its keys.

    Fewer heads than channels: a head's keys, and its values' dimensions, lie in several.
    """
    cfg, channels = system.channel, _attention_channels(system, pim)
    key = _key(cfg)
    heads = -(-op.instances // channels)
    split = max(1, int(channels / op.instances))
    if op.a == "stream":
        work = _values(key, -(-op.n // split), _up(op.k, cfg.mac.lanes)) * op.m
    else:
        tokens = _up(-(-op.n // split), cfg.banks)
        at_once = max(1, cfg.buffer_entries // -(-op.k // cfg.mac.lanes))
        work = _scores(key, tokens, op.k, at_once) * (op.m // at_once)
        if rest := op.m % at_once:
            work += _scores(key, tokens, op.k, rest)
    launch = _launch(system, pim) * (op.m if op.a == "stream" else 1)
    return Share(work=(work + launch) * heads, channels=min(channels, round(op.instances * split)))


def _up(size: int, step: int) -> int:
    """The next multiple: programs repeat for contexts that end in the same burst, or row of banks."""
    return -(-size // step) * step


def _attention_channels(system: System, pim: BankPim) -> int:
    devices = pim.tensor_parallel if pim.attention_on == "all_devices" else 1
    return stage_channels(system, pim) * devices


def _bytes(elements: float, fmt: str) -> float:
    return elements * float(format_named(fmt).bits_per_element) / 8


def _launch(system: System, pim: BankPim) -> Work:
    if pim.launch is None:
        return NOTHING
    return _single_bank(_key(system.channel), pim.launch.reads, pim.launch.writes)


def _key(cfg: PimChannelConfig) -> str:
    """The channel without refresh and without sources, as something that results are kept by."""
    plain = cfg.model_copy(update={"refresh": False})
    return plain.model_dump_json()


@lru_cache(maxsize=64)
def _channel(key: str) -> PimChannelConfig:
    return PimChannelConfig.model_validate_json(key)


@lru_cache(maxsize=4096)
def _gemv(key: str, outputs: int, inputs: int) -> Work:
    return _work(_channel(key), gemv(_channel(key), outputs, inputs))


@lru_cache(maxsize=4096)
def _scores(key: str, tokens: int, head_dim: int, queries: int) -> Work:
    layout = KvLayout(cfg=_channel(key), capacity=tokens, kv_heads=1, head_dim=head_dim)
    return _work(layout.cfg, scores_program(layout, tokens, queries_per_kv=queries))


@lru_cache(maxsize=4096)
def _values(key: str, dims: int, tokens: int) -> Work:
    layout = KvLayout(cfg=_channel(key), capacity=tokens, kv_heads=1, head_dim=dims)
    return _work(layout.cfg, values_program(layout, tokens))


@lru_cache(maxsize=256)
def _scatter(key: str, elements: int) -> Work:
    """A burst each into so many rows, bank after bank: a new token's values."""
    cfg = _channel(key)
    return _work(cfg, [
        Instruction(Op.WR_SBK, bank=i % cfg.banks, row=i // cfg.banks) for i in range(elements)
    ])  # fmt: skip


@lru_cache(maxsize=256)
def _single_bank(key: str, reads: int, writes: int) -> Work:
    """Ordinary accesses, bank after bank, each in a row of its own."""
    cfg = _channel(key)
    ops = [Op.RD_SBK] * reads + [Op.WR_SBK] * writes
    return _work(cfg, [
        Instruction(op, bank=i % cfg.banks, row=i // cfg.banks) for i, op in enumerate(ops)
    ])  # fmt: skip


def gemv(cfg: PimChannelConfig, outputs: int, inputs: int) -> list[Instruction]:
    """The program of a product on one channel: with several accumulators, tiles of outputs."""
    if cfg.mac.accumulators > 1:
        return tiled_gemv_program(cfg, outputs, inputs)
    return gemv_program(cfg, outputs, inputs)


def _work(cfg: PimChannelConfig, program: Program) -> Work:
    done = run(cfg, program)
    n = Counter(done.commands)
    register_bursts = cfg.result_bursts
    row = n["ACT"] + n["ACTab"] + n["PRE"] + n["PREab"]
    return Work(
        done.cycles,
        Counter({
            "activate": n["ACT"] + n["ACTab"] * cfg.banks,
            "mac_burst": n["MACab"],
            "read": n["RD"] + n["RDMAC"] * register_bursts,
            "write": n["WR"] + n["WRMAC"] * register_bursts,
            "pin_read": n["RD"] + n["RDMAC"] * register_bursts,
            "pin_write": n["WR"] + n["WRGB"] + n["WRMAC"] * register_bursts,
            "row_command": row,
            "column_command": n.total() - row,
            "row_access": done.row_accesses,
            "row_miss": done.row_misses,
        }),
    )


def refresh_stretch(cfg: PimChannelConfig) -> float:
    """Time with refresh over time without, of a long product; 1 if the channel does not refresh."""
    return _stretch(cfg.model_dump_json()) if cfg.refresh else 1.0


@lru_cache(maxsize=64)
def _stretch(key: str) -> float:
    cfg = _channel(key)
    plain = cfg.model_copy(update={"refresh": False})
    program = [
        Instruction(Op.MAC_ABK, row=row % cfg.rows, count=min(cfg.columns, cfg.buffer_entries))
        for row in range(1 + 40 * cfg.timing.refi // (cfg.columns * cfg.timing.ccd))
    ]
    return run(cfg, program).cycles / run(plain, program).cycles
