"""A machine's tensor engine on an FPGA: Yosys, nextpnr, and what the engine takes of a real device."""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lockstep.arch.error import InputError, show, suggest
from lockstep.arch.machine import Machine, System
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.rtl.synth.fpga_devices import FAMILIES, Device, Family, Resources, mapped
from lockstep.rtl.synth.fpga_tools import nextpnr, nextpnr_version
from lockstep.rtl.synth.project import SHELL, Shell, project_files, shell_around
from lockstep.rtl.synth.tool import cache_dir, run_script, version

UNIT = "tensor"
"""The unit that is placed, and the name of its module."""

SEED = 1
"""Of the placement. Another one moves ``fmax_mhz`` by some percent."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FpgaReport:
    """What a machine's tensor engine takes of an FPGA, and how fast it runs there.

    Parameters
    ----------
    machine, unit, target, device, package : str
        The device is the smallest of its family that the unit fits, in its shell.
    lut : int
        Four-input look-up tables of the unit. ECP5: after placement, carry chains included; iCE40:
        after synthesis.
    ff, dsp, bram : int
        Flip-flops, 18x18 multipliers and block RAMs of the unit.
    shell_lut, shell_ff : int
        What the shell takes besides, see :func:`lockstep.rtl.synth.project.shell_around`.
    fmax_mhz : float
        Highest clock after routing, every path of the unit counted, slow corner.
    longest_path : (str, str)
        Where the slowest path starts, and where it ends.
    utilization : mapping of resource to (used, available)
        As nextpnr counts, shell included.
    seed : int
    tools : tuple of str
        Yosys and nextpnr, with versions.
    """

    machine: str
    unit: str
    target: str
    device: str
    package: str
    lut: int
    ff: int
    dsp: int
    bram: int
    shell_lut: int
    shell_ff: int
    fmax_mhz: float
    longest_path: tuple[str, str]
    utilization: dict[str, tuple[int, int]]
    seed: int
    tools: tuple[str, ...]


def place_and_route(
    machine: Machine | System,
    target: str,
    out: Path | None = None,
    *,
    progress: Progress | None = None,
) -> FpgaReport:
    """Synthesize, place and route a machine's tensor engine.

    Its streams are wider than any package, so it sits in a shell with three pins, whose cells are
    counted apart. The result is kept in the cache folder.

    Parameters
    ----------
    machine : Machine or System
        Whose tensor engine.
    target : "ecp5" or "ice40"
        Which family of devices.
    out : Path or None
        Folder for the whole project: Verilog, constraints, reports and how to go on from there.
    progress : callable or None
        Told in a line what takes long.

    Raises
    ------
    lockstep.arch.error.InputError
        If the target is unknown, the unit has no RTL or fits no device, the tools are not installed,
        or ``out`` cannot be written.
    lockstep.rtl.synth.tool.SynthesisError
        If a tool fails.
    """
    machine = machine.machine if isinstance(machine, System) else machine
    if target not in FAMILIES:
        raise InputError(f"target: unknown {show(target)}; {suggest(target, FAMILIES)}")
    try:
        verilog = to_verilog(machine.engine, UNIT)
    except ValueError as error:
        raise InputError(f"{machine.name}: {UNIT}: {error}") from None
    shell = shell_around(verilog, UNIT)
    flow = _Flow(machine.name, target, verilog, shell, progress or (lambda _: None))
    run = flow.cached()
    report = run.report
    if out is not None:
        files = project_files(
            unit=UNIT,
            verilog=verilog,
            shell=shell,
            ports=ports(component(machine.engine)),
            report=asdict(report),
            commands=run.commands,
            log=run.log,
        )
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (out / name).write_text(text)
        except OSError as error:
            raise InputError(f"--out {out}: cannot write there: {error.strerror}") from None
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What is kept of a run: its report, what nextpnr said, the commands that repeat it."""

    report: FpgaReport
    log: str
    commands: str


