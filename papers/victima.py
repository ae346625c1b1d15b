"""Victima (MICRO'23): TLB entries in the lines of the L2 cache."""

from lockstep.papers.reproduction import Paper
from lockstep.papers.victima_area import area
from lockstep.papers.victima_predictor import predictor
from lockstep.papers.victima_reach import reach
from lockstep.papers.victima_speed import native, virtualised
from lockstep.papers.victima_sweeps import ablation, crossover, l2_size

PAPER = Paper(
    name="victima",
    title="Victima (MICRO 2023): TLB blocks in the L2 cache",
    experiments={
        "native": native,
        "virtualised": virtualised,
        "reach": reach,
        "predictor": predictor,
        "l2-size": l2_size,
        "ablation": ablation,
        "crossover": crossover,
        "area": area,
    },
)
