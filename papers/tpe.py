"""TPE: tensor engines with bit-weight MACs (HPCA'25, arXiv 2503.06342), on our own RTL and synthesis."""

from functools import partial

from lockstep.papers.reproduction import Paper
from lockstep.papers.tpe_digits import SIGMAS, cycles
from lockstep.papers.tpe_energy import energy
from lockstep.papers.tpe_engines import engines
from lockstep.papers.tpe_pe import delays
from lockstep.papers.tpe_workloads import end_to_end


def paper(sigma: float | None) -> Paper:
    """The experiments; ``sigma`` is the spread of INT8 operands, or None for those of the paper."""
    return Paper(
        name="tpe",
        title="TPE: a bit-weight dimension for the MAC (HPCA'25, arXiv 2503.06342)",
        experiments={
            "opt4c-cycles": partial(cycles, SIGMAS if sigma is None else (sigma,)),
            "pe": delays,
            "energy": energy,
            "engines": engines,
            "end-to-end": end_to_end,
        },
    )
