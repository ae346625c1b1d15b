"""The golden model of a PIM channel, against plain arithmetic."""

import numpy as np
import pytest

from lockstep.arch.pim import PimMacConfig, load_pim
from lockstep.arch.pim_isa import Instruction, Op
from lockstep.sim.cycle.pim_map import KvLayout, append_program, scores_program, values_program
from lockstep.sim.golden.formats import decode, encode
from lockstep.sim.golden.pim import PimState, execute, mac_step
from lockstep.sim.golden.pim_gemv import gemv

SMALL = ["rows=64", "columns=4", "buffer_entries=3", "banks=3"]


def codes(values, fmt="bf16"):
    return encode(np.asarray(values, np.float32), fmt)


def fp32(value):
    return int(np.float32(value).view(np.uint32))


def as_float(sums):
    return np.asarray(sums, np.int64).astype(np.uint32).view(np.float32)


def test_lanes_add_up_pair_by_pair_and_each_sum_is_rounded():
    """2^24 + 1 rounds to 2^24, and 1 - 2^24 does not; in order, or at once, other sums would come."""
    cfg = PimMacConfig(element="bf16", lanes=4)
    total = mac_step(cfg, fp32(0), codes([1, 1, 1, 1]), codes([2.0**24, 1, 1, -(2.0**24)]))
    assert as_float(total) == 1


def test_an_odd_lane_passes_on():
    cfg = PimMacConfig(element="bf16", lanes=3)
    assert as_float(mac_step(cfg, fp32(0.5), codes([1, 2, 3]), codes([4, 5, 6]))) == 32.5


def test_products_beyond_fp32_are_rounded_once():
    cfg = PimMacConfig(element="bf16", lanes=1)
    least = codes([2.0**-126])
    assert mac_step(cfg, fp32(0), least, codes([2.0**-24])) == 0  # half the least: to even
    assert mac_step(cfg, fp32(0), least, codes([1.5 * 2.0**-24])) == 1
    big = codes([2.0**127])
    assert mac_step(cfg, fp32(0), big, codes([2.0])) == fp32(np.inf)
    nan = mac_step(cfg, fp32(-np.inf), big, codes([2.0]))
    assert nan == 0x7FC00000


@pytest.mark.parametrize("element", ["fp8_e4m3", "fp4_e2m1", "fp6_e3m2"])
def test_short_floats_add_exactly_while_sums_are_short(element):
    cfg = PimMacConfig(element=element, lanes=7)
    rng = np.random.default_rng(1)
    a, b = (codes(rng.integers(-2, 3, (50, 7)), element) for _ in range(2))
    start = rng.integers(-100, 100, 50).astype(np.float32)
    exact = start + (decode(a, element) * decode(b, element)).sum(axis=-1)
    got = mac_step(cfg, start.view(np.uint32).astype(np.int64), a, b)
    np.testing.assert_array_equal(as_float(got), exact)


def test_integers_wrap():
    cfg = PimMacConfig(element="int8", lanes=2, acc_bits=16)
    assert mac_step(cfg, 0, [128, 128], [128, 128]) == -32768  # 2 * (-128)^2
    assert mac_step(cfg, -1, [255, 1], [1, 3]) == 1


