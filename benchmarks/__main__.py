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
    for name in chosen.names or TABLES:
        with progress.status(f"{name} ...") as status:
            session = Session(fresh=chosen.fresh, say=status.update)
            host = machine()
            table = importlib.import_module(TABLES[name]).measure(session)
        if session.recalled:
            table.notes.append(
                f"Answers of peers were kept from runs of {min(session.recalled)} and later; "
                "python -m benchmarks --fresh measures them side by side again."
            )
        table.write(ROOT / "results" / "speed", host)
        output.print(table.markdown(host), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
