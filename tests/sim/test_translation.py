"""Translation of scattered accesses in the workload engine, held to the golden MMU and to counts by hand."""

import dataclasses
import json
import subprocess
import sys
from collections import defaultdict

import pytest
import yaml

from lockstep.arch.error import InputError
from lockstep.arch.load import resolve
from lockstep.arch.machine import load_machine
from lockstep.arch.mmu import MmuConfig
from lockstep.cli.main import main
from lockstep.sim import translation as module
from lockstep.sim.golden.mmu import Mmu
from lockstep.sim.report import read_report, write_report
from lockstep.sim.report.table import op_rows
from lockstep.sim.report.trace import TRACKS, trace
from lockstep.sim.run import decode_phase, simulate
from lockstep.sim.translation import translate
from lockstep.sim.translation_layout import VirtualMemory, first_layer, is_scattered
from lockstep.sim.translation_requests import page_requests
from lockstep.workloads.model import Model, load_model
from lockstep.workloads.phases import Formats, Phase, graph

pytestmark = pytest.mark.system

pytest.importorskip("numba")

FORMATS = Formats(weights="bf16", activations="bf16", kv="bf16")
GROUPED = {"kind": "grouped", "heads": 8, "kv_heads": 8, "head_dim": 32, "rope": True}
DENSE = {"kind": "dense", "layers": 2, "intermediate": 512, "activation": "silu", "gated": True}
MOE = {
    "kind": "moe", "layers": 3, "experts": 8, "experts_per_token": 2, "intermediate": 512,
    "activation": "silu",
}  # fmt: skip
TINY = ("dtlb.entries=4", "l2_tlb={entries: 16, ways: 4, latency_cycles: 5}", "l2.size_bytes=65536")
BF16 = ("tensor.mac={a: bf16, b: bf16, acc_bits: 32}", "tensor.kind=tree")


def model(*ffn):
    return Model.model_validate({
        "kind": "model",
        "name": "small",
        "source": "made up for the tests",
        "hidden": 256,
        "embedding": {"kind": "tokens", "vocab": 5000},
        "attention": GROUPED,
        "norm": "rmsnorm",
        "ffn": ffn or (DENSE,),
        "head": {"kind": "lm", "tied": False},
    })


def system(tmp_path, *overrides, mmu=()):
    """cloud-iommu of bf16, with an MMU of its own."""
    data = yaml.safe_load(resolve("mmu", "npu-iommu").read_text())
    for override in mmu:
        key, _, text = override.partition("=")
        *path, last = key.split(".")
        section = data
        for part in path:
            section = section[part]
        section[last] = yaml.safe_load(text)
    path = tmp_path / f"mmu{len(list(tmp_path.iterdir()))}.yaml"
    path.write_text(yaml.safe_dump(data))
    return load_machine("cloud-iommu", [*BF16, f"mmu.preset={path}", *overrides])


def passes(prefill, decode, batch):
    return [
        Phase(kind="prefill", batch=batch, tokens=prefill),
        *(decode_phase(batch, prefill, i) for i in range(decode)),
    ]


def by_golden(system, described, phases):
    """Figures of every operator by the definition, one request after another."""
    memory = VirtualMemory(described, phases, FORMATS, system.machine.mmu)
    mmu = Mmu(system.mmu)
    cycles, requests, walks = defaultdict(float), defaultdict(int), defaultdict(int)
    for step, phase in enumerate(phases):
        ops = graph(described, phase, FORMATS)
        for layer in range(described.layers):
            for op in ops:
                first = first_layer(described, op)
                if not (is_scattered(op) and first <= layer < first + op.repeat):
                    continue
                chunk = page_requests(system.mmu, memory.runs(op, layer, phase, step))
                for address, kind, gap in zip(
                    chunk.address.tolist(), chunk.kind.tolist(), chunk.gap.tolist(), strict=True
                ):
                    access = mmu.access(address, kind, gap)
                    beyond = access.translation_cycles - system.mmu.dtlb.latency_cycles
                    cycles[op] += beyond + access.background_cycles
                    requests[op] += 1
                    walks[op] += access.served_by == "walk"
    return cycles, requests, walks


