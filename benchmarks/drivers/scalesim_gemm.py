"""Run one GEMM in SCALE-Sim 3.0.0, traces off, in the current folder.

Request: ``m, n, k, rows, cols, dataflow`` ("os" or "ws"), ``ifmap_kib, filter_kib, ofmap_kib``.
Answer: ``cycles`` (compute cycles), ``stall_cycles``, ``import_s``, ``run_s``.
"""

import contextlib
import csv
import json
import sys
import time
from pathlib import Path

# CALC bandwidth: operands are always ready, so the report holds compute cycles only.
CONFIG = """\
[general]
run_name = run
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {cols}
ifmapsramszkB = {ifmap_kib}
filtersramszkB = {filter_kib}
ofmapsramszkB = {ofmap_kib}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
"""


def main() -> None:
    request = json.load(sys.stdin)
    Path("scale.cfg").write_text(CONFIG.format(**request))
    Path("gemm.csv").write_text("Layer, M, N, K,\nGEMM, {m}, {n}, {k},\n".format(**request))
    # 3.0.0 refuses to start without a layout file, even where no layout is used.
    Path("layout.csv").write_text("Layer,\n")
    with contextlib.redirect_stdout(sys.stderr):
        begin = time.perf_counter()
        from scalesim.scale_sim import scalesim

        imported = time.perf_counter()
        tool = scalesim(
            save_disk_space=True,
            verbose=False,
            config="scale.cfg",
            topology="gemm.csv",
            layout="layout.csv",
            input_type_gemm=True,
        )
        tool.run_scale(top_path=".")
        done = time.perf_counter()
    with Path("run/COMPUTE_REPORT.csv").open() as report:
        row = next(iter(csv.DictReader(report, skipinitialspace=True)))
    answer = {
        "cycles": int(float(row["Total Cycles"])),
        "stall_cycles": int(float(row["Stall Cycles"])),
        "import_s": imported - begin,
        "run_s": done - imported,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
