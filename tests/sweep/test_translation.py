"""The runner ``translation``: its points are runs of ``lockstep tlb``."""

import csv
import json
import re

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.cli.main import main
from lockstep.sim.cycle.translation import simulator
from lockstep.sweep import translation_runs
from lockstep.sweep.load import load_sweep
from lockstep.sweep.translation import METRICS, evaluate
from lockstep.sweep.translation_sram import sram_bits

FILES = ("points.csv", "pareto.csv", "pareto.png", "sweep.json")

TINY = """\
kind: sweep
name: tiny
runner: translation
base:
  mmu: victima
  workload: gups
  option.gups.table_log2: 24
  option.bfs.scale: 10
  accesses: 60000
  warmup: 20000
space:
  l2:
    choices:
      small: {l2.size_bytes: 65536}
      odd: {l2.size_bytes: 65537}
      large: {l2.size_bytes: 524288}
  mechanism: [radix, l3_tlb, victima]
search: {method: grid}
objectives: {cycles_per_instruction: min, sram_kib: min}
"""
"""Nine points; those of the odd cache fail."""


@pytest.fixture(autouse=True)
def fresh():
    """No runs of other tests."""
    translation_runs._radix_runs.clear()


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def rows(folder):
    return list(csv.DictReader((folder / "points.csv").read_text().splitlines()))


def summary(capsys, *options):
    """Of ``lockstep tlb``, as ``TINY`` has it."""
    sizes = ["--accesses=60000", "--warmup=20000", "--json"]
    assert main(["tlb", "victima", *sizes, *options]) == 0
    return json.loads(capsys.readouterr().out)


BASE = {"mmu": "victima", "accesses": 60000, "warmup": 20000, "option.gups.table_log2": 24}


@pytest.mark.parametrize("mechanism", ["radix", "victima", "pom_tlb"])
@pytest.mark.parametrize("virtualised", [False, True])
def test_points_are_runs_of_lockstep_tlb(capsys, mechanism, virtualised):
    point = {"workload": "gups", "seed": 3, "mechanism": mechanism, "virtualised": virtualised}
    [result] = evaluate([BASE | point | {"l2.size_bytes": 65536}])
    assert result.metrics.keys() == METRICS.keys()
    told = summary(
        capsys,
        "--workload=gups",
        "--option=table_log2=24",
        "--seed=3",
        f"--mechanism={mechanism}",
        "--virtualised" if virtualised else "--native",
        "--set=l2.size_bytes=65536",
    )
    alike = METRICS.keys() & told.keys()
    assert len(alike) > 10
    assert {key: result.metrics[key] for key in alike} == {key: told[key] for key in alike}
    share = told["translation_cycles"] / told["cycles"]  # all of it exposed
    assert result.metrics["translation_cycles_share"] == share
    assert result.metrics["cycles_per_instruction"] == told["cycles"] / told["instructions"]


def test_several_workloads_have_means():
    points = [BASE | {"workload": each, "mechanism": "victima"} for each in ("gups", "xs")]
    points += [BASE | {"workload": ["gups", "xs"], "mechanism": "victima"}]
    gups, xs, both = (result.metrics for result in evaluate(points))
    for key in ("speedup_vs_radix", "cycles_per_instruction", "cycles"):
        assert both[key] == pytest.approx((gups[key] * xs[key]) ** 0.5)
    for key in ("ptw", "l2_tlb_mpki", "reach_bytes", "sram_kib"):
        assert both[key] == pytest.approx((gups[key] + xs[key]) / 2)


def test_a_point_is_told_the_same_whichever_others_there_are():
    points = [
        BASE | {"workload": "gups", "mechanism": each, "l2.size_bytes": size}
        for each in ("victima", "radix", "l3_tlb")
        for size in (65536, 131072)
    ]
    together = evaluate(points)
    translation_runs._radix_runs.clear()
    assert [evaluate([point])[0] for point in reversed(points)] == together[::-1]


def test_radix_is_run_once(monkeypatch):
    ran = []

    def simulate_all(configs, chunks, **options):
        ran.extend(cfg.mechanism for cfg in configs)
        return simulator.simulate_all(configs, chunks, **options)

    monkeypatch.setattr(translation_runs, "simulate_all", simulate_all)
    points = [BASE | {"workload": "gups", "mechanism": m} for m in ("l3_tlb", "radix", "victima")]
    evaluate(points[:2])
    evaluate(points[2:])
    assert sorted(ran) == ["l3_tlb", "radix", "victima"]


