"""Runs: a prefill and a decode of a model on a machine, made now or read back."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.api.display import html_table, text_table
from lockstep.api.operators import OpRow, operators
from lockstep.api.table import Table
from lockstep.api.values import write_text
from lockstep.arch.error import InputError
from lockstep.sim.report.rates import rates_of
from lockstep.sim.report.run_files import RunFiles, read_run, run_files
from lockstep.sim.report.table import Row, op_rows
from lockstep.sim.run import RunResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lockstep.api.plots import RunPlots


_HEADLINES = ("ttft_s", "tpot_s", "latency_s", "tokens_per_s", "utilization", "energy_j", "area_mm2")  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class Run:
    """A prefill and a decode of a model on a machine.

    Made by :meth:`Machine.run` and :func:`open_run`. All numbers are those of ``lockstep run``.

    Parameters
    ----------
    source : RunResult or RunFiles
        The simulator's result, or what was read from a folder.
    command : tuple of str
        Arguments of the ``lockstep`` command that makes the same run.
    folder : Path or None
        Where it was read from.
    """

    source: RunResult | RunFiles
    command: tuple[str, ...] = ()
    folder: Path | None = None

    @cached_property
    def ops(self) -> Table[OpRow]:
        """One row per operator and phase, in execution order; columns sum to the summary's totals."""
        return operators(self._rows, of=self._what)

    @property
    def summary(self) -> dict[str, Any]:
        """The headline numbers, as ``lockstep run --json`` prints them; a copy."""
        return copy.deepcopy(self._summary)

    @property
    def latency_s(self) -> float:
        """Wall clock of prefill and decode, in seconds."""
        return self._number("latency_s")

    @property
    def ttft_s(self) -> float:
        """Time to first token, in seconds: the prefill."""
        return self._number("ttft_s")

    @property
    def tpot_s(self) -> float | None:
        """Time per output token, in seconds, the mean of the decode steps; None without a decode."""
        value: float | None = self._summary["tpot_s"]
        return value

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens of all sequences per second; prompt tokens without a decode."""
        return self._number("tokens_per_s")

    @property
    def utilization(self) -> float:
        """Useful MACs over what the machine could do in the same time, 0 to 1."""
        return self._number("utilization")

    @property
    def energy_j(self) -> float:
        """Energy of the run, in joules."""
        return self._number("energy_j")

    @property
    def energy_per_token_j(self) -> float:
        """Energy over the tokens that ``tokens_per_s`` counts, in joules."""
        return self._number("energy_per_token_j")

    @property
    def power_w(self) -> float:
        """Mean power of the run, in watts."""
        return self.energy_j / self.latency_s

    @property
    def area_mm2(self) -> float:
        """Arithmetic and scratchpad, in mm2; wiring and control are not in it."""
        return self._number("area_mm2")

    @property
    def result(self) -> RunResult | None:
        """The simulator's own result; None for a run that was read from a folder."""
        return self.source if isinstance(self.source, RunResult) else None

    @property
    def machine_config(self) -> dict[str, Any]:
        """The machine as it was run, as its file would say it."""
        if isinstance(self.source, RunResult):
            return self.source.system.machine.model_dump(mode="json")
        return dict(self.source.record["machine"])

    @property
    def plot(self) -> "RunPlots":
        """Figures: ``run.plot.roofline()``, ``.latency()``, ``.energy()``."""
        from lockstep.api.plots import RunPlots

        return RunPlots(self._figures)

    def write(self, folder: str | PathLike[str]) -> Path:
        """Write the folder that ``lockstep run --out`` writes.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist; files in it that are not of a report are left alone.

        Returns
        -------
        Path
            Its report.html.

        Raises
        ------
        InputError
            If it cannot be written, or this run was read from a folder.
        """
        from lockstep.sim.report import write_report

        if not isinstance(self.source, RunResult):
            raise InputError(f"{folder}: this run was read from {self.folder}; copy that folder")
        return write_report(self.source, Path(folder), command=self.command)[0]

    def report(self, path: str | PathLike[str], *others: "Run") -> Path:
        """Write one HTML page that needs no other file, of this run or of several side by side.

        Parameters
        ----------
        path : str or path
            The page, such as report.html.
        *others : Run
            Runs to stand beside this one.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        from lockstep.sim.report.page import render

        return write_text(path, render([run._files() for run in (self, *others)]))

    def _files(self) -> RunFiles:
        if isinstance(self.source, RunResult):
            return run_files(self.source, command=self.command)
        return self.source

    def _figures(self) -> "Mapping[str, Figure]":
        from lockstep.sim.report.plots import figures

        if isinstance(self.source, RunResult):
            rates = rates_of(self.source.system)
        else:
            rates = self.source.rates
        return figures(self._summary, rates, self._rows)

    @cached_property
    def _summary(self) -> dict[str, Any]:
        if isinstance(self.source, RunResult):
            return self.source.summary()
        return dict(self.source.summary)

    @cached_property
    def _rows(self) -> Sequence[Row]:
        return op_rows(self.source) if isinstance(self.source, RunResult) else self.source.rows

    @property
    def _what(self) -> str:
        s = self._summary
        return (
            f"{s['model']} on {s['machine']}, batch {s['batch']}, {s['prefill_tokens']:,} tokens in, "
            f"{s['decode_tokens']:,} out"
        )

    def _number(self, name: str) -> float:
        return float(self._summary[name])

    def _headlines(self) -> dict[str, Any]:
        return {name: self._summary[name] for name in _HEADLINES if self._summary[name] is not None}

    def __repr__(self) -> str:
        return "\n".join([f"Run: {self._what}", *text_table([self._headlines()])])

    def _repr_html_(self) -> str:
        return html_table([self._headlines()], title=self._what)


def open_run(folder: str | PathLike[str]) -> Run:
    """Read back what ``lockstep run --out`` or :meth:`Run.write` wrote.

    Numbers are those of the files; nothing is simulated.

    Parameters
    ----------
    folder : str or path
        All files that were written there.

    Raises
    ------
    InputError
        If the folder or a file of it is missing, or does not hold what a report holds.
    """
    return Run(read_run(Path(folder)), folder=Path(folder))
