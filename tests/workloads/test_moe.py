"""Routed experts: how many are expected to work, and on how many rows."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.workloads.feedforward import expected_experts
from lockstep.workloads.model import load_model
from lockstep.workloads.parts import MoeFfn
from lockstep.workloads.phases import Formats, Phase, graph

MIXTRAL = load_model("mixtral-8x7b")


def moe(experts, per_token):
    return MoeFfn(
        kind="moe",
        layers=1,
        experts=experts,
        experts_per_token=per_token,
        intermediate=1,
        activation="silu",
    )


@pytest.mark.parametrize(("experts", "per_token"), [(4, 1), (4, 2), (5, 3), (3, 3)])
@pytest.mark.parametrize("tokens", [1, 2, 3])
def test_expected_experts_is_the_mean_over_all_routings(experts, per_token, tokens):
    choices = list(combinations(range(experts), per_token))
    routings = list(product(choices, repeat=tokens))
    mean = sum(len(set().union(*map(set, r))) for r in routings) / len(routings)
    assert expected_experts(moe(experts, per_token), tokens) == pytest.approx(mean, rel=1e-12)


@settings(max_examples=200, deadline=None)
@given(
    shape=st.sampled_from([(8, 2), (60, 4), (64, 6), (128, 8), (256, 8), (7, 3), (4, 4)]),
    tokens=st.integers(1, 5000),
)
def test_more_tokens_never_mean_less_expert_work(shape, tokens):
    model = MIXTRAL.model_copy(update={"ffn": (moe(*shape),)})

    def experts(count):
        ops = graph(model, Phase(kind="prefill", tokens=count), Formats())
        return next(op for op in ops if op.name == "moe.up_proj")

    fewer, more = experts(tokens), experts(tokens + 1)
    assert fewer.rows == tokens * shape[1]
    assert shape[1] <= fewer.instances <= more.instances <= shape[0]
    assert fewer.m <= more.m
    assert fewer.m * fewer.instances >= fewer.rows * (1 - 1e-12)


def test_one_token_visits_its_experts_once():
    for experts, per_token in ((60, 4), (256, 8), (64, 6)):
        model = MIXTRAL.model_copy(update={"ffn": (moe(experts, per_token),)})
        ops = graph(model, Phase(kind="decode", context=5), Formats())
        up = next(op for op in ops if op.name == "moe.up_proj")
        assert (up.m, up.instances) == (1, pytest.approx(per_token, rel=1e-12))
