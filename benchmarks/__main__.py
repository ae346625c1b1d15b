"""``python -m benchmarks [NAME...] [--fresh]``: measure, print, and write results/speed/."""

import argparse
import importlib
import os

from rich.console import Console

from benchmarks.measure import machine
from benchmarks.peers import ROOT
from benchmarks.session import Session

TABLES = {
    "run": "benchmarks.model_run",
    "scalesim": "benchmarks.against_scalesim",
    "zigzag": "benchmarks.against_zigzag",
    "gemm": "benchmarks.gemm_cycles",
    "rtl": "benchmarks.rtl_speed",
    "formats": "benchmarks.formats",
    "dram": "benchmarks.dram",
    "translation": "benchmarks.translation",
    "explore": "benchmarks.explore",
    "startup": "benchmarks.startup",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TABLES)}; all")
    parser.add_argument("--fresh", action="store_true", help="measure kept answers of peers again")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(TABLES):
        parser.error(f"unknown table {', '.join(sorted(unknown))}; choose of {', '.join(TABLES)}")
    progress, output = Console(stderr=True), Console()
    os.chdir(ROOT)
    host = machine()  # before anything of ours runs, so that the load is that of others
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    for name in chosen.names or TABLES:
        with progress.status(f"{name} ...") as status:
            session = Session(fresh=chosen.fresh, say=status.update)
            table = importlib.import_module(TABLES[name]).measure(session)
        if load > cores / 2 and any(column.endswith("_s") for column in table.rows[0]):
            table.notes.append(
                f"The machine was busy when this began, load {load:.1f} on {cores} cores: cycles "
                "are right, times are too long."
            )
        if session.recalled:
            table.notes.append(
                f"Answers of peers were kept from runs of {min(session.recalled)} and later; "
                "python -m benchmarks --fresh measures them side by side again."
            )
        table.write(ROOT / "results" / "speed", host)
        output.print(table.markdown(host), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
