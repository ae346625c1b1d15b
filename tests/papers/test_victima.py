"""Victima beside its paper, on small workloads: shapes of the tables, and what must hold whatever the size."""

import pytest

from lockstep.cli.reproduce import PAPERS
from lockstep.papers import victima_predictor, victima_runs
from lockstep.papers.reproduction import write_parts
from lockstep.papers.victima import PAPER
from lockstep.papers.victima_area import VictimSelect, area, bits, tag_bits
from lockstep.papers.victima_core import share_of_cycles, with_core
from lockstep.papers.victima_energy import l2_picojoules, price_of
from lockstep.papers.victima_predictor import predictor
from lockstep.papers.victima_published import victima
from lockstep.papers.victima_reach import reach
from lockstep.papers.victima_runs import MECHANISMS, Size, mmu, speedup
from lockstep.papers.victima_speed import miss_cycles, native, virtualised
from lockstep.papers.victima_sweeps import RULES, ablation, crossover, l2_size
from lockstep.rtl.build import ports
from lockstep.sim.golden.mmu import Mmu

QUICK = Size(skipped=1, warmup=1, counted=2)
NAMES = ("bfs", "gups", "dlrm")


@pytest.fixture(scope="module", autouse=True)
def small():
    """Chunks of 2**14 accesses of graphs with 2**12 vertices, and tables to match."""
    with pytest.MonkeyPatch.context() as patch:
        graph = {"scale": 12}
        options = dict.fromkeys(victima_runs.PAPERS_OWN, graph)
        options |= {"gups": {"table_log2": 24}, "dlrm": {"rows_log2": 12, "tables": 4}}
        patch.setattr(victima_runs, "OPTIONS", options)
        patch.setattr(victima_runs, "CHUNK", 1 << 14)
        patch.setattr(victima_predictor, "PAGES", 500)
        victima_runs.workload.cache_clear()
        victima_runs.all_mechanisms.cache_clear()
        yield
    victima_runs.workload.cache_clear()
    victima_runs.all_mechanisms.cache_clear()


def quiet(_):
    return None


def rows(part, table):
    return part.data()[table]


def test_published_figures_load():
    paper = victima()
    assert paper.speedup.native == {"radix": 1.074, "pom_tlb": 1.062}
    assert paper.predictor.rows["comparator"].f1 == 0.807
    assert "victima" in PAPERS


@pytest.mark.parametrize("part", [native, virtualised])
def test_speed_is_a_ratio_of_cycles(part):
    found = part(quiet, QUICK, NAMES)
    name = found.name
    for row in rows(found, "speedup"):
        run = victima_runs.all_mechanisms(row["workload"], QUICK, virtualised=name != "native")
        assert row["victima"] == run["radix"].cycles / run["victima"].cycles
        assert row["victima_over_pom_tlb"] == pytest.approx(row["victima"] / row["pom_tlb"])
        assert run["radix"].accesses == QUICK.counted * victima_runs.CHUNK
        assert {r.instructions for r in run.values()} == {run["radix"].instructions}
    claims = {row["what"]: row for row in rows(found, "claims")}
    speeds = [row["victima"] for row in rows(found, "speedup")]
    product = speeds[0] * speeds[1] * speeds[2]
    assert claims["Victima over radix"]["ours"] == pytest.approx(product ** (1 / 3))
    paper = victima().speedup
    published = paper.native if name == "native" else paper.virtualised
    assert claims["Victima over radix"]["paper"] == published["radix"]


def test_the_first_core_is_the_shipped_one():
    found = native(quiet, QUICK, NAMES)
    first = rows(found, "core")[0]
    claims = {row["what"]: row["ours"] for row in rows(found, "claims")}
    assert first["victima"] == claims["Victima over radix"]
    assert first["share_radix"] == claims["share of cycles in translation"]


def test_another_core_changes_cycles_as_its_formula_says():
    run = victima_runs.all_mechanisms("gups", QUICK, virtualised=False)["radix"]
    changed = with_core(run, 1.0, 0.25, 0.0)
    assert changed.cycles == run.instructions + 0.25 * run.translation_cycles
    assert share_of_cycles(changed) == 0.25 * run.translation_cycles / changed.cycles


def test_a_miss_costs_radix_its_walk():
    run = victima_runs.all_mechanisms("gups", QUICK, virtualised=False)
    assert miss_cycles(run["radix"]) == pytest.approx(run["radix"].ptw_mean_cycles)
    assert miss_cycles(run["victima"]) < run["victima"].ptw_mean_cycles


def test_reach_counts_entries():
    found = reach(quiet, QUICK, NAMES)
    for row in rows(found, "workloads"):
        run = victima_runs.all_mechanisms(row["workload"], QUICK, virtualised=False)["victima"]
        assert row["blocks_mb"] * 1e6 <= 8 * run.blocks * (2 << 20)
        assert row["times"] == pytest.approx(1 + row["blocks_mb"] / row["l2_tlb_mb"])
    claims = {row["what"]: row for row in rows(found, "claims")}
    times = claims["reach over the L2 TLB's, all pages taken as 4 KB"]
    megabytes = claims["reach, MB, all pages taken as 4 KB"]
    # The paper's own two figures are one: 1536 pages of 4 KB, 36 times.
    assert times["paper"] * 1536 * 4096 / 1e6 == pytest.approx(megabytes["paper"], rel=0.04)
    assert times["ours"] * 1536 * 4096 / 1e6 == pytest.approx(megabytes["ours"])


