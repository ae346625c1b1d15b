"""Run one GEMM in ZigZag on its bundled ``tpu_like``, scaled to the machine compared with.

Request: ``m, n, k, rows, cols, dataflow`` ("os" or "ws"), ``acc_bits``, ``sram_bits``,
``sram_bits_per_cycle``, ``dram_bits_per_cycle``, ``weights_per_pe`` (null: 128, as bundled).
Answer: ``cycles`` and its parts ``ideal_cycles``, ``stall_cycles``, ``onload_cycles``,
``offload_cycles``, ``drain_cycles``; ``loops`` (the temporal mapping); ``import_s``, ``run_s``.
"""

import contextlib
import json
import logging
import sys
import time
from pathlib import Path


def hardware(bundled, request):
    """Scale array, accumulator, SRAM and DRAM; costs per access stay as bundled."""
    bundled["operational_array"]["sizes"] = [request["cols"], request["rows"]]
    weights, partial_sums = bundled["memories"]["rf_128B"], bundled["memories"]["rf_2B"]
    if request["weights_per_pe"]:
        weights["size"] = 8 * request["weights_per_pe"]
    partial_sums["size"] = request["acc_bits"]
    for port in partial_sums["ports"]:
        port["bandwidth_min"] = port["bandwidth_max"] = request["acc_bits"]
    bundled["memories"]["sram_2MB"]["size"] = request["sram_bits"]
    for name, key in (("sram_2MB", "sram_bits_per_cycle"), ("dram", "dram_bits_per_cycle")):
        for port in bundled["memories"][name]["ports"]:
            port["bandwidth_max"] = request[key]
    return bundled


def mapping(bundled, request):
    """Columns hold N (ZigZag's K); rows hold K (its C) or, output stationary, M (its D)."""
    layer = next(entry for entry in bundled if entry["name"] == "default")
    down = "D" if request["dataflow"] == "os" else "C"
    layer["spatial_mapping"] = {
        "D1": [f"K, {request['cols']}"],
        "D2": [f"{down}, {request['rows']}"],
    }
    return [layer]


def workload(request):
    """One Gemm layer, int8 operands, results as wide as the accumulator."""
    return [
        {
            "id": 0,
            "name": "gemm",
            "operator_type": "Gemm",
            "equation": "O[d][k]+=I[d][c]*W[c][k]",
            "dimension_relations": [],
            "loop_dims": ["C", "D", "K"],
            "loop_sizes": [request["k"], request["m"], request["n"]],
            "operand_precision": {
                "W": 8,
                "I": 8,
                "O": request["acc_bits"],
                "O_final": request["acc_bits"],
            },
            "operand_source": {"W": 0, "I": 0},
        }
    ]


def main() -> None:
    request = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        begin = time.perf_counter()
        import yaml
        import zigzag
        from zigzag.api import get_hardware_performance_zigzag

        imported = time.perf_counter()
        logging.disable(logging.WARNING)
        inputs = Path(zigzag.__file__).parent / "inputs"

        def bundled(folder):
            return yaml.safe_load((inputs / folder / "tpu_like.yaml").read_text())

        for name, content in (
            ("hardware", hardware(bundled("hardware"), request)),
            ("mapping", mapping(bundled("mapping"), request)),
            ("workload", workload(request)),
        ):
            # Memories are listed from the array outwards, and that order counts.
            Path(f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        _, cycles, detail = get_hardware_performance_zigzag(
            "workload.yaml",
            "hardware.yaml",
            "mapping.yaml",
            opt="latency",
            dump_folder="out",
            loma_show_progress_bar=False,
        )
        done = time.perf_counter()
    layer = detail[0][1][0][0]
    answer = {
        "cycles": cycles,
        "ideal_cycles": layer.ideal_temporal_cycle,
        "stall_cycles": layer.stall_slack_comb,
        "onload_cycles": layer.data_onloading_cycle,
        "offload_cycles": layer.data_offloading_cycle,
        "drain_cycles": layer.systolic_drain_cycle,
        "loops": str(layer.temporal_mapping),
        "import_s": imported - begin,
        "run_s": done - imported,
    }
    sys.stdout.write(json.dumps(answer, default=float) + "\n")


if __name__ == "__main__":
    main()
