"""GEMM cycles on small arrays: RTL under Verilator, lockstep's model, SCALE-Sim, ZigZag."""

from benchmarks.against_scalesim import DATAFLOWS, scalesim_request
from benchmarks.against_zigzag import zigzag_request
from benchmarks.peers import SCALESIM, ZIGZAG, ask
from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.machine import load_machine
from lockstep.sim.gemm import simulate_gemm
from lockstep.verify.measure import measure_gemm_cycles

ARRAYS = (8, 16, 32)
SIZES = (64, 128, 256, 512)
TIMEOUT_S = 900
# ZigZag always has memories; with these, only its whole-cycle ports can make the array wait.
AMPLE = {"sram_bits": 1 << 30, "sram_bits_per_cycle": 1 << 16, "dram_bits_per_cycle": 1 << 16}


def measure(session: Session) -> Table:
    """One row for each array, dataflow and size."""
    rows = [
        _row(session, array, short, size)
        for array in ARRAYS
        for short in DATAFLOWS
        for size in SIZES
    ]
    return Table(
        name="gemm",
        title="Cycles of one GEMM, operands always ready, single-buffered weights",
        rows=rows,
        notes=[
            (
                "RTL: the Verilog that `lockstep rtl` writes, run under Verilator with a "
                "free-running clock; cycles in which the engine is busy. Differences are to it."
            ),
            (
                "SCALE-Sim 3.0.0 and ZigZag 3.9.1 were not made for this RTL; what their "
                f"differences consist of is in docs/speed.md. SCALE-Sim was given {TIMEOUT_S} s "
                "for each cell."
            ),
        ],
    )


def _row(session: Session, array: int, short: str, size: int) -> Row:
    session.say(f"{array}x{array} {short}, {size}^3")
    system = load_machine(
        "edge-os16",
        [
            f"tensor.dataflow={DATAFLOWS[short]}",
            f"tensor.rows={array}",
            f"tensor.cols={array}",
        ],
    )
    rtl_cycles, _ = measure_gemm_cycles(system.machine.engine, size, size, size)
    ours = simulate_gemm(system, size, size, size).compute_cycles
    scalesim = ask(
        SCALESIM,
        scalesim_request(system, short, size, size, size),
        timeout_s=TIMEOUT_S,
        fresh=session.fresh,
    )
    zigzag = ask(
        ZIGZAG, zigzag_request(system, short, size, size, size) | AMPLE, fresh=session.fresh
    )
    capped = "timeout_s" in scalesim
    return {
        "array": f"{array}x{array}",
        "dataflow": DATAFLOWS[short].replace("_", " "),
        "gemm": f"{size}^3",
        "rtl": rtl_cycles,
        "lockstep": ours,
        "lockstep_difference": ours - rtl_cycles,
        "scalesim": f"over {TIMEOUT_S} s" if capped else scalesim["cycles"],
        "scalesim_difference": None if capped else scalesim["cycles"] - rtl_cycles,
        "zigzag": round(zigzag["cycles"]),
        "zigzag_difference": round(zigzag["cycles"]) - rtl_cycles,
    }