def test_ablation_takes_every_rule_away_once():
    found = ablation(quiet, QUICK, ("gups",))
    by_rule = {row["rule"]: row for row in rows(found, "rules")}
    assert set(by_rule) == {"all rules", *RULES}
    for what, setting in RULES.items():
        assert mmu("mechanism=victima", setting) != mmu("mechanism=victima"), what
    assert by_rule["no insertion on an eviction"]["background_walks"] == 0
    # Eight pages' entries to a block: without them there are more walks.
    assert by_rule["one PTE per block"]["walks_left"] > by_rule["all rules"]["walks_left"]


def test_larger_caches_hold_more():
    found = l2_size(quiet, QUICK, ("gups",))
    sizes = rows(found, "sizes")
    assert [row["l2_mb"] for row in sizes] == [1, 2, 4, 8]
    assert sizes[0]["reach_mb"] < sizes[-1]["reach_mb"]


def test_crossover_of_reach():
    found = crossover(quiet, QUICK, (17, 24))
    small, large = rows(found, "walks")
    # 1 MiB: every page in the L2 TLB. 128 MiB: beyond it, within that of 64 K entries.
    assert small["radix"] == small["victima"] == 0
    assert large["radix"] > large["victima"] > 0
    assert large["l3_tlb"] == large["large_l2_tlb"] < large["radix"]
    assert found.figures


def test_bits_and_shares():
    cfg = mmu("mechanism=victima")
    assert tag_bits(cfg.l2) == (35, 34)  # no longer tags
    found = {what: each * count for what, each, count, _ in bits(cfg)}
    assert found["TLB-entry bit of an L2 line"] == 32768
    assert found["PTW-CP counters in entries of the L2 TLB"] == 7 * 1536
    price = price_of(cfg.l2)
    assert price.megabytes == 2
    choice = ports(VictimSelect(cfg.l2, cfg.victima))["interface"]["members"]
    assert choice["way"]["width"] == 4


def test_energy_of_radix_is_hits_and_misses():
    run = victima_runs.all_mechanisms("gups", QUICK, virtualised=False)
    price = price_of(run["radix"].cfg.l2)
    hits, *misses = run["radix"].requests.sum(axis=0).tolist()
    expected = hits * price.read_pj + sum(misses) * (price.tag_read_pj + price.write_pj)
    assert l2_picojoules(run["radix"], price) == pytest.approx(expected)
    without = l2_picojoules(run["victima"], price)
    hits, *misses = run["victima"].requests.sum(axis=0).tolist()
    assert without > hits * price.read_pj + sum(misses) * (price.tag_read_pj + price.write_pj)


@pytest.mark.rtl
def test_area_beside_the_paper():
    found = area(quiet, QUICK, ("gups",))
    shares = {row["what"]: row for row in rows(found, "area")}
    assert 0.002 < shares["the paper's bits"]["of_the_l2_cache"] < 0.005  # 2 of 550 bits a line
    whole = shares["all our bits, and our logic"]
    assert whole["cpu_mm2_of_which_it_is_that"] == pytest.approx(whole["mm2_at_22_nm"] / 0.0004)
    logic = {row["unit"]: row for row in rows(found, "logic")}
    plain, aware = (
        logic[f"choice of a victim, SRRIP {what}"] for what in ("plain", "with TLB blocks")
    )
    assert aware["nand2_equivalents"] > plain["nand2_equivalents"] > 0


def test_two_runs_write_the_same_files(tmp_path):
    for folder in ("first", "second"):
        victima_runs.all_mechanisms.cache_clear()
        parts = [native(quiet, QUICK, ("gups",)), predictor(quiet, QUICK, ("gups", "dlrm"))]
        write_parts(PAPER, parts, tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    for name in names:
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


def test_the_worked_example_of_the_docs():
    """docs/tlb.md, section Cycles: two pages whose entries share a line, from cold."""
    found = {}
    for mechanism in ("victima", "radix"):
        unit = Mmu(mmu(f"mechanism={mechanism}", "large_page_share=0.0"))
        found[mechanism] = [
            unit.access(address) for address in (1 << 36, 1 << 36, (1 << 36) + 4096)
        ]
    first, again, next_page = found["victima"]
    assert (first.translation_cycles, first.data_cycles, first.background_cycles) == (525, 128, 8)
    assert (again.translation_cycles, again.data_cycles) == (1, 4)
    assert (next_page.served_by, next_page.translation_cycles) == ("tlb_block", 25)
    assert found["radix"][2].translation_cycles == 34


def test_every_mechanism_is_compared():
    assert set(MECHANISMS) == {"radix", "large_l2_tlb", "l3_tlb", "pom_tlb", "victima"}
    run = victima_runs.all_mechanisms("gups", QUICK, virtualised=False)
    assert speedup(run["radix"], run["radix"]) == 1
    assert all(run[name].cfg.mechanism == name for name in MECHANISMS)
