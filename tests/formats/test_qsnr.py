"""Closed-form QSNR against the figures of arXiv 2510.25602, and against measurement."""

import math

import numpy as np
import pytest

from lockstep.sim.golden.formats import quantize
from lockstep.sim.qsnr import crest_factor, crossover, measured_qsnr_db, theory_qsnr_db


@pytest.mark.parametrize(
    ("integer", "floating", "crest", "qsnr_db"),
    [
        ("mxint8", "mxfp8", 7.55, 31.86),
        ("mxint6", "mxfp6", 1.96, 31.54),
        ("mxint4", "mxfp4", 2.04, 19.14),
        ("nvint4", "nvfp4", 2.39, 21.14),
    ],
)
def test_crossovers_are_the_published_ones(integer, floating, crest, qsnr_db):
    found = crossover(integer, floating)
    assert found.crest_factor == pytest.approx(crest, abs=0.01)
    assert found.qsnr_db == pytest.approx(qsnr_db, abs=0.01)
    for side, sign in ((0.9, 1), (1.1, -1)):
        at = found.crest_factor * side
        assert sign * (theory_qsnr_db(integer, at) - theory_qsnr_db(floating, at)) > 0


@pytest.mark.parametrize(
    ("name", "qsnr_db"),
    [
        ("mxint8", 39.99),
        ("mxfp8", 31.86),
        ("mxint6", 27.95),
        ("mxfp6", 30.85),
        ("mxint4", 15.91),
        ("mxfp4", 18.06),
        ("nvint4", 19.28),
        ("nvfp4", 21.83),
    ],
)
def test_qsnr_at_the_crest_factor_of_the_paper(name, qsnr_db):
    assert theory_qsnr_db(name, 2.96) == pytest.approx(qsnr_db, abs=0.01)


@pytest.mark.parametrize("name", ["mxint8", "mxfp8", "mxint6", "mxfp6", "mxfp4", "nvfp4"])
def test_theory_is_near_measurement_on_gaussian_tensors(name):
    """Within 1.5 dB: the theory takes one overhead of the scale for all blocks."""
    x = np.random.default_rng(0).standard_normal((4000, 64)).astype(np.float32)
    measured = measured_qsnr_db(x, quantize(x, name, scale_rule="ceil"))
    block = 16 if name.startswith("nv") else 32
    assert measured == pytest.approx(theory_qsnr_db(name, crest_factor(x, block)), abs=1.5)


def test_there_may_be_no_crossover():
    assert crossover("mxint4", "mxfp8") is None


def test_more_bits_are_better():
    for crest in (1.5, 3.0, 5.0):
        assert theory_qsnr_db("mxint8", crest) > theory_qsnr_db("mxint6", crest)
        assert theory_qsnr_db("mxint6", crest) > theory_qsnr_db("mxint4", crest)


def test_measured_qsnr():
    assert measured_qsnr_db([3, 4], [3, 4]) == math.inf
    assert measured_qsnr_db([10.0], [9.0]) == pytest.approx(20)
    with pytest.raises(ValueError, match="zeros"):
        measured_qsnr_db([0.0], [1.0])


def test_crest_factor():
    assert crest_factor(np.array([1.0, -1, 1, 1]), 4) == 1
    assert crest_factor(np.array([4.0, 0, 0, 0, 0, 0, 0, 0]), 4) == 2
    with pytest.raises(ValueError, match="whole blocks"):
        crest_factor(np.ones(6), 4)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="not a block format"):
        theory_qsnr_db("int8", 3.0)
    with pytest.raises(ValueError, match="crest factor"):
        theory_qsnr_db("mxint8", 0.5)
    with pytest.raises(ValueError, match="crest factor"):
        theory_qsnr_db("nvfp4", 4.1)
