"""GEMM 4096^3 on a 128x128 array: lockstep and ZigZag, cycles by cause, and seconds."""

from functools import partial

from benchmarks.measure import call_s, lockstep_command, process_s
from benchmarks.peers import ZIGZAG, Answer, ask
from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.machine import System, load_machine
from lockstep.sim.gemm import GemmResult, simulate_gemm

MACHINE = "cloud-ws128"
SIZE = 4096


def zigzag_request(
    system: System, dataflow: str, m: int, n: int, k: int, weights_per_pe: int | None = None
) -> dict[str, object]:
    """The machine's array, scratchpad and DRAM bandwidth in ZigZag's ``tpu_like``."""
    machine = system.machine
    return {
        "m": m, "n": n, "k": k, "dataflow": dataflow, "weights_per_pe": weights_per_pe,
        "rows": machine.engine.rows,
        "cols": machine.engine.cols,
        "acc_bits": machine.engine.mac.acc_bits,
        "sram_bits": 8 * machine.scratchpad.size_bytes,
        "sram_bits_per_cycle": int(8 * machine.scratchpad.bytes_per_cycle),
        "dram_bits_per_cycle": int(8 * system.dram_bytes_per_cycle),
    }  # fmt: skip


def measure(session: Session) -> Table:
    """One row for lockstep, one for ZigZag as bundled, one with lockstep's two weights per PE."""
    system = load_machine(MACHINE)
    session.say(f"ZigZag and lockstep, {SIZE}^3")
    bundled, two_weights = (
        ask(
            ZIGZAG,
            zigzag_request(system, "ws", SIZE, SIZE, SIZE, weights_per_pe=weights),
            runs=3,
            fresh=session.fresh,
        )
        for weights in (None, 2)
    )
    session.note_recalled(bundled)
    session.note_recalled(two_weights)
    call = call_s(partial(simulate_gemm, system, SIZE, SIZE, SIZE))
    process = process_s([lockstep_command(), "gemm", MACHINE, *[str(SIZE)] * 3, "--json"])
    ours = simulate_gemm(system, SIZE, SIZE, SIZE)
    return Table(
        name="zigzag",
        title=f"GEMM {SIZE}^3 on {MACHINE} (128x128): lockstep and ZigZag 3.9.1",
        rows=[
            _our_row(system, ours, call, process),
            _their_row("ZigZag, tpu_like scaled", bundled, call, process),
            _their_row("ZigZag, two weights per PE", two_weights, call, process),
        ],
        notes=[
            (
                f"lockstep maps {ours.mapping.jobs:.0f} jobs and pays fill and drain, and a "
                "dispatch cycle, in each: what its RTL does. ZigZag pays them once."
            ),
            (
                "ZigZag's stalls come from its ports: it rounds every transfer up to a whole "
                "cycle of the port, and transfers that share a port follow one another."
            ),
            (
                "The bundled tpu_like holds 128 weights in each PE, so ZigZag walks K inside the "
                "PE. With the two of a double-buffered array it moves a partial sum and an input "
                "through the SRAM's one read port in each step, and that port then takes two "
                "cycles for each."
            ),
            (
                "run: mapper and cost model, imports excluded, median of 21 (lockstep, warm) and "
                "3 (ZigZag); process: whole command. Ratios are to lockstep."
            ),
        ],
        details={
            "lockstep_mapping": ours.mapping.explain(),
            "zigzag_loops": bundled["loops"],
            "zigzag_two_weights_loops": two_weights["loops"],
        },
    )


def _our_row(system: System, result: GemmResult, call: float, process: float) -> Row:
    mapping, tensor = result.mapping, system.machine.engine
    ideal = SIZE**3 / tensor.pes
    dispatch = mapping.jobs * tensor.dispatch_cycles
    return {
        "tool": "lockstep",
        "cycles": round(mapping.latency_cycles),
        "macs_over_pes": round(ideal),
        "fill_and_drain": round(mapping.array_cycles - ideal - dispatch),
        "dispatch": round(dispatch),
        "stalls": 0,
        "first_load_and_last_store": round(mapping.latency_cycles - mapping.array_cycles),
        "run_s": call,
        "process_s": process,
        "run_ratio": 1.0,
        "process_ratio": 1.0,
    }


def _their_row(tool: str, answer: Answer, call: float, process: float) -> Row:
    return {
        "tool": tool,
        "cycles": round(answer["cycles"]),
        "macs_over_pes": round(answer["ideal_cycles"]),
        "fill_and_drain": round(answer["drain_cycles"]),
        "dispatch": 0,
        "stalls": round(answer["stall_cycles"]),
        "first_load_and_last_store": round(answer["onload_cycles"] + answer["offload_cycles"]),
        "run_s": answer["run_s"],
        "process_s": answer["process_s"],
        "run_ratio": answer["run_s"] / call,
        "process_ratio": answer["process_s"] / process,
    }
