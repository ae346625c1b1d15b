"""Bandwidth by access pattern, measured once per memory with the command-level engine.

A pattern is a run length and a read share: runs of consecutive bursts, each in DRAM rows that no
other run uses, reads and writes in turns of ``BLOCK_BURSTS``, as fast as one channel takes them.
Shipped memories come with their table (``configs/dram_calibration``; made by
``python -m lockstep.sim.dram_calibration``); another memory is measured when first used, which
needs numba, and kept in the user's cache under a digest of the memory and of the engine.
"""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lockstep.arch.dram import DramSpec
from lockstep.arch.dram_preset import digest, load_dram_preset
from lockstep.arch.load import InputError, load, shipped
from lockstep.arch.machine import System
from lockstep.arch.memory import DramCalibration
from lockstep.sim.dram_interleaving import interleaved
from lockstep.sim.dram_streams import BLOCK_BURSTS, Turns
from lockstep.sim.tiling import I64

RUN_BURSTS = tuple(1 << i for i in range(13))
READ_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
REQUESTS = 1 << 15
"""Requests per pattern; their fill and refresh phase count for less than 1 %."""

ISOLATED = 4096
"""Isolated reads whose mean is the latency."""

_LOG = logging.getLogger(__name__)


def calibrated(system: System) -> System:
    """The system with its memory's calibration: as it is, from the cache, or measured now.

    Raises
    ------
    lockstep.arch.error.InputError
        If it has to be measured and numba is not installed.
    """
    dram = system.dram
    if dram.calibration is not None or dram.spec is None:
        return system
    path = _cache_path(dram.spec)
    if path.exists():
        found = load(DramCalibration, path)
    else:
        require_engine(f"the bandwidth of {dram.spec.name}")
        _LOG.info("measuring the bandwidth of %s by access pattern", dram.spec.name)
        found = calibrate(dram.spec)
        _store(found, path)
    return dataclasses.replace(system, dram=dataclasses.replace(dram, calibration=found))


def require_engine(what: str) -> None:
    """Refuse what needs the command-level engine where numba is missing.

    Raises
    ------
    lockstep.arch.error.InputError
        With the way to install it.
    """
    if find_spec("numba") is None:
        raise InputError(
            f"{what} needs the package numba; install it with pip install 'lockstep-sim[dram]'"
        )


def calibrate(spec: DramSpec) -> DramCalibration:
    """Measure one channel; takes a few seconds, and some more when numba compiles.

    Parameters
    ----------
    spec : DramSpec
        A memory of one channel.
    """
    from lockstep.sim.cycle.dram.energy import energy_pj
    from lockstep.sim.cycle.dram.engine import simulate
    from lockstep.sim.cycle.dram.trace import Trace

    isolated = pattern(spec, 1, 1.0, ISOLATED)
    latency_cycles = simulate(spec, Trace(*isolated), mode="serial", log=False).latency_cycles
    long_reads = simulate(spec, Trace(*pattern(spec, RUN_BURSTS[-1], 1.0)), log=False)
    energy = energy_pj(long_reads)
    bits = 8 * spec.geometry.burst_bytes * REQUESTS

    def efficiency(run_bursts: int, read_share: float) -> float:
        run = simulate(spec, Trace(*pattern(spec, run_bursts, read_share)), log=False)
        seconds = run.cycles * spec.clock_ps * 1e-12
        return REQUESTS * spec.geometry.burst_bytes / seconds / spec.peak_bytes_per_s

    return DramCalibration(
        kind="dram_calibration",
        made_by="python -m lockstep.sim.dram_calibration",
        spec_sha256=digest(spec),
        latency_ns=round(float(latency_cycles.mean()) * spec.clock_ps * 1e-3, 3),
        device_pj_per_bit=round(energy["total"] / bits, 4) if energy else None,
        run_bursts=RUN_BURSTS,
        read_shares=READ_SHARES,
        efficiency=tuple(
            tuple(round(efficiency(run, share), 4) for run in RUN_BURSTS) for share in READ_SHARES
        ),
    )


def pattern(
    spec: DramSpec, run_bursts: int, read_share: float, n: int = REQUESTS
) -> tuple[I64, I64]:
    """``is_write`` and byte ``address`` of ``n`` requests, both ``(n,)``.

    Reads lie in the lower half of the memory and writes in the upper one; runs are as far apart as
    the bytes of one row in every bank group, so that each opens rows of its own.
    """
    reads = round(n * read_share)
    is_write, index = Turns(reads, n - reads, BLOCK_BURSTS).at(np.arange(n, dtype=np.int64))
    run, offset = np.divmod(index, run_bursts)
    g = spec.geometry
    stripe = g.pseudo_channels * g.bank_groups * g.columns
    half = g.capacity_bytes // g.burst_bytes // 2
    pitch = stripe * -(-run_bursts // stripe)
    burst = (run * pitch + offset) % half + half * is_write
    return is_write, interleaved(spec, burst * g.burst_bytes)


def _cache_path(spec: DramSpec) -> Path:
    """Where the table of this memory, measured by this engine, is kept."""
    here = Path(__file__)
    sources = [*here.parent.glob("dram_*.py"), *here.parent.glob("cycle/dram/*.py")]
    engine = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources)))
    key = hashlib.sha256(f"{digest(spec)} {engine.hexdigest()}".encode()).hexdigest()
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lockstep"
    return root / "dram" / f"{key[:32]}.json"


def _store(table: DramCalibration, path: Path) -> None:
    """Write the table in one piece; a cache that cannot be written costs time, not the run."""
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(table.model_dump(mode="json")))
        fresh.replace(path)
    except OSError as error:
        _LOG.warning("%s: cannot keep the calibration: %s", path, error.strerror)


def _yaml(table: DramCalibration) -> Iterator[str]:
    """Lines of a shipped file."""
    yield f"# Measured, not written: {table.made_by}"
    for key, value in table.model_dump(mode="json", exclude_none=True).items():
        if key == "efficiency":
            yield "efficiency:  # a row per read share, a column per run"
            yield from (f"  - {json.dumps(row)}" for row in value)
        else:
            yield f"{key}: {json.dumps(value) if isinstance(value, list) else value}"


def main() -> None:
    """Measure every shipped memory anew and write its file."""
    for path in shipped("dram").values():
        spec = load_dram_preset(path).spec
        if spec is not None:
            folder = path.parents[1] / "dram_calibration"
            text = "\n".join(_yaml(calibrate(spec))) + "\n"
            (folder / f"{spec.name}.yaml").write_text(text)


if __name__ == "__main__":
    main()
