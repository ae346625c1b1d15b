"""Testbench of a unit with one stream in, ``i``, and one out, ``o``: all arithmetic units.

Runs inside the simulator. It knows no arithmetic: it drives the plan's words and reports what came
out and when, for :mod:`lockstep.verify.mac_stream` to compare.

Plan: ``batches``, each ``{words, results, valid_p, ready_p}``: words in hexadecimal, how many results
they make, and the chances of a valid word and of a ready consumer. Report: per batch ``outputs`` in
hexadecimal; ``accepted`` and ``emitted``, the cycles of the transfers; ``moved``, 1 for each cycle in
which the unit was not stalled; and ``unstable``, offers that were withdrawn or changed.
"""

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from lockstep.verify import cosim

PERIOD_NS = 2
NO_PROGRESS_CYCLES = 1000  # random stalls and pipelines are tens of cycles at most
COIN = random.Random(cocotb.RANDOM_SEED)


@cocotb.test()
async def drive_batches(dut: Any) -> None:
    """Drive every batch of the plan, back to back, and report."""
    clock = Clock(dut.clk, PERIOD_NS, unit="ns")
    clock.start()
    dut.i__valid.value = 0
    dut.o__ready.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    cosim.write_report({"batches": [await drive(dut, b) for b in cosim.plan()["batches"]]})


async def drive(dut: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """Drive one batch until all its results are out."""
    words = [int(word, 16) for word in batch["words"]]
    valid_p, ready_p = batch["valid_p"], batch["ready_p"]
    i_valid, i_ready, i_payload = dut.i__valid, dut.i__ready, dut.i__payload
    o_valid, o_ready, o_payload = dut.o__valid, dut.o__ready, dut.o__payload
    payload_bits = len(i_payload)
    edge, settled = RisingEdge(dut.clk), ReadOnly()
    outputs: list[str] = []
    accepted: list[int] = []
    emitted: list[int] = []
    moved: list[int] = []
    unstable = 0
    waiting: int | None = None  # what was offered and not taken in the last cycle
    offered = False
    while len(emitted) < batch["results"] or len(accepted) < len(words):
        left = len(accepted) < len(words)
        offered = left and (offered or COIN.random() < valid_p)  # an offer stands until it is taken
        i_valid.value = int(offered)
        i_payload.value = words[len(accepted)] if offered else COIN.getrandbits(payload_bits)
        ready = COIN.random() < ready_p
        o_ready.value = int(ready)
        await settled
        cycle = len(moved)
        can_move = i_ready.value == 1
        moved.append(int(can_move))
        offer = int(o_payload.value) if o_valid.value == 1 else None
        if waiting is not None and offer != waiting:
            unstable += 1
        waiting = None if ready else offer
        if offer is not None and ready:
            outputs.append(f"{offer:x}")
            emitted.append(cycle)
        if offered and can_move:
            accepted.append(cycle)
            offered = False
        progress = max(emitted[-1] if emitted else 0, accepted[-1] if accepted else 0)
        assert cycle - progress < NO_PROGRESS_CYCLES, "no progress"
        await edge
    return {
        "outputs": outputs,
        "accepted": accepted,
        "emitted": emitted,
        "moved": moved,
        "unstable": unstable,
    }
