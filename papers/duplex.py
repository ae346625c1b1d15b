"""Duplex (MICRO'24): a GPU whose stacks of HBM compute on their logic dies, for models with experts."""

from lockstep.papers.duplex_device import device, intensity
from lockstep.papers.duplex_latency import latency, sensitivity
from lockstep.papers.duplex_speed import energy, speedup
from lockstep.papers.reproduction import Paper

PAPER = Paper(
    name="duplex",
    title="Duplex (MICRO 2024): xPU and Logic-PIM for models with experts and grouped attention",
    experiments={
        "device": device,
        "intensity": intensity,
        "speedup": speedup,
        "energy": energy,
        "latency": latency,
        "sensitivity": sensitivity,
    },
)
