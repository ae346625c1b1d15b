"""Stored formats of a workload: bytes with scales, precision, prices of MACs, and what is refused."""

import math

import pytest

from lockstep.arch.load import InputError
from lockstep.arch.machine import load_machine
from lockstep.sim.area import area_mm2
from lockstep.sim.engine import cost_graphs
from lockstep.sim.qsnr import gaussian_qsnr_db
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.phases import Formats

GPT2 = load_model("gpt2")


def run(machine="edge-os16", overrides=(), context=64, **formats):
    return simulate(
        load_machine(machine, overrides),
        GPT2,
        prefill=context,
        decode=1,
        formats=Formats(**({"weights": "int8", "activations": "int8", "kv": "int8"} | formats)),
    )


@pytest.mark.parametrize(
    ("fmt", "stored_bytes"),
    [
        ("int8", 4096),
        ("mxfp8", 4096 + 128),  # 128 blocks of 32, a byte of scale each
        ("mxfp6", 3072 + 128),
        ("mxfp4", 2048 + 128),
        ("mxint4", 2048 + 128),
        ("nvfp4", 2048 + 256),  # 256 blocks of 16
        ("bfp4_e8_b128", 2048 + 32),
    ],
)
@pytest.mark.parametrize("where", ["weight", "kv"])
def test_a_matrix_of_64_by_64_is_read_with_its_scales(fmt, stored_bytes, where):
    op = Gemm(name="x", m=16, n=64, k=64, b_format=fmt, b=where)
    ((cost,),) = cost_graphs(load_machine("edge-os16"), [[op]])
    assert cost.activity.dram_read_bytes == stored_bytes
    assert cost.activity.dram_write_bytes == 0


def test_a_cached_token_costs_its_keys_and_values_with_scales():
    """12 layers x (K and V) x 768 channels x 4.25 bits, read once per step."""
    longer, shorter = (run(context=c, kv="mxint4").decode.activity for c in (96, 64))
    per_token = 12 * 2 * 768 * 4.25 / 8
    assert longer.dram_read_bytes - shorter.dram_read_bytes == 32 * per_token


def test_the_scale_rule_changes_precision_and_nothing_else():
    floor, ceil = (
        run(weights="mxfp4", activations="mxfp8", kv="mxint4", scale_rule=rule).summary()
        for rule in ("floor", "ceil")
    )
    assert (floor.pop("scale_rule"), ceil.pop("scale_rule")) == ("floor", "ceil")
    precise, rough = ceil.pop("qsnr_db"), floor.pop("qsnr_db")
    assert precise["activations"] > rough["activations"] + 1  # floor saturates E4M3
    assert floor == ceil


@pytest.mark.parametrize(
    ("fmt", "db"),
    # Averages of 24 Gaussian tensors of 64 x 1024: results/int-vs-fp/tensors.json.
    [("mxint8", 41.62), ("mxfp8", 31.52), ("mxint6", 29.43), ("mxfp6", 30.96), ("mxint4", 16.83),
     ("mxfp4", 18.77), ("nvint4", 21.30), ("nvfp4", 20.42)],
)  # fmt: skip
def test_the_small_sample_is_near_large_tensors(fmt, db):
    assert gaussian_qsnr_db(fmt, "ceil") == pytest.approx(db, abs=0.3)


def test_precision_of_scalar_formats():
    # Rounding to nearest: 6.02 dB a bit; bf16 has 8 significant bits and a uniform fraction.
    assert gaussian_qsnr_db("fp16") - gaussian_qsnr_db("bf16") == pytest.approx(18.06, abs=0.3)
    assert gaussian_qsnr_db("int8") - gaussian_qsnr_db("int6") == pytest.approx(12.2, abs=0.5)
    assert gaussian_qsnr_db("fp32") is None  # exact
    assert gaussian_qsnr_db("e8m0") is None  # no negative numbers


def test_a_mac_is_priced_by_both_operands():
    wide, narrow, mixed = (
        load_machine("edge-os16", [f"tensor.mac.a={a}", f"tensor.mac.b={b}"])
        for a, b in (("int8", "int8"), ("int4", "int4"), ("int8", "int4"))
    )
    energy = [run_mac_pj(system) for system in (narrow, mixed, wide)]
    assert energy == sorted(energy)
    assert energy[1] == pytest.approx(math.sqrt(energy[0] * energy[2]))
    areas = [area_mm2(system)["mac"] for system in (narrow, mixed, wide)]
    assert areas[1] == pytest.approx(math.sqrt(areas[0] * areas[2]))
    swapped = wide.tech.mac_figures("int4", "int8")
    assert swapped.energy_pj == mixed.tech.mac_figures("int8", "int4").energy_pj


def run_mac_pj(system):
    formats = Formats(weights="int4", activations="int4", kv="int4")
    return simulate(system, GPT2, prefill=8, formats=formats).energy_pj()["mac"]


def test_a_mac_without_a_price_is_refused_for_either_operand():
    for key in ("a", "b"):
        with pytest.raises(InputError, match=r"tensor\.mac.*no MAC for 'posit32_2'; it has int8"):
            load_machine("edge-os16", [f"tensor.mac.{key}=posit32_2"])


@pytest.mark.parametrize(
    ("formats", "line"),
    [
        ({"weights": "mxfp5"}, "weights: unknown format 'mxfp5'"),
        ({"scale_rule": "ciel"}, "scale rule: unknown 'ciel'; did you mean 'ceil'?"),
        ({"kv": "posit64_2"}, "kv: posit needs 3 <= n <= 32"),
    ],
)
def test_bad_formats_are_one_line(formats, line):
    with pytest.raises(InputError) as caught:
        Formats(**formats)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
