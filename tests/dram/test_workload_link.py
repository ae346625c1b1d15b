"""Workloads on command-level DRAM: calibrated bandwidth, and ``--dram exact``."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from lockstep.arch.dram_preset import digest, load_dram_preset
from lockstep.arch.load import InputError, shipped
from lockstep.arch.machine import load_machine
from lockstep.sim import dram_calibration, dram_exact, mapper
from lockstep.sim.dram_calibration import calibrate, calibrated, pattern
from lockstep.sim.dram_exact import with_exact_dram
from lockstep.sim.dram_rate import burst_rounding, dma_cycles_per_byte
from lockstep.sim.gemm import simulate_gemm
from lockstep.sim.mapper import Problem, map_problems, with_dma_cycles
from lockstep.sim.report import plots, write_report
from lockstep.sim.run import simulate
from lockstep.sim.tiling import Costs
from lockstep.workloads.model import load_model

GPT2 = load_model("gpt2")
TIMED = [name for name, path in shipped("dram").items() if load_dram_preset(path).spec]


def preset(name):
    return load_dram_preset(shipped("dram")[name])


def rate(system, run, pitch, read_share):
    """Cycles per byte of one pattern."""
    found = dma_cycles_per_byte(system, *(np.array([float(x)]) for x in (run, pitch, read_share)))
    return float(found[0])


def test_every_command_level_memory_has_a_preset_with_its_calibration():
    assert set(shipped("dram_timing")) <= set(TIMED)
    for name in TIMED:
        dram = preset(name)
        assert dram.calibration, f"run python -m lockstep.sim.dram_calibration for {name}"
        assert 0 < dram.bytes_per_s <= dram.peak_bytes_per_s
        assert dram.energy_pj_per_bit > 0
        assert 20 < dram.latency_ns < 100


@pytest.mark.parametrize("name", ["ddr4-3200", "hbm2-2000"])
def test_a_shipped_calibration_is_what_the_engine_measures(name):
    dram = preset(name)
    assert calibrate(dram.spec) == dram.calibration


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMED)
def test_all_shipped_calibrations_are_what_the_engine_measures(name):
    dram = preset(name)
    assert calibrate(dram.spec) == dram.calibration


@pytest.mark.parametrize("name", TIMED)
def test_long_runs_are_better_than_short_ones_and_mixing_costs(name):
    table = preset(name).calibration
    efficiency = np.array(table.efficiency)
    assert (efficiency[:, -1] > efficiency[:, 0]).all()
    assert (efficiency[[0, -1], -1] >= efficiency[2, -1]).all()
    assert (efficiency[[0, -1], -1] > 0.75).all(), "streams must come near the peak"


def test_a_pattern_is_runs_that_share_no_row():
    spec = preset("ddr4-3200").spec
    is_write, address = pattern(spec, 4, 0.75, 4096)
    assert is_write.sum() == 1024
    reads = address[is_write == 0] // 64
    from lockstep.sim.cycle.dram.address import decode

    place = decode(spec, reads * 64)
    rows = list(zip(place.bank.tolist(), place.row.tolist(), strict=True))
    assert len(set(rows)) == len(rows), "each burst of four lies in a bank group of its own"


def test_a_first_order_memory_has_one_bandwidth():
    system = load_machine("fusemax-cloud")
    for pattern_ in ((1, 1, 1.0), (4096, 1 << 20, 0.3)):
        assert rate(system, *pattern_) == pytest.approx(1 / system.dram_bytes_per_cycle, rel=1e-12)
    assert burst_rounding(system, np.array([3.5])) == 1.0
    assert system.dram_bytes_per_cycle * system.machine.clock_hz == 400 * 2**30


def test_the_rate_is_that_of_the_table_at_its_points_and_between():
    system = load_machine("edge-os16")
    table, channels = system.dram.calibration, system.machine.dram.channels
    peak = system.dram.peak_bytes_per_s * channels / system.machine.clock_hz
    run = 16 * 64 * channels  # sixteen bursts on each channel
    column = table.run_bursts.index(16)
    far = 1 << 30
    assert rate(system, run, far, 0.5) == pytest.approx(1 / peak / table.efficiency[2][column])
    low, high = rate(system, run / 2, far, 0.5), rate(system, run, far, 0.5)
    assert min(low, high) <= rate(system, 0.7 * run, far, 0.5) <= max(low, high)
    assert rate(system, run, run, 1.0) < rate(system, run, far, 1.0), "rows close by share rows"
    assert float(burst_rounding(system, np.array([65.0]))[0]) == pytest.approx(128 / 65)


def test_dma_cycles_given_back_change_nothing():
    system = load_machine("edge-os16")
    problem = Problem(m=300, n=500, k=700, instances=3.0)
    (mapping,) = map_problems(system, [problem])
    same = with_dma_cycles(system, problem, mapping, mapping.dma_cycles)
    assert same == mapping
    slower = with_dma_cycles(system, problem, mapping, 100 * mapping.dma_cycles)
    assert slower.latency_cycles >= slower.dma_cycles == pytest.approx(100 * mapping.dma_cycles)


CASES = [
    ("edge-os16", (512, 3072, 768)),
    ("edge-os16", (1, 4096, 1024)),
    ("edge-cube8", (100, 1000, 1000)),
    ("cloud-ws128", (8, 4096, 4096)),
    ("cloud-ws128", (512, 1024, 2048)),
]


@pytest.mark.parametrize(("machine", "size"), CASES)
def test_calibrated_bandwidth_is_near_the_engine(machine, size):
    result = simulate_gemm(load_machine(machine), *size, dram="exact")
    assert abs(result.summary()["dram_error"]["dma"]) < 0.1
    assert result.mapping.dma_cycles != result.fast.dma_cycles
    assert (result.mapping.tile_m, result.mapping.order) == (
        result.fast.tile_m,
        result.fast.order,
    )


TILED = [
    (2048, 4096, 4096),
    (512, 3072, 768),
    (512, 768, 3072),
    (8, 14336, 4096),
    (2048, 4096, 14336),
    (300, 1000, 1000),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "overrides"),
    [
        ("edge-os16", []),
        ("cloud-ws128", []),
        ("cloud-ws128", ["dram.preset=hbm3", "dram.channels=4"]),
        ("edge-os16", ["dram.preset=lpddr5-6400", "dram.channels=4"]),
    ],
)
def test_even_tilings_at_random_are_near_the_engine(machine, overrides, monkeypatch):
    """Most of them the mapper would never choose."""
    monkeypatch.setattr(dram_exact, "MOST_REQUESTS", 1 << 17)
    system = load_machine(machine, overrides)
    exact = with_exact_dram(system).exact
    rng, errors = np.random.default_rng(1), []
    for m, n, k in TILED:
        problem = Problem(m=m, n=n, k=k)
        tilings = mapper._tilings(system, problem)
        drawn = tilings[rng.choice(len(tilings), min(10, len(tilings)), replace=False)]
        costs = Costs(system, [problem], np.zeros(len(drawn), np.int64), drawn)
        for i in range(len(drawn)):
            mapping = costs.mapping(i, 1)
            if mapping.jobs < 3e5:
                errors.append(abs(mapping.dma_cycles / exact.gemm(problem, mapping) - 1))
    assert len(errors) > 40
    assert np.median(errors) < 0.06
    assert np.quantile(errors, 0.9) < 0.4


def test_a_sampled_stream_is_near_the_whole(monkeypatch):
    system = load_machine("edge-os16")
    problem = Problem(m=256, n=2048, k=1024)
    (mapping,) = map_problems(system, [problem])
    whole = with_exact_dram(system).exact
    cycles = whole.gemm(problem, mapping)
    (time,) = whole.times
    assert time.error_bound == 0.0
    monkeypatch.setattr(dram_exact, "MOST_REQUESTS", time.requests // 4)
    part = with_exact_dram(system).exact
    assert part.gemm(problem, mapping) == pytest.approx(cycles, rel=0.02)
    assert part.times[0].requests <= time.requests // 4
    assert 0 < part.times[0].error_bound < 0.05


@pytest.fixture(scope="module")
def exact_run():
    seen = []
    result = simulate(
        load_machine("edge-os16"),
        GPT2,
        prefill=300,
        decode=2,
        dram="exact",
        progress=seen.append,
    )
    return result, seen


def test_an_exact_run_tells_what_calibration_is_off_by(exact_run):
    result, seen = exact_run
    summary = result.summary()
    assert summary["dram_mode"] == "exact"
    assert result.fast.summary()["dram_mode"] == "fast"
    assert abs(summary["dram_error"]["dma"]) < 0.1
    assert abs(summary["dram_error"]["latency"]) < 0.05
    assert summary["dram_error"]["latency"] == result.fast.cycles / result.cycles - 1
    assert seen == sorted(seen)
    assert seen[-1] == summary["dram_requests"]
    assert len(seen) == summary["dram_streams"]


def test_identical_operators_are_simulated_once(exact_run):
    result, _ = exact_run
    moving = [op for phase in result.phases for op in phase.ops if op.dma_cycles]
    # q, k, v and o are one shape; decode steps share theirs but for the growing context.
    assert result.summary()["dram_streams"] < len(moving) + 4
    assert result.activity == result.fast.activity


@pytest.mark.parametrize("mode", ["fast", "exact"])
def test_the_record_repeats_the_mode(exact_run, mode, tmp_path, monkeypatch, capsys):
    from lockstep.cli.main import main

    names = ("roofline.png", "latency.png", "energy.png")
    monkeypatch.setattr(plots, "draw", lambda *_: dict.fromkeys(names, b"a picture"))
    result = exact_run[0] if mode == "exact" else exact_run[0].fast
    write_report(result, tmp_path / "out", command=["run"])
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["dram_mode"] == mode
    monkeypatch.chdir(tmp_path / "out")
    _, *again = shlex.split(record["repeat"])
    assert f"--dram={mode}" in again
    assert main([*again, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == result.summary()
    header = (tmp_path / "out" / "ops.csv").read_text().splitlines()[0]
    assert ("dram_error" in header) == (mode == "exact")
    page = (tmp_path / "out" / "report.html").read_text()
    assert ("command by command" in page) == (mode == "exact")


@pytest.mark.parametrize(
    ("machine", "overrides", "mode", "says"),
    [
        ("fusemax-cloud", [], "exact", "fusemax-hbm2 is a first-order preset"),
        ("edge-os16", ["dram.channels=3"], "exact", "dram.channels is 3, not a power of two"),
        ("edge-os16", [], "exakt", "unknown mode 'exakt'; use fast or exact"),
    ],
)
def test_what_cannot_be_simulated_is_refused(machine, overrides, mode, says):
    with pytest.raises(InputError, match=says):
        simulate_gemm(load_machine(machine, overrides), 8, 8, 8, dram=mode)


def test_without_numba_exact_says_what_to_install(monkeypatch):
    monkeypatch.setattr(dram_calibration, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"--dram exact needs the package numba.*\[dram\]"):
        simulate_gemm(load_machine("edge-os16"), 8, 8, 8, dram="exact")


def test_a_fast_run_does_not_load_numba():
    code = (
        "import sys; from lockstep.cli.main import main; "
        "main(['gemm', 'edge-os16', '64', '64', '64', '--json']); "
        "sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


TIMING = "timing: mine.yaml\nenergy_pj_per_bit: 5\nenergy_source: made up for a test\n"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a preset of the user's own, with its memory beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = shipped("dram_timing")["lpddr5-6400"].read_text()
    (tmp_path / "mine.yaml").write_text(
        text.replace("lpddr5-6400", "mine").replace("rcd_rd: 15", "rcd_rd: 25")
    )

    def write(body=TIMING):
        (tmp_path / "dram.yaml").write_text(f"kind: dram\nname: own\n{body}")
        return str(tmp_path / "dram.yaml")

    return write


def test_a_memory_of_ones_own_is_measured_once(own, monkeypatch):
    system = load_machine("edge-os16", [f"dram.preset={own()}"])
    assert system.dram.calibration is None
    monkeypatch.setattr(dram_calibration, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match="the bandwidth of mine needs the package numba"):
        simulate_gemm(system, 64, 64, 64)
    monkeypatch.undo()


def test_a_measured_memory_is_kept(own, monkeypatch):
    monkeypatch.setattr(dram_calibration, "REQUESTS", 1024)
    monkeypatch.setattr(dram_calibration, "ISOLATED", 64)
    system = load_machine("edge-os16", [f"dram.preset={own()}"])
    first = calibrated(system)
    assert first.dram.calibration.spec_sha256 == digest(system.dram.spec)
    assert first.dram.energy_pj_per_bit == 5

    def again(_spec):
        raise AssertionError("it was in the cache")

    monkeypatch.setattr(dram_calibration, "calibrate", again)
    assert calibrated(system) == first
    assert calibrated(first) is first
    assert simulate_gemm(system, 64, 64, 64).mapping.dma_cycles > 0


@pytest.mark.parametrize(
    ("body", "where", "says"),
    [
        (
            "timing: ddr4-3200\nenergy_pj_per_bit: 5\nenergy_source: made up for a test\n",
            "4: energy_pj",
            "delete",
        ),
        ("timing: lpddr5-6400\n", "1: energy_pj_per_bit", "no supply currents"),
        ("timing: nothing-known\n", "3: timing", "nothing-known"),
        (
            TIMING + "mapping_lsb_first: [column, row]\nmapping_source: made up for a test\n",
            "mapping",
            "lacks",
        ),
        (TIMING + "mapping_lsb_first: [column, row]\n", "mapping_lsb_first", "go together"),
        (
            TIMING + "interface_pj_per_bit: 1\ninterface_source: made up for a test\n",
            "interface",
            "currents",
        ),
    ],
)
def test_a_bad_preset_is_one_line(own, body, where, says):
    with pytest.raises(InputError) as error:
        load_machine("edge-os16", [f"dram.preset={own(body)}"])
    line = str(error.value)
    assert "\n" not in line
    assert where in line
    assert says in line