def occurrences(described, phases):
    """How often each operator occurs over all passes."""
    times = defaultdict(int)
    for phase in phases:
        for op in graph(described, phase, FORMATS):
            times[op] += op.repeat
    return times


@pytest.mark.parametrize("mechanism", ["radix", "victima", "pom_tlb"])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_operators_cost_what_the_golden_mmu_says(tmp_path, mechanism, share):
    described = model(DENSE, MOE)
    phases = passes(33, 4, 3)
    machine = system(
        tmp_path, f"mmu.mechanism={mechanism}", f"mmu.large_page_share={share}", mmu=TINY
    )
    cycles, requests, walks = by_golden(machine, described, phases)
    times = occurrences(described, phases)
    found = translate(machine, described, phases, FORMATS)
    assert set(found.by_op) == set(cycles)
    assert found.requests == sum(requests.values())
    assert sum(walks.values()) > 100
    clocks = machine.machine.clock_mhz / machine.mmu.clock_mhz
    for op, one in found.by_op.items():
        assert one.cycles * times[op] == pytest.approx(cycles[op] * clocks)
        assert one.activity.mmu["request"] * times[op] == pytest.approx(requests[op])
        assert one.activity.mmu["walk"] * times[op] >= walks[op] - 1e-6  # with those of evictions
        assert one.activity.dram_read_bytes == one.activity.mmu["dram_read_byte"]


def test_requests_by_hand(tmp_path):
    """A token's keys are 512 bytes, so a block of 16 tokens is two pages; all is aligned."""
    described = model(DENSE, MOE)
    machine = system(tmp_path)
    result = simulate(machine, described, prefill=32, decode=2, batch=3, formats=FORMATS)
    counted = {
        (phase.name, op.name): op.activity.mmu.get("request", 0.0)
        for phase in result.phases
        for op in phase.ops
    }
    decode = graph(described, decode_phase(3, 32, 0), FORMATS)
    layers, experts = 5, next(op.instances for op in decode if op.name == "moe.up_proj")
    assert counted["prefill", "attn.v_proj"] == layers * 3 * 4  # two blocks for each of 3 sequences
    assert counted["prefill", "attn.k_rope"] == layers * 3 * 4
    assert counted["prefill", "attn.scores"] == 0  # of a fresh prompt, keys are still at hand
    # Tokens 33 and 34: two whole blocks, and the first page of a third.
    assert (
        counted["decode", "attn.scores"] == counted["decode", "attn.values"] == 2 * layers * 3 * 5
    )
    assert counted["decode", "attn.v_proj"] == 2 * layers * 3
    assert counted["decode", "embed.tokens"] == 2 * 3  # rows of 512 bytes cross no page
    pages = 512 * 256 * 2 / 4096  # of an expert's matrix
    assert counted["prefill", "moe.up_proj"] == 3 * 8 * pages
    visited = counted["decode", "moe.down_proj"] / pages
    assert visited == pytest.approx(round(visited))
    assert int(experts) <= visited / (2 * 3) <= int(experts) + 1


def test_small_tlbs_bind_paged_decode_and_reach_frees_it(tmp_path):
    described = model()
    runs = {
        name: simulate(
            system(tmp_path, *overrides, mmu=mmu),
            described,
            prefill=640,
            decode=3,
            batch=8,
            formats=FORMATS,
        )
        for name, overrides, mmu in (
            ("small pages", (), TINY),
            ("victima", ("mmu.mechanism=victima",), TINY),
            ("more TLB", (), (*TINY[:1], TINY[2], "l2_tlb.entries=8192")),
            ("large pages", ("mmu.large_page_share=1.0",), TINY),
        )
    }
    scores = {
        name: next(op for op in run.decode.ops if op.name == "attn.scores")
        for name, run in runs.items()
    }
    worst = scores["small pages"]
    assert worst.bound_by == "translation"
    assert worst.latency_cycles > worst.translation_cycles > worst.dma_cycles
    for better in ("victima", "more TLB", "large pages"):
        assert scores[better].translation_cycles < worst.translation_cycles
        assert runs[better].decode.cycles < runs["small pages"].decode.cycles
    assert scores["large pages"].bound_by != "translation"
    free = simulate(
        dataclasses.replace(
            (known := system(tmp_path)),
            mmu=None,
            machine=known.machine.model_copy(update={"mmu": None}),
        ),
        described,
        prefill=640,
        decode=3,
        batch=8,
        formats=FORMATS,
    )
    assert runs["large pages"].cycles >= free.cycles
    same = [
        (a.latency_cycles, a.bound_by) == (b.latency_cycles, b.bound_by)
        for a, b in zip(free.decode.ops, runs["small pages"].decode.ops, strict=True)
        if not (a.name.startswith(("attn.", "embed.")))
    ]
    assert same
    assert all(same)  # what is not scattered costs what it did


