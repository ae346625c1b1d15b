"""INT v.s. FP, arXiv 2510.25602: when integers are better than floats of the same width, and cheaper."""

from lockstep.papers.int_vs_fp_cost import cost, energy
from lockstep.papers.int_vs_fp_qsnr import theory
from lockstep.papers.int_vs_fp_tensors import measured
from lockstep.papers.reproduction import Paper

PAPER = Paper(
    name="int-vs-fp",
    title="INT v.s. FP (arXiv 2510.25602): precision and cost of integer and floating-point block formats",
    experiments={"theory": theory, "tensors": measured, "cost": cost, "energy": energy},
)
