"""The command ``lockstep tlb``."""

import json

import pytest
import typer

from lockstep.arch.error import InputError
from lockstep.cli.tlb import tlb

SMALL = ["victima", "--workload", "gups", "--option", "table_log2=20", "--accesses", "2e4"]


@pytest.fixture
def lockstep_tlb(capsys):
    app = typer.Typer()
    app.command()(tlb)

    def run(*arguments):
        app(args=list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_json_has_what_a_run_is_judged_by(lockstep_tlb):
    out = json.loads(lockstep_tlb(*SMALL, "--mechanism", "victima", "--json"))
    for key in ("l2_tlb_mpki", "ptw", "ptw_mean_cycles", "tlb_block_hits", "cycles"):
        assert out[key] > 0
    assert out["accesses"] == 20_000
    assert out["speedup_vs_radix"] == out["radix"]["cycles"] / out["cycles"]
    assert out["ptw"] < out["radix"]["ptw"]


def test_radix_beside_itself_is_no_faster(lockstep_tlb):
    out = json.loads(lockstep_tlb(*SMALL, "--virtualised", "--warmup", "1e4", "--json"))
    assert out["speedup_vs_radix"] == 1
    assert out["accesses"] == out["warmup_accesses"] == 10_000
    assert out["virtualised"]


def test_the_table_is_100_columns_or_less(lockstep_tlb):
    out = lockstep_tlb(*SMALL, "--mechanism", "victima", "--set", "l2.rrpv_bits=3")
    assert "speedup over radix" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_trace_runs_to_its_end(lockstep_tlb, tmp_path):
    trace = tmp_path / "lackey.txt"
    trace.write_text("==1== lackey\nI  04000000,3\n L 1ffe000,8\n S 1ffe008,8\n M 2000000,4\n")
    out = json.loads(lockstep_tlb("victima", "--trace", str(trace), "--json"))
    assert out["accesses"] == 5
    assert out["served_by"]["walk"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["victima"], "name either --workload NAME"),
        (["victima", "--workload", "gup"], "unknown workload 'gup'; did you mean 'gups'"),
        (["victim", "--workload", "gups"], "unknown mmu 'victim'"),
        ([*SMALL[:-1], "many"], "--accesses: 'many' is not a number of accesses"),
        ([*SMALL[:-1], "0.5"], "--accesses: '0.5' is not a number of accesses"),
        ([*SMALL, "--warmup", "2e4"], "--warmup: 20000; must be below --accesses"),
        ([*SMALL, "--option", "size"], "not KEY=VALUE"),
        ([*SMALL, "--option", "size=1"], "size: unknown key"),
        ([*SMALL, "--option", "seed=1"], "no option of a workload"),
        ([*SMALL, "--mechanism", "victim"], "mechanism: unknown choice, value 'victim'"),
        ([*SMALL, "--format", "lackey"], "--format: belongs to a trace"),
        (["victima", "--trace", "none.txt"], "none.txt: cannot be read"),
        (["victima", "--trace", "x", "--option", "a=1"], "--option: belongs to a workload"),
    ],
)
def test_bad_input_is_one_line(lockstep_tlb, arguments, message):
    with pytest.raises(InputError) as error:
        lockstep_tlb(*arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