@dataclass(frozen=True, slots=True)
class _Flow:
    machine: str
    target: str
    verilog: str
    shell: Shell
    progress: Progress

    @property
    def family(self) -> Family:
        return FAMILIES[self.target]

    def cached(self) -> _Run:
        self.progress("starting Yosys and nextpnr; the first time ever takes up to two minutes")
        parts = [
            version(),
            nextpnr_version(self.family.nextpnr),
            Path(__file__).read_text(),
            repr(self.family),
            self.verilog,
            self.shell.verilog,
        ]
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
        kept = cache_dir() / f"fpga-{key}.json"
        if not kept.exists():
            with tempfile.TemporaryDirectory() as folder:
                run = self._run_in(Path(folder))
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as half_written:
                half_written.write(json.dumps(asdict(run)))
            Path(half_written.name).rename(kept)
        run = TypeAdapter(_Run).validate_json(kept.read_text())
        # The name is no part of what is cached.
        return replace(run, report=replace(run.report, machine=self.machine))

    def _run_in(self, folder: Path) -> _Run:
        (folder / f"{UNIT}.v").write_text(self.verilog)
        (folder / f"{SHELL}.v").write_text(self.shell.verilog)
        lacking = ""
        for front in self.family.fronts:
            *_, command = front
            self.progress(f"{command}: {version()}")
            script = _script(front)
            (folder / "synth.ys").write_text("\n".join(script))
            run_script("synth.ys", folder)
            described = json.loads((folder / "netlist.json").read_text())["modules"][UNIT]
            need = mapped(Counter(cell["type"] for cell in described["cells"].values()))
            whole = replace(need, lut=need.lut + self.shell.lut, ff=need.ff + self.shell.ff)
            lacking = whole.beyond(self.family.devices[-1].has)
            for device in self.family.devices:
                if whole.beyond(device.has):
                    continue
                self.progress(f"placing and routing on {device.name}; larger arrays take minutes")
                arguments = _arguments(self.family, device)
                log = nextpnr(self.family.nextpnr, arguments, folder)
                if log is not None:
                    return _Run(
                        report=self._report(device, need, folder),
                        log=log,
                        commands=f"yosys -q -p '{'; '.join(script)}'\n"
                        f"nextpnr-{self.family.nextpnr} {' '.join(arguments)}\n",
                    )
            lacking = lacking or f"{whole.lut} look-up tables, which do not all find a place"
        raise InputError(
            f"{self.machine}: {UNIT}: does not fit {self.family.devices[-1].name}, the largest "
            f"{self.target} device: it needs {lacking}; make tensor.rows or tensor.cols smaller"
        )

    def _report(self, device: Device, need: Resources, folder: Path) -> FpgaReport:
        told = json.loads((folder / "nextpnr.json").read_text())
        used = {
            name: (use["used"], use["available"])
            for name, use in told["utilization"].items()
            if use["used"]
        }
        lut = need.lut
        if self.target == "ecp5":
            lut = used["TRELLIS_COMB"][0] - self.shell.lut
        (clock,) = told["fmax"].values()
        return FpgaReport(
            machine=self.machine,
            unit=UNIT,
            target=self.target,
            device=device.name,
            package=device.package,
            lut=lut,
            ff=need.ff,
            dsp=need.dsp,
            bram=need.bram,
            shell_lut=self.shell.lut,
            shell_ff=self.shell.ff,
            fmax_mhz=clock["achieved"],
            longest_path=_ends(told["critical_paths"]),
            utilization=used,
            seed=SEED,
            tools=(version(), nextpnr_version(self.family.nextpnr)),
        )


def _script(front: tuple[str, ...]) -> list[str]:
    """Map shell and unit apart, so that their cells are told apart."""
    *before, last = front
    return [
        f"read_verilog {UNIT}.v {SHELL}.v",
        f"hierarchy -check -top {SHELL}",
        f"setattr -mod -set keep_hierarchy 1 {UNIT}",
        "proc",
        *before,
        f"{last} -top {SHELL} -json netlist.json",
    ]


def _arguments(family: Family, device: Device) -> list[str]:
    return [
        f"--{device.option}",
        *("--package", device.package),
        *family.options,
        *("--json", "netlist.json"),
        *("--freq", str(family.goal_mhz)),
        *("--seed", str(SEED)),
        "--timing-allow-fail",
        *("--report", "nextpnr.json"),
    ]


def _ends(paths: list[dict[str, Any]]) -> tuple[str, str]:
    """Cells at the start and the end of the slowest path between registers."""
    path = next(p["path"] for p in paths if p["from"] == p["to"])
    return path[0]["from"]["cell"], path[-1]["to"]["cell"]
