"""Other tools, each in a virtual environment of its own, asked one GEMM at a time.

Answers are kept under ``build/benchmarks`` by tool, versions and request, so that a rerun is quick.
"""

import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
import venv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = ROOT / "build" / "benchmarks"
DRIVERS = Path(__file__).resolve().parent / "drivers"

Request = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another tool: its name, the packages it needs, and the script that runs a GEMM in it."""

    name: str
    requirements: tuple[str, ...]
    driver: str


SCALESIM = Peer(
    name="scalesim",
    requirements=("scalesim==3.0.0", "numpy<2"),  # it converts 1-element arrays to int
    driver="scalesim_gemm.py",
)
ZIGZAG = Peer(
    name="zigzag",
    requirements=("zigzag-dse==3.9.1", "six"),  # it imports six without asking for it
    driver="zigzag_gemm.py",
)


def ask(
    peer: Peer, request: Request, *, runs: int = 1, timeout_s: float = 900, fresh: bool = False
) -> Answer:
    """Run one request, or recall its answer.

    Parameters
    ----------
    peer : Peer
        The tool to ask.
    request : dict
        What its driver reads.
    runs : int
        Repetitions; times are medians over them.
    timeout_s : float
        For each repetition.
    fresh : bool
        Ignore a kept answer.

    Returns
    -------
    dict
        What the driver answered; ``process_s``, the whole process; ``measured_utc``; ``recalled``,
        whether it was kept from an earlier run. After a timeout: ``timeout_s`` and the last two.

    Raises
    ------
    RuntimeError
        If the tool fails; the message ends with what it printed last.
    """
    key = json.dumps([peer.name, peer.requirements, request, runs, timeout_s], sort_keys=True)
    kept = ANSWERS / f"{peer.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if kept.exists() and not fresh:
        return {**json.loads(kept.read_text()), "recalled": True}
    answer = _measure(peer, request, runs, timeout_s)
    answer["measured_utc"] = datetime.now(UTC).isoformat(timespec="seconds")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(answer, indent=2) + "\n")
    return {**answer, "recalled": False}


def _measure(peer: Peer, request: Request, runs: int, timeout_s: float) -> Answer:
    command = [str(_python(peer)), str(DRIVERS / peer.driver)]
    answers = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            try:
                done = subprocess.run(
                    command,
                    input=json.dumps(request),
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return {"timeout_s": timeout_s}
            process_s = time.perf_counter() - begin
        if done.returncode:
            raise RuntimeError(f"{peer.name} failed on {request}:\n{done.stderr[-2000:]}")
        answers.append({**json.loads(done.stdout.splitlines()[-1]), "process_s": process_s})
    times = [name for name in answers[0] if name.endswith("_s")]
    return {**answers[0], **{t: statistics.median(a[t] for a in answers) for t in times}}


def _python(peer: Peer) -> Path:
    """The interpreter of a peer's environment, made on first use."""
    folder = Path(os.environ.get("LOCKSTEP_PEERS", ROOT / "build" / "peers")) / peer.name
    python = folder / "bin" / "python"
    if not python.exists():
        # An environment that was left half-made never gets its final name.
        partial = folder.with_name(f"{peer.name}.partial")
        venv.create(partial, clear=True, with_pip=True)
        install = [str(partial / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *peer.requirements], check=True)
        partial.rename(folder)
    return python
