"""Machines: load one, change it, run on it, take its Verilog, hold that to the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from lockstep.api import workload
from lockstep.api.description import Described
from lockstep.api.product import Gemm
from lockstep.api.results import Run
from lockstep.api.table import Table
from lockstep.api.values import plain_text, whole
from lockstep.arch.error import InputError
from lockstep.arch.extra import needs_extra
from lockstep.arch.listing import MachineRow, machine_rows
from lockstep.arch.machine import load_machine
from lockstep.sim.dram_exact import no_progress
from lockstep.sim.gemm import simulate_gemm
from lockstep.sim.operand_formats import chosen_formats
from lockstep.sim.run import default_prefill, simulate

if TYPE_CHECKING:  # needs the rtl extra
    from lockstep.verify.agreement import AgreementRow


@dataclass(frozen=True, slots=True, repr=False)
class Machine(Described):
    """An accelerator.

    Parameters
    ----------
    source : str
        The shipped name, or the path, that it was loaded from.
    system : System
        Its description, with the tables that it names.
    overrides : mapping of dotted key to value
        What was changed, in order.
    """

    def override(self, changes: Mapping[str, Any] | None = None, /, **keys: Any) -> "Machine":
        """Another machine that differs in some keys.

        Parameters
        ----------
        changes : mapping of dotted key to value
            As ``{"tensor.rows": 8, "dram.channels": 2}``.
        **keys
            Keys without a dot, as ``clock_mhz=500``.

        Raises
        ------
        InputError
            On any bad key or value, as of :func:`machine`.
        """
        added = {**(changes or {}), **keys}
        kept = {key: value for key, value in self.overrides.items() if key not in added}
        return machine(self.source, {**kept, **added})

    def run(
        self,
        model: "str | PathLike[str] | workload.Model",
        *,
        prefill: SupportsIndex | None = None,
        decode: SupportsIndex = 0,
        batch: SupportsIndex = 1,
        weights: str | None = None,
        activations: str | None = None,
        kv: str | None = None,
        scale_rule: Literal["floor", "ceil"] = "floor",
        dram: Literal["fast", "exact"] = "fast",
        progress: Callable[[int], None] = no_progress,
    ) -> Run:
        """Run a model: a prefill, then a decode over growing context.

        Parameters
        ----------
        model : str, path or Model
            A shipped name, a model YAML, a ``config.json``, or what :func:`lockstep.model` gave.
        prefill : int or None
            Prompt tokens of each sequence; None: 2048, or the most a model takes.
        decode : int
            Tokens to generate for each sequence.
        batch : int
            Sequences that run together.
        weights, activations, kv : str or None
            Stored formats; None: those of the machine's MAC.
        scale_rule : "floor" or "ceil"
            How power-of-two block scales are chosen; floor is OCP's.
        dram : "fast" or "exact"
            DRAM by calibrated bandwidth, or command by command, which takes minutes and numba.
        progress : callable
            Told now and then how many DRAM requests have been simulated, if any are to be.

        Raises
        ------
        InputError
            If a size, a format or the model is wrong, or does not fit this machine.
        """
        chosen = model if isinstance(model, workload.Model) else workload.model(model)
        tokens = whole("decode", decode)
        result = simulate(
            self.system,
            chosen.config,
            prefill=default_prefill(chosen.config, tokens)
            if prefill is None
            else whole("prefill", prefill),
            decode=tokens,
            batch=whole("batch", batch),
            formats=chosen_formats(
                self.system,
                weights=weights,
                activations=activations,
                kv=kv,
                scale_rule=scale_rule,
            ),
            dram=dram,
            progress=progress,
        )
        options = {
            "prefill": result.prefill_tokens,
            "decode": tokens,
            "batch": result.batch,
            **asdict(result.formats),
            "dram": dram,
        }
        command = ["run", self.source, "--model", chosen.source]
        for key, value in self.overrides.items():
            command += ["--set", f"{key}={plain_text(key, value)}"]
        command += [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        return Run(result, command=tuple(command))

    def gemm(
        self,
        m: SupportsIndex,
        n: SupportsIndex,
        k: SupportsIndex,
        *,
        dram: Literal["fast", "exact"] = "fast",
    ) -> Gemm:
        """Run one matrix product, ``C[m, n] = A[m, k] @ B[k, n]``, in the formats of the MAC.

        Parameters
        ----------
        m, n, k : int
            Sizes, 1 to 1,048,576.
        dram : "fast" or "exact"
            As of :meth:`run`.

        Raises
        ------
        InputError
            If a size is wrong, or the machine has no tensor engine.
        """
        sizes = (whole("m", m), whole("n", n), whole("k", k))
        result = simulate_gemm(self.system, *sizes, dram=dram)
        return Gemm(
            machine=self.name,
            m=sizes[0],
            n=sizes[1],
            k=sizes[2],
            clock_hz=self.clock_hz,
            numbers=result.summary(),
        )

    def verilog(self, folder: str | PathLike[str]) -> list[Path]:
        """Write the Verilog of each unit that has RTL, and its port list beside it.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist.

        Returns
        -------
        list of Path
            ``UNIT.v`` and ``UNIT.ports.json``.

        Raises
        ------
        InputError
            If a unit has no RTL in the formats asked for, the folder cannot be written, or the
            extra ``rtl`` is not installed.
        """
        with needs_extra("rtl", "verilog"):
            from lockstep.rtl.verilog import write_verilog
        return write_verilog(self.system, Path(folder))

    def synth(
        self,
        *,
        target: Literal["generic", "ecp5", "ice40"] = "generic",
        liberty: str | PathLike[str] | None = None,
        delay_ns: float | None = None,
        folder: str | PathLike[str] | None = None,
    ) -> dict[str, Any]:
        """Map the tensor engine to gates, or place and route it on an FPGA.

        Parameters
        ----------
        target : "generic", "ecp5" or "ice40"
            Gates of a cell library, or an FPGA family.
        liberty : str, path or None
            A Liberty file to map to; None: the shipped 28 nm library. For gates only.
        delay_ns : float or None
            Delay to meet, 0 for the smallest area; None: the clock's period. For gates only.
        folder : str, path or None
            Where to write netlist and report.

        Returns
        -------
        dict
            As ``lockstep synth --json`` prints it; ``blocks`` has a row per block.

        Raises
        ------
        InputError
            If an option is wrong, a tool fails, or the extra ``synth`` is not installed.
        """
        with needs_extra("synth", "synth"):
            from lockstep.rtl.synth.machine import synthesize_machine
        return synthesize_machine(
            self.config,
            target=target,
            liberty=None if liberty is None else Path(liberty),
            delay_ns=delay_ns,
            out=None if folder is None else Path(folder),
        )

    def verify(self, *, quick: bool = True) -> "Table[AgreementRow]":
        """Hold the RTL of each unit to the simulator, under Verilator.

        Parameters
        ----------
        quick : bool
            A sample, about a minute; all vectors otherwise.

        Returns
        -------
        Table
            The agreement table: bit mismatches, cycle error, mutants caught. A row has ``passed``.

        Raises
        ------
        InputError
            If a unit has no RTL in the formats asked for, or the extra ``rtl`` or the simulator is
            not installed.
        """
        with needs_extra("rtl", "verify"):
            from lockstep.verify.cosim import SimulationError
            from lockstep.verify.machine import verify_machine
            from lockstep.verify.verilator import BuildError
        try:
            rows = list(verify_machine(self.system, quick=quick))
        except InputError:
            raise
        except (BuildError, SimulationError, ValueError) as error:
            raise InputError(f"verify: {error}") from None
        shown_columns = ("unit", "configs", "vectors", "mismatches", "cycle_error_min", "cycle_error_max", "mutants", "mutants_caught", "passed")  # fmt: skip
        return Table(
            rows,
            lambda row: row.summary(),
            title=f"agreement of RTL and simulator: {self.name}",
            shown=shown_columns,
        )


def machine(
    name_or_path: str | PathLike[str], overrides: Mapping[str, Any] | None = None
) -> Machine:
    """Load a shipped machine or a machine file.

    Parameters
    ----------
    name_or_path : str or path
        :func:`lockstep.machines` lists the shipped names.
    overrides : mapping of dotted key to value
        Keys of the file to change, as ``{"tensor.rows": 8}``; a value may be a number, a string, a
        boolean, None, a list, or a dict that replaces a whole section.

    Raises
    ------
    InputError
        On any bad input: one line with file, line, key, value and remedy.
    """
    source, changes = fspath(name_or_path), dict(overrides or {})
    texts = [f"{key}={plain_text(key, value)}" for key, value in changes.items()]
    return Machine(source, load_machine(source, texts), changes)


def machines() -> Table[MachineRow]:
    """The shipped machines."""
    return Table(
        machine_rows(),
        asdict,
        title="shipped machines",
        shown=("name", "array", "engine", "pim", "format", "mhz", "tmac_s", "dram_gb_s"),
    )
