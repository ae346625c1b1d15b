"""Run an MMU's RTL, or its L2 cache's, at full speed over a behavioural memory, and note what it does."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib import data
from numpy.typing import NDArray

from lockstep.arch.tlb import LINE_PTES
from lockstep.verify.cosim import SimulationError
from lockstep.verify.harness import build_harness

DRIVER = "mmu_harness.cpp"
_MARKS = ("accepted", "translated", "responded", "ended")
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stimulus:
    """What a design is given.

    Parameters
    ----------
    requests : sequence of int
        Words of its request port.
    request_bits : int
    latency : int
        Cycles from a request for a line to the line.
    seed : int
        Of stalls.
    stalled : bool
        Memory and requester stall at random.
    pressure : sequence of bool
        For the cache alone: the flag, of each request.
    lines : mapping of int to eight int
        Memory that does not hold what :func:`initial` says.
    roots : sequence of int
        For an MMU: frame of the level-4 table of each ASID.
    """

    requests: Sequence[int]
    request_bits: int
    latency: int
    seed: int
    stalled: bool = False
    pressure: Sequence[bool] = ()
    lines: Mapping[int, Sequence[int]]
    roots: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a design did. Cycles are numbered; ``stalls`` is what memory had stalled by then.

    Parameters
    ----------
    cycles, stalls : dict of int64[n]
        When a request was accepted, translated, responded and ended.
    responses, late : list of n int
        The response, and the same port one cycle later.
    events : list of (request, word)
    writes : list of (request, line, mask, eight words)
    finished : bool
        Every request has been answered, one at a time, and without a deadlock.
    cycle_count : int
    seconds : float
    """

    cycles: dict[str, NDArray[np.int64]]
    stalls: dict[str, NDArray[np.int64]]
    responses: list[int]
    late: list[int]
    events: list[tuple[int, int]]
    writes: list[tuple[int, int, int, tuple[int, ...]]]
    finished: bool
    cycle_count: int
    seconds: float


def initial(word: int) -> int:
    """What memory holds at first, by number of the 8-byte word; the driver knows the same."""
    mask = (1 << 64) - 1
    z = (word + 1) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def pack(layout: data.StructLayout, **values: Any) -> int:
    """A word of a layout, from its fields: integers, or dicts and lists of them."""
    word = 0
    for name, value in values.items():
        field = layout[name]
        if isinstance(value, dict):
            value = pack(field.shape, **value)
        word |= int(value) << field.offset
    return word


def field(layout: data.StructLayout, name: str, word: int) -> int:
    """One field of a word."""
    place = layout[name]
    return word >> place.offset & ((1 << place.width) - 1)


def run(verilog: str, stimulus: Stimulus, *, event_bits: int, response_bits: int) -> Record:
    """Drive the design, whose top module is ``dut``, until every request is answered.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator, or the design does not build.
    lockstep.verify.cosim.SimulationError
        If the simulation crashes.
    """
    program = build_harness(verilog, DRIVER, whole=True)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as name:
        plan, record = Path(name) / "plan.bin", Path(name) / "record.bin"
        plan.write_bytes(_plan(stimulus))
        told = subprocess.run([program, plan, record], capture_output=True, text=True, check=False)
        if told.returncode:
            raise SimulationError(f"the harness ended with {told.returncode}\n{told.stderr}", None)
        report = json.loads(told.stdout)
        words = np.fromfile(record, dtype="<u8")
    parts: list[Words] = []
    while len(words):
        size = int(words[0])
        parts.append(words[1 : 1 + size])
        words = words[1 + size :]
    answered, event_words = -(-response_bits // 64), -(-event_bits // 64)
    table = parts[0].reshape(-1, 2 * len(_MARKS) + 2 * answered)[: report["responses"]]
    marks = table.astype(np.int64)
    return Record(
        cycles={mark: marks[:, 2 * i] for i, mark in enumerate(_MARKS)},
        stalls={mark: marks[:, 2 * i + 1] for i, mark in enumerate(_MARKS)},
        responses=_integers(table[:, 2 * len(_MARKS) :][:, :answered]),
        late=_integers(table[:, 2 * len(_MARKS) + answered :]),
        events=_numbered(parts[1].reshape(-1, 1 + event_words)),
        writes=[
            (int(row[0]), int(row[1]), int(row[2]), tuple(row[3:].tolist()))
            for row in parts[2].reshape(-1, 3 + LINE_PTES)
        ],
        finished=report["finished"],
        cycle_count=report["cycles"],
        seconds=report["seconds"],
    )


def _plan(stimulus: Stimulus) -> bytes:
    """The file that the driver describes."""
    size = -(-stimulus.request_bits // 64)
    count = len(stimulus.requests)
    head = [count, size, stimulus.latency, stimulus.seed, stimulus.stalled]
    head += [len(stimulus.lines), len(stimulus.roots), *stimulus.roots]
    for number, words in stimulus.lines.items():
        head += [number, *words]
    pressure = stimulus.pressure or [False] * count
    body = [
        word.to_bytes(8 * size, "little") + int(high).to_bytes(8, "little")
        for word, high in zip(stimulus.requests, pressure, strict=True)
    ]
    return np.array(head, dtype="<u8").tobytes() + b"".join(body)


def _integers(table: Words) -> list[int]:
    rows = np.ascontiguousarray(table)
    size = 8 * rows.shape[1]
    raw = rows.tobytes()
    return [int.from_bytes(raw[i : i + size], "little") for i in range(0, len(raw), size)]


def _numbered(table: Words) -> list[tuple[int, int]]:
    return list(zip(table[:, 0].tolist(), _integers(table[:, 1:]), strict=True))
