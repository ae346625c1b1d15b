"""``lockstep machines``: what is shipped."""

from lockstep.cli.options import JsonOption, emit

EXAMPLES = ("lockstep machines", "lockstep machines --json  # with clock and technology")


def machines(as_json: JsonOption = False) -> None:
    """List the shipped machines.

    Peak multiply-accumulates are in 10^12 per second, DRAM bandwidth in GB/s.
    """
    from lockstep.arch.load import shipped
    from lockstep.arch.machine import load_machine

    systems = [load_machine(name) for name in sorted(shipped("machines"))]
    rows = [
        {
            "name": s.machine.name,
            "array": s.machine.tensor.shape if s.machine.tensor else "",
            "engine": s.machine.tensor.architecture if s.machine.tensor else "",
            "pim": s.machine.pim.kind if s.machine.pim else "",
            "format": s.operand_formats[1],
            "mhz": s.machine.clock_mhz,
            "tmac_s": s.peak_macs_per_s * 1e-12,
            "dram_gb_s": s.dram.peak_bytes_per_s * s.machine.dram.channels * 1e-9,
            "tech": s.machine.tech,
        }
        for s in systems
    ]
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    left_out = ("mhz", "tech")  # what a line of 100 columns has no room for
    show.table(
        "shipped machines", [{k: v for k, v in row.items() if k not in left_out} for row in rows]
    )