def test_operands_must_be_codes_of_the_lanes():
    cfg = PimMacConfig(element="int4", lanes=2)
    with pytest.raises(ValueError, match="must have 2 lanes"):
        mac_step(cfg, 0, [1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="too few"):
        mac_step(cfg, 0, [16, 0], [1, 1])


def test_copies_and_single_banks_reach_only_their_own():
    cfg = load_pim("gddr6-aim", [*SMALL, "mac.element=int8", "mac.lanes=2"])
    state = PimState.zero(cfg)
    program = [
        Instruction(Op.WR_SBK, bank=1, row=5, column=2, count=2),
        Instruction(Op.COPY_BKGB, bank=1, row=5, column=2, entry=1, count=2),
        Instruction(Op.COPY_GBBK, bank=2, row=7, column=0, entry=2, count=1),
        Instruction(Op.RD_SBK, bank=2, row=7, count=2),
        Instruction(Op.MAC_SBK, bank=1, row=5, column=3, entry=1),
        Instruction(Op.RD_MAC),
    ]
    results = execute(cfg, state, program, [[1, 2], [3, 4]])
    assert [list(r) for r in results] == [[3, 4], [0, 0], [0, 3 * 1 + 4 * 2, 0]]
    assert np.count_nonzero(state.cells) == 6


@pytest.mark.parametrize("words", [[], [[1, 2], [3, 4]]])
def test_a_program_takes_just_its_words(words):
    cfg = load_pim("gddr6-aim", [*SMALL, "mac.element=int8", "mac.lanes=2"])
    with pytest.raises(ValueError, match="words of data"):
        execute(cfg, PimState.zero(cfg), [Instruction(Op.WR_GB)], words)


@pytest.mark.parametrize("outputs", [1, 3, 10])
@pytest.mark.parametrize("inputs", [1, 5, 6, 7, 40])
def test_a_mapped_matrix_gives_the_matrix_product(outputs, inputs):
    """Short rows that share a DRAM row, long ones that are cut, and all that does not divide."""
    cfg = load_pim("gddr6-aim", [*SMALL, "mac.element=int8", "mac.lanes=2"])
    rng = np.random.default_rng(outputs * 100 + inputs)
    weights = rng.integers(-128, 128, (outputs, inputs))
    vector = rng.integers(-128, 128, inputs)
    np.testing.assert_array_equal(gemv(cfg, weights & 255, vector & 255), weights @ vector)


def test_a_bf16_matrix_comes_close_to_exact_sums():
    cfg = load_pim("gddr6-aim", ["rows=16"])
    rng = np.random.default_rng(5)
    weights, vector = (codes(rng.normal(size=size)) for size in ((20, 1500), 1500))
    exact = decode(weights, "bf16").astype(float) @ decode(vector, "bf16").astype(float)
    np.testing.assert_allclose(gemv(cfg, weights, vector), exact, atol=1e-4)


def test_attention_over_appended_tokens_gives_the_products():
    """Tokens are appended one by one; then queries meet keys, and probabilities values."""
    context, heads, dim, per_kv = 11, 2, 5, 2
    cfg = load_pim("gddr6-aim", [*SMALL, "mac.element=int8", "mac.lanes=2"])
    rng = np.random.default_rng(9)
    layout = KvLayout(cfg=cfg, capacity=14, kv_heads=heads, head_dim=dim, first_row=3)
    state, lanes = PimState.zero(cfg), cfg.mac.lanes
    keys, values = rng.integers(-9, 9, (2, heads, context, dim))

    def bursts(vector):
        filled = np.zeros(-(-len(vector) // lanes) * lanes, np.int64)
        filled[: len(vector)] = np.asarray(vector) & 255
        return list(filled.reshape(-1, lanes))

    for t in range(context):
        words = [burst for h in range(heads) for burst in bursts(keys[h, t])]
        since = t // lanes * lanes  # the host still has the tokens before
        words += [
            burst
            for h in range(heads)
            for d in range(dim)
            for burst in bursts(values[h, since : t + 1, d])
        ]
        execute(cfg, state, append_program(layout, t), words)
    assert not state.cells[:, :3].any()
    assert not state.cells[:, 3 + layout.rows :].any()

    queries = rng.integers(-9, 9, (heads * per_kv, dim))
    program = scores_program(layout, context, queries_per_kv=per_kv)
    found, pending = [], iter(queries)
    zeros = np.zeros(cfg.banks, np.int64)
    words = []
    for i in program:
        if i.op == Op.WR_GB:
            for _ in range(i.count // layout.head_bursts):
                words += bursts(next(pending))
        elif i.op == Op.WR_BIAS:
            words.append(zeros)
    found = np.array(execute(cfg, state, program, words))
    # One query at a time fits the global buffer: results are (query, token group, bank).
    scores = found.reshape(heads * per_kv, -1)[:, :context]
    expected = np.array([keys[q // per_kv] @ queries[q] for q in range(heads * per_kv)])
    np.testing.assert_array_equal(scores, expected)

    weights = rng.integers(-9, 9, (heads * per_kv, context))
    chunk = layout.value_bursts * lanes
    program = values_program(layout, context, queries_per_kv=per_kv)
    words = []
    for q in range(heads * per_kv):
        for first in range(0, context, chunk):
            words += bursts(weights[q, first : first + chunk])
            words += [zeros] * layout.value_groups
    found = np.array(execute(cfg, state, program, words))
    outputs = found.reshape(heads * per_kv, -(-context // chunk), -1).sum(axis=1)[:, :dim]
    expected = np.array([weights[q] @ values[q // per_kv] for q in range(heads * per_kv)])
    np.testing.assert_array_equal(outputs, expected)


def test_element_wise_products_go_to_the_third_bank_of_each_group():
    cfg = load_pim("gddr6-aim", ["rows=2", "columns=3", "banks=8", "mac.lanes=2"])
    state = PimState.zero(cfg)
    rng = np.random.default_rng(3)
    state.cells[:] = codes(rng.normal(size=state.cells.shape))
    before = state.cells.copy()
    execute(cfg, state, [Instruction(Op.EWMUL, row=1, column=1, count=2)], [])
    for first in (0, 4):
        a, b = (decode(before[first + k, 1, 1:], "bf16") for k in (0, 1))
        # bfloat16 is the upper half of float32: round that to nearest even by hand.
        bits = (a * b).astype(np.float32).view(np.uint32).astype(np.int64)
        expected = bits + 0x7FFF + (bits >> 16 & 1) >> 16
        np.testing.assert_array_equal(state.cells[first + 2, 1, 1:], expected)
        before[first + 2, 1, 1:] = expected
    np.testing.assert_array_equal(state.cells, before)


@pytest.mark.parametrize("override", ["banks=6", "mac.element=int8", "timing.rcd_ewmul=null"])
def test_element_wise_products_need_groups_floats_and_a_gap(override):
    cfg = load_pim("gddr6-aim", ["rows=2", override])
    with pytest.raises(ValueError, match="does not fit the channel"):
        execute(cfg, PimState.zero(cfg), [Instruction(Op.EWMUL)], [])
