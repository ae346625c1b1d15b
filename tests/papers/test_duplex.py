"""Duplex beside its paper: identities, operations per byte, and how runs become claims."""

import pytest

from lockstep.cli.reproduce import PAPERS
from lockstep.papers import duplex_latency, duplex_speed
from lockstep.papers.duplex_device import device, intensity
from lockstep.papers.duplex_published import duplex
from lockstep.papers.duplex_servers import VARIANTS, served, server
from lockstep.sim.serving import Load


def rows(part, table):
    return part.data()[table]


def quiet(_):
    return None


def test_identities_are_the_papers():
    found = {row["quantity"]: row for row in rows(device(quiet), "identities")}
    exact = [
        ("Logic-PIM, TFLOPS", 1),
        ("Logic-PIM, operations per byte", 0),
        ("Logic-PIM, operations per byte at 5.2 Gb/s", 2),
        ("Bank-PIM, operations per byte", 2),
        ("BankGroup-PIM, TFLOPS", 1),
        ("share of the die", 4),
    ]
    for name, digits in exact:
        assert round(found[name]["ours"], digits) == found[name]["paper"], name
    assert found["Logic-PIM, operations per byte at 5.2 Gb/s"]["ours"] == pytest.approx(
        8, rel=1e-12
    )
    assert found["area, mm2"]["ours"] == pytest.approx(17.80, abs=0.011)


def test_models_are_the_papers():
    for row in rows(device(quiet), "models"):
        assert row["ratio"] == pytest.approx(1, abs=0.02), row["model"]


def test_operators_go_where_their_operations_per_byte_say():
    found = rows(intensity(quiet), "operators")
    by_name = {(row["model"], row["operator"]): row for row in found}
    assert by_name["opt-66b", "attention"]["op_per_byte"] == pytest.approx(1, rel=0.02)
    assert by_name["mixtral-8x7b", "attention"]["op_per_byte"] == pytest.approx(4, rel=0.05)
    assert by_name["glam-143b", "moe.up_proj"]["op_per_byte"] == pytest.approx(2.3, rel=0.2)
    for row in found:
        # The crossing is at 37.4; of small operators latencies decide.
        if row["xpu_us"] < 2:
            continue
        assert row["chosen"] == ("xPU" if row["op_per_byte"] > 37.4 else "Logic-PIM"), row
    attention = by_name["opt-66b", "attention"]
    assert attention["xpu_us"] / attention["logic_pim_us"] == pytest.approx(4, rel=0.06)
    assert attention["logic_pim_us"] / attention["bank_pim_us"] == pytest.approx(4, rel=0.06)


def test_claims_from_made_up_runs():
    def row(model, gain):
        values = {"2xGPU": 2.0, "Bank-PIM": 1.0, "Duplex": gain, "Duplex+PE": gain * 1.1}
        return {"model": model} | {f"speedup {k}": v for k, v in values.items()} | {
            "speedup Duplex+PE+ET": gain * 1.2
        }  # fmt: skip

    made_up = [row("mixtral-8x7b", 2.0), row("glam-143b", 3.0), row("opt-66b", 9.0)]
    ours = {r["what"]: r["ours"] for r in duplex_speed.claims(made_up)}
    assert ours["Duplex over GPU, most"] == 3.0
    assert ours["Duplex+PE+ET over GPU, mean"] == pytest.approx((2.4 + 3.6) / 2)
    assert ours["PE over Duplex, mean"] == pytest.approx(1.1)
    assert ours["Mixtral over Bank-PIM, most"] == pytest.approx(2.4)


SHORT = Load(batch=32, input_tokens=64, output_tokens=16, requests=8)


def test_order_of_the_machines_is_the_papers():
    speed = {v: served("mixtral-8x7b", v, SHORT).tokens_per_s for v in duplex_speed.SHOWN}
    gpu = served("mixtral-8x7b", "GPU", SHORT).tokens_per_s
    assert gpu < speed["Bank-PIM"] < speed["Duplex"] <= speed["Duplex+PE"] < speed["Duplex+PE+ET"]
    assert gpu < speed["2xGPU"] < 2.1 * gpu
    # Four times the bandwidth, and no slowest device in the end.
    assert 1.5 < speed["Duplex+PE+ET"] / gpu < 4.5


def test_energy_is_less_where_bytes_go_a_shorter_way():
    energy = {
        v: served("mixtral-8x7b", v, SHORT).joules_per_token for v in ("GPU", "Duplex", "Bank-PIM")
    }
    assert energy["Bank-PIM"] < energy["Duplex"] < energy["GPU"]
    # Pins and the way to the registers, against the logic die: no more can be saved at the memory.
    assert energy["Duplex"] / energy["GPU"] > 26.3 / (28.72 + 3.75)


def test_policies_share_tables():
    assert server("mixtral-8x7b", "Duplex").tables is server("mixtral-8x7b", "Duplex+PE").tables
    assert server("mixtral-8x7b", "Duplex").pim.expert_co_processing is False


def test_slow_links_draw_machines_together():
    gpu, best = (server("mixtral-8x7b", v) for v in ("GPU", "Duplex+PE+ET"))
    ratios = [
        duplex_latency.serve(duplex_latency._slow_links(best, s), SHORT).tokens_per_s
        / duplex_latency.serve(duplex_latency._slow_links(gpu, s), SHORT).tokens_per_s
        for s in (6e-6, 60e-6)
    ]
    assert 1 < ratios[1] < ratios[0]


def test_published_figures_load():
    paper = duplex()
    assert paper.setup.models == {
        "mixtral-8x7b": 4, "glam-143b": 8, "grok-1": 16, "opt-66b": 4, "llama-3-70b": 4,
    }  # fmt: skip
    assert paper.results.speedup_max == {"Duplex": 2.51, "Duplex+PE+ET": 2.67}
    assert "duplex" in PAPERS
    assert {"GPU", "2xGPU", "BankGroup-PIM"} <= set(VARIANTS)


def test_static_power_rewards_the_shorter_run():
    row = {
        "model": "glam-143b",
        "joules GPU": 1.0, "device_seconds GPU": 0.02,
        "joules Duplex": 0.9, "device_seconds Duplex": 0.01,
    }  # fmt: skip
    assert duplex_speed.changes([row], "Duplex", ["glam-143b"], 0.0) == [pytest.approx(-0.1)]
    assert duplex_speed.changes([row], "Duplex", ["glam-143b"], 50.0) == [pytest.approx(-0.3)]


@pytest.mark.slow
def test_claims_are_within_the_stated_band():
    """1.0 to 1.7 times the paper's: a roofline has no cost but operators and links."""
    found = list(duplex_speed.grid(duplex_speed.MOE, quiet))
    assert len(found) == 3 * len(duplex_speed.BATCHES) * len(duplex_speed.LENGTHS)
    for row in duplex_speed.claims(found):
        assert 1.0 <= row["ours_over_paper"] <= 1.7, row