def test_pages_are_monotone_in_their_share_of_large_ones(tmp_path):
    described, phases = model(DENSE, MOE), passes(200, 3, 4)
    totals = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        found = translate(
            system(tmp_path, f"mmu.large_page_share={share}", mmu=TINY), described, phases, FORMATS
        )
        times = occurrences(described, phases)
        totals.append(sum(one.cycles * times[op] for op, one in found.by_op.items()))
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize("mechanism", ["radix", "victima"])
def test_sampled_steps_and_layers_are_near_the_whole_run(mechanism):
    """2 % of all translation by steps, 6 % by layers, in this case; others: docs/assumptions.md."""
    described = load_model("gpt2")
    machine = load_machine("cloud-iommu", [*BF16, f"mmu.mechanism={mechanism}"])
    phases = passes(600, 24, 4)
    times = occurrences(described, phases)

    def total(most):
        found = translate(machine, described, phases, FORMATS, most)
        return found, sum(one.cycles * times[op] for op, one in found.by_op.items())

    whole, truth = total(1 << 30)
    assert (whole.passes, whole.layers) == (25, 12)
    steps, by_steps = total(whole.requests // 5)
    assert 3 <= steps.passes < 8
    assert steps.layers == 12
    assert by_steps == pytest.approx(truth, rel=0.02)
    layers, by_layers = total(whole.requests // 20)
    assert layers.passes == 3
    assert 2 <= layers.layers < 12
    assert by_layers == pytest.approx(truth, rel=0.06)


def test_clocks_of_machine_and_mmu(tmp_path):
    """Translation at half the clock takes twice as many of the machine's cycles."""
    described, phases = model(), passes(40, 1, 2)
    fast = translate(system(tmp_path), described, phases, FORMATS)
    slow = translate(system(tmp_path, mmu=("clock_mhz=500",)), described, phases, FORMATS)
    for op, one in slow.by_op.items():
        assert one.cycles == pytest.approx(2 * fast.by_op[op].cycles)


def test_walks_that_reach_dram_are_read_and_priced(tmp_path):
    described = model()
    result = simulate(system(tmp_path, mmu=TINY), described, prefill=400, decode=2, batch=4)
    read = result.activity.mmu["dram_read_byte"]
    assert read > 64
    known = system(tmp_path)
    plain = simulate(
        dataclasses.replace(
            known, mmu=None, machine=known.machine.model_copy(update={"mmu": None})
        ),
        described,
        prefill=400,
        decode=2,
        batch=4,
    )
    assert result.activity.dram_bytes - plain.activity.dram_bytes == pytest.approx(read)
    extra = result.energy_pj()["dram"] - plain.energy_pj()["dram"]
    assert extra == pytest.approx(read * 8 * known.dram.energy_pj_per_bit)


def test_exact_dram_takes_the_same_translation(tmp_path):
    result = simulate(
        system(tmp_path, mmu=TINY), model(), prefill=64, decode=1, batch=2, dram="exact"
    )
    assert result.translation == result.fast.translation
    assert any(op.bound_by == "translation" for op in result.decode.ops)


def test_summary_table_and_trace_show_it(tmp_path):
    result = simulate(system(tmp_path, mmu=TINY), model(), prefill=300, decode=2, batch=8)
    summary = result.summary()
    rows = op_rows(result)
    assert summary["translation_cycles"] == pytest.approx(
        sum(r["translation_cycles"] for r in rows)
    )
    assert summary["translation_requests"] == pytest.approx(
        sum(r["translation_requests"] for r in rows)
    )
    assert 0 < summary["translation_bound_share"] < 1
    assert summary["translation_passes_simulated"] == "3 of 3"
    drawn = json.loads(json.dumps(trace(result), allow_nan=False))["traceEvents"]
    names = {e["args"]["name"] for e in drawn if e["name"] == "thread_name"}
    assert names == set(TRACKS) - {"pim"}
    on_track = [e for e in drawn if e["ph"] == "X" and TRACKS[e["tid"] - 1] == "translation"]
    assert {"cycles", "request", "walk"} <= set(on_track[0]["args"])
    last = sum(e["args"]["cycles"] for e in drawn if e["ph"] == "X" and e["name"] == "step 1")
    assert last == pytest.approx(result.decode.steps[1], rel=1e-9)


def test_a_report_runs_again_to_the_same_numbers(tmp_path, monkeypatch, capsys):
    machine = system(tmp_path, "mmu.mechanism=victima", "mmu.seed=7", mmu=TINY)
    result = simulate(machine, model(), prefill=64, decode=2, batch=2, formats=FORMATS)
    out = tmp_path / "out"
    write_report(result, out, command=["run"])
    assert (out / "mmu.yaml").exists()
    page = (out / "report.html").read_text()
    assert "Address translation (npu-iommu, victima)" in page
    assert ">translation</th>" in page
    record = json.loads((out / "run.json").read_text())
    assert record["seed"] == 7
    assert record["mmu"]["mechanism"] == "victima"
    summary, rows = read_report(out)
    assert rows == op_rows(result)
    monkeypatch.chdir(out)
    assert main([*record["repeat"].split()[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary


def test_without_an_mmu_nothing_of_it_is_said_or_loaded(tmp_path):
    code = (
        "import sys; from lockstep.cli.main import main;"
        "main(['run', 'edge-os16', '--model', 'gpt2', '--prefill', '16', '--json']);"
        "assert 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [key for key in json.loads(done.stdout) if "transl" in key or "mmu" in key]


def test_needs_numba(tmp_path, monkeypatch):
    monkeypatch.setattr("lockstep.sim.dram_calibration.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"address translation \(mmu\) needs the package numba"):
        translate(system(tmp_path), model(), passes(8, 1, 1), FORMATS)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("mmu.preset=npu-iomu", "mmu.preset: unknown mmu 'npu-iomu'"),
        ("mmu.preset=victima", "mmu.preset: victima has an l1d, which DMA would not go through"),
        ("mmu.mechanism=victma", "mmu.mechanism: unknown choice, value 'victma'"),
        ("mmu.kv_block_tokens=0", "mmu.kv_block_tokens: too small, value 0"),
        ("mmu.large_page_share=1.5", "mmu.large_page_share: too large, value 1.5"),
        ("mmu.seed=-1", "mmu.seed: too small, value -1"),
        ("mmu.l1d=null", "mmu.l1d: unknown key"),
        ("mmu={}", "mmu.preset: missing"),
    ],
)
def test_bad_sections(override, says):
    with pytest.raises(InputError) as told:
        load_machine("cloud-iommu", [override])
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_the_preset_must_allow_the_mechanism(tmp_path):
    with pytest.raises(
        InputError, match=r"mmu.preset: npu-iommu does not allow it: l2.replacement must be"
    ):
        system(tmp_path, "mmu.mechanism=victima", mmu=("l2.replacement=lru",))


def test_not_beside_processors_in_memory():
    with pytest.raises(InputError, match="mmu: must be left out beside pim"):
        load_machine("duplex", ["mmu={preset: npu-iommu}"])


def test_other_presets_move_the_numbers(tmp_path):
    described, phases = model(), passes(64, 1, 2)
    one, other = (
        translate(system(tmp_path, mmu=mmu), described, phases, FORMATS) for mmu in ((), TINY)
    )
    assert one.by_op != other.by_op
    assert isinstance(system(tmp_path).mmu, MmuConfig)


def test_runs_are_repeatable(tmp_path):
    first, again = (
        translate(system(tmp_path), model(), passes(64, 1, 2), FORMATS) for _ in range(2)
    )
    assert first == again
    assert first.requests < module.MOST_REQUESTS
