"""GEMVs over many slices."""

import re
from pathlib import Path

import numpy as np
import pytest

from lockstep.arch.lut import LutConfig
from lockstep.sim.cycle.lut import job_cycles
from lockstep.sim.lut_gemv import gemv_cycles

CFG = LutConfig(group=4, batch=2, ports=2, n_max=64, k_max=256)


def test_one_slice_and_one_job_is_the_job_itself():
    cycles, done = gemv_cycles(CFG, 1, 60, 250, 2, weight_bits=4)
    assert cycles == 1 + job_cycles(CFG, 60, 250, weight_bits=4, n_builds=63)
    assert done.lut_reads == 63 * 60 * 4 * 2


def test_what_does_not_fit_is_cut_into_jobs():
    """130 outputs in runs of 64, 64 and 2; 300 inputs in 256 and 44; 5 vectors in three rounds."""
    cycles, done = gemv_cycles(CFG, 1, 130, 300, 5, weight_bits=3)
    jobs = [(n, k) for n in (64, 64, 2) for k in (256, 44)]
    one_round = sum(1 + job_cycles(CFG, n, k, weight_bits=3, n_builds=k // 4) for n, k in jobs)
    assert cycles == 3 * one_round
    assert done.lut_reads == 75 * 130 * 3 * 5
    assert done.index_bits == 300 * 130 * 3 * 3
    assert done.acc_writes == (63 + 10) * 130 * 5


def test_slices_share_the_outputs_and_the_slowest_decides():
    alone, _ = gemv_cycles(CFG, 1, 40, 256, 1)
    _, one = gemv_cycles(CFG, 1, 100, 256, 1)
    cycles, three = gemv_cycles(CFG, 3, 100, 256, 1)  # 34 + 34 + 32
    assert cycles < alone
    assert cycles == gemv_cycles(CFG, 1, 34, 256, 1)[0]
    assert three.lut_reads == one.lut_reads
    assert three.lut_adds == 3 * gemv_cycles(CFG, 1, 34, 256, 1)[1].lut_adds
    assert gemv_cycles(CFG, 200, 100, 256, 1)[0] == gemv_cycles(CFG, 100, 100, 256, 1)[0]


def test_a_cache_that_keeps_up_costs_nothing_and_a_slow_one_bounds_the_time():
    wanted = 8 * CFG.ports * CFG.group / 8  # bytes per cycle of eight slices
    free = gemv_cycles(CFG, 8, 512, 256, 1)[0]
    assert gemv_cycles(CFG, 8, 512, 256, 1, stream_bytes_per_cycle=wanted)[0] == free
    slow, done = gemv_cycles(CFG, 8, 512, 256, 1, stream_bytes_per_cycle=wanted / 10)
    streaming = done.index_bits / 8 / (wanted / 10)
    assert streaming <= slow
    assert slow == pytest.approx(streaming, rel=0.1)  # but for builds, which do not stream


def test_time_grows_with_every_size_and_shrinks_with_every_resource():
    def cycles(**changes):
        sizes = {"slices": 4, "outputs": 300, "inputs": 300, "batch": 3, **changes}
        return gemv_cycles(CFG, **sizes)[0]

    for name in ("outputs", "inputs", "batch"):
        assert (np.diff([cycles(**{name: size}) for size in (100, 200, 301, 900)]) >= 0).all()
    assert (np.diff([cycles(weight_bits=bits) for bits in range(1, 9)]) > 0).all()
    assert (np.diff([cycles(hit_rate=rate) for rate in (0, 0.1, 0.5, 1)]) < 0).all()
    assert (np.diff([cycles(slices=count) for count in (1, 2, 4, 100)]) < 0).all()


def test_pattern_awareness_saves_at_most_the_builds():
    blind = CFG.model_copy(update={"pattern_aware": False})
    always = gemv_cycles(blind, 4, 256, 256, 2, hit_rate=1.0)[0]
    assert always == gemv_cycles(CFG, 4, 256, 256, 2)[0]
    assert always - gemv_cycles(CFG, 4, 256, 256, 2, hit_rate=1.0)[0] == 63 * CFG.build_cycles


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"slices": 0}, "slices must be 1 or more, not 0"),
        ({"outputs": 0}, "outputs must be 1 or more"),
        ({"weight_bits": 9}, r"weight_bits must lie in 1\.\.8, not 9"),
        ({"hit_rate": -0.1}, r"hit_rate must lie in 0\.\.1"),
        ({"stream_bytes_per_cycle": 0.0}, "stream_bytes_per_cycle must be more than 0"),
    ],
)
def test_sizes_are_checked(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        gemv_cycles(CFG, **{"slices": 4, "outputs": 8, "inputs": 8, "batch": 1, **changes})


def test_the_table_of_the_documentation_is_what_it_says():
    page = Path(__file__).resolve().parents[2].joinpath("docs/sail.md").read_text()
    cfg = LutConfig(batch=8, ports=4)

    def cycles(bits, batch, **more):
        return gemv_cycles(cfg, 32, 4096, 4096, batch, weight_bits=bits, **more)[0]

    rows = re.findall(r"^\| (\d) \| (.*) \|$", page, re.MULTILINE)
    assert [int(bits) for bits, _ in rows] == [2, 3, 4, 8]
    for text, row in rows:
        bits = int(text)
        base = cycles(bits, 8)
        saved = [1 - cycles(bits, 8, hit_rate=rate) / base for rate in (0.5, 1.0)]
        wanted = [
            cycles(bits, 1),
            base,
            cycles(bits, 32),
            cycles(bits, 8, stream_bytes_per_cycle=32),
        ]
        assert row.split(" | ") == [f"{c:,}" for c in wanted] + [
            f"{s:.1%}"[:-1] + " %" for s in saved
        ]
