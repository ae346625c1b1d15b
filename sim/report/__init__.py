"""The report of a run: a folder of files that anyone can read, sum up and repeat."""

from lockstep.sim.report.files import write_report
from lockstep.sim.report.table import read_report

__all__ = ["read_report", "write_report"]