def test_one_odd_machine_does_not_fail_the_others(monkeypatch, caplog):
    def simulate_all(configs, chunks, **options):
        if any(cfg.mechanism == "l3_tlb" for cfg in configs):
            raise RuntimeError("a bug")
        return simulator.simulate_all(configs, chunks, **options)

    monkeypatch.setattr(translation_runs, "simulate_all", simulate_all)
    points = [BASE | {"workload": "gups", "mechanism": m} for m in ("radix", "l3_tlb", "victima")]
    radix, l3_tlb, victima = evaluate(points)
    assert radix.metrics["speedup_vs_radix"] == 1
    assert victima.metrics["tlb_block_hits"] > 0
    assert l3_tlb.reason == "internal error, RuntimeError: a bug"
    assert "a bug" in caplog.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accesses": 20000}, "^warmup: must be less than accesses, 20000"),
        ({"mechanism": "victim"}, r"mechanism: .*'victim'.*victima"),
        ({"l2.ways": 3}, r"l2.size_bytes: must give a power of two of sets.*--set l2.ways=3"),
        ({"option.gups.table_log2": 99}, r"workload gups: table_log2: too large, value 99"),
        (
            {"option.gups.table_log2": [9]},
            r"workload gups: table_log2: not an integer, value \[9\]",
        ),
        (
            {"workload": "bfs", "option.bfs.scale": 2, "option.bfs.rounds": 1},
            r"warmup: 20000; bfs has no more accesses, use a smaller one",
        ),
    ],
)
def test_points_that_cannot_be_run_have_a_reason(change, reason):
    good = BASE | {"workload": "gups"}
    bad, other = evaluate([good | change, good])
    assert not bad.metrics
    assert re.search(reason, bad.reason), bad.reason
    assert "\n" not in bad.reason
    assert other.metrics


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "workload: gups",
            "workload: gup",
            r"6: workload: unknown workload, value 'gup'; did.*'gups'",
        ),
        ("workload: gups", "workload: [gups, 7]", r"6: workload.*value 7"),
        ("workload: gups", "workload: []", r"6: workload: too short"),
        ("  workload: gups\n", "", r"4: base.workload: missing; add it here"),
        ("mmu: victima", "mmu: victim", r"5: mmu: unknown mmu 'victim'.*did you mean 'victima'"),
        ("mmu: victima", "mmu: no.yaml", r"5: mmu: .*no.yaml: no such file"),
        ("accesses: 60000", "accesses: 0", r"9: accesses: too small, value 0; must be >= 1"),
        ("warmup: 20000", "warmup: 1.5", r"10: warmup: .*value 1.5"),
        ("warmup: 20000", "warmups: 20000", r"10: warmups: unknown key, .*did you mean 'warmup'"),
        (
            "l2.size_bytes: 65536",
            "l2.size: 65536",
            r"14: l2.size: .*no 'size' in an MMU; choose from size_bytes",
        ),
        ("option.bfs.scale", "option.bsf.scale", r"8: option.bsf.scale: .*did you mean 'bfs'"),
        ("option.bfs.scale", "option.bfs.scales", r"8: option.bfs.scales: .*did you mean 'scale'"),
        ("option.bfs.scale", "option.scale", r"8: option.scale: .*no workload 'scale'"),
        ("sram_kib: min", "sram: min", r"19: objectives.sram: unknown objective.*'sram_kib'"),
        (
            "search:",
            "constraints: [fits]\nsearch:",
            r"18: constraints.0: unknown metric, value 'fits'; choose from speedup_vs_radix",
        ),
    ],
)
def test_bad_files_are_told_in_one_line(tiny, old, new, message):
    assert old in TINY
    tiny.write_text(TINY.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_sweep(str(tiny))
    assert re.search(f"^{tiny}:{message}", str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_the_users_mmu_is_read_and_counts(tiny, tmp_path):
    text = resolve("mmu", "victima").read_text()
    (tmp_path / "mine.yaml").write_text(text)
    tiny.write_text(TINY.replace("mmu: victima", "mmu: mine.yaml"))
    keys = []
    for cycles in (117, 118):
        (tmp_path / "mine.yaml").write_text(
            text.replace("dram_cycles: 117", f"dram_cycles: {cycles}")
        )
        sweep = load_sweep(str(tiny))
        keys.append(sweep.point(0, tuple(d.choices[0] for d in sweep.dimensions)).key)
    assert keys[0] != keys[1]


def test_the_command_is_the_same_with_two_workers_and_after_a_kill(
    tiny, tmp_path, monkeypatch, run_toy
):
    assert main(["sweep", str(tiny), "--out", str(tmp_path / "one")]) == 0
    table = rows(tmp_path / "one")
    failed = [row for row in table if row["status"] == "failed"]
    assert [row["l2"] for row in failed] == ["odd"] * 3
    assert all("power of two of sets" in row["reason"] for row in failed)
    assert all(row["status"] == "ok" for row in table if row["l2"] != "odd")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    assert main(["sweep", str(tiny), "--jobs", "2", "--out", str(tmp_path / "two")]) == 0
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    class CutError(Exception):
        pass

    def cut(progress):
        if progress.done >= 3:
            raise CutError

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cut" / "cache"))
    with pytest.raises(CutError):
        run_toy(tiny, "cut", on_progress=cut)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cut" / "empty"))
    result, tables = run_toy(tiny, "cut")
    assert 3 <= result.progress.resumed < 9
    assert result.progress.resumed + result.progress.evaluated == 9
    assert tables["points.csv"] == (tmp_path / "one" / "points.csv").read_text()


def test_sram_grows_by_what_a_mechanism_adds():
    def mmu(*settings):
        return load(MmuConfig, resolve("mmu", "victima"), settings)

    plain = sram_bits(mmu())
    assert sram_bits(mmu("mechanism=pom_tlb")) == plain
    # 65,536 entries: 36 + 11 bits of tag less 12 of the set, 40 of frame, 2, and 4 of order.
    assert sram_bits(mmu("mechanism=l3_tlb")) - plain == 65536 * (36 - 12 + 11 + 40 + 2 + 4)
    # 32,768 lines: kind, nested, 8 valid entries; 1,536 entries of the L2 TLB: 3 + 4 bits of counters.
    assert sram_bits(mmu("mechanism=victima")) - plain == 32768 * 10 + 1536 * 7
    twice = sram_bits(mmu("l2.size_bytes=4194304")) - plain
    assert 1 < twice / (8 * 2097152) < 1.1
    assert sram_bits(mmu("virtualised=true")) > plain
