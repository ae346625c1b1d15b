import itertools
import json
from collections import defaultdict

import pytest

from lockstep.sim.report.trace import MAX_LAYERS, TRACKS, trace

BUSY = {"tensor": "tensor_cycles", "vector": "vector_cycles", "dram": "dma_cycles"}


@pytest.fixture(scope="module")
def drawn(result):
    return json.loads(json.dumps(trace(result), allow_nan=False))


@pytest.fixture(scope="module")
def tracks(drawn):
    """Track to its events as (start_ns, end_ns, event), with times as Perfetto reads them."""
    found = defaultdict(list)
    for event in drawn["traceEvents"]:
        if event["ph"] == "X":
            start, duration = int(event["ts"] * 1000.0), int(event["dur"] * 1000.0)
            found[TRACKS[event["tid"] - 1]].append((start, start + duration, event))
    return found


def test_events_are_nested_or_disjoint(tracks):
    for events in tracks.values():
        open_ends = []
        for start, end, event in sorted(events, key=lambda e: (e[0], -e[1])):
            assert end > start
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1], event
            open_ends.append(end)


def test_resources_do_one_thing_at_a_time(tracks):
    assert tracks["tensor"]
    for track in BUSY:
        for (_, end, _), (start, _, _) in itertools.pairwise(
            sorted(tracks[track], key=lambda e: e[0])
        ):
            assert end <= start


def test_outer_events_come_before_inner_ones(tracks):
    starts = [(start, -end) for start, end, _ in tracks["timeline"]]
    assert starts == sorted(starts)


def test_passes_last_as_long_as_the_run_says(result, tracks):
    passes = {
        e["name"]: e["args"]["cycles"] for _, _, e in tracks["timeline"] if "cycles" in e["args"]
    }
    assert passes["prefill"] == pytest.approx(result.prefill.cycles, rel=1e-9)
    if result.decode:
        last = result.decode_tokens - 1
        assert passes["step 0"] == pytest.approx(result.decode.steps[0], rel=1e-9)
        assert passes[f"step {last}"] == pytest.approx(result.decode.steps[last], rel=1e-9)
        between = sum(cycles for name, cycles in passes.items() if name.startswith("steps "))
        assert between == pytest.approx(sum(result.decode.steps[1:last]), rel=1e-9)


def test_the_timeline_ends_with_the_run(result, tracks):
    assert max(end for _, end, _ in tracks["timeline"]) == pytest.approx(
        result.latency_s * 1e9, rel=1e-9, abs=0.51
    )


def test_operators_tile_the_timeline(tracks):
    timeline = [*tracks["timeline"], (10**18, 10**18, {})]
    leaves = [
        (start, end)
        for (start, end, _), (following, _, _) in itertools.pairwise(timeline)
        if following >= end  # nothing is drawn inside
    ]
    assert leaves[0][0] == 0
    for (_, end), (start, _) in itertools.pairwise(leaves):
        assert start == end


def test_resources_are_as_busy_as_the_table_says(result, tracks):
    for track, column in BUSY.items():
        drawn = sum(e["args"]["cycles"] for s, _, e in tracks[track] if s < result.ttft_s * 1e9 - 1)
        expected = sum(getattr(op, column) for op in result.prefill.ops)
        if result.model.layers <= MAX_LAYERS:
            assert drawn == pytest.approx(expected, rel=1e-9)
        else:
            assert 0.5 * expected < drawn < expected


def test_every_layer_has_its_own_feed_forward(result, tracks):
    timeline = tracks["timeline"]
    prefill_end = next(end for _, end, e in timeline if e["name"] == "prefill")
    kinds = [f.kind for f in result.model.ffn for _ in range(f.layers)]
    layers = [
        (s, e, event["name"])
        for s, e, event in timeline
        if event["name"].startswith("layer ") and e <= prefill_end
    ]
    assert len(layers) == (min(len(kinds), MAX_LAYERS) if len(kinds) > 1 else 0)
    for i, (start, end, name) in enumerate(layers):
        inside = {e["name"] for s, t, e in timeline if start <= s and t <= end}
        assert name == f"layer {i}"
        assert "attn.scores" in inside
        assert ("ffn.down_proj" in inside) == (kinds[i] == "dense")
        assert ("moe.down_proj" in inside) == (kinds[i] == "moe")


def test_tracks_are_named_and_arguments_explain(drawn, tracks):
    named = {
        e["tid"]: e["args"]["name"] for e in drawn["traceEvents"] if e["name"] == "thread_name"
    }
    assert list(named.values()) == list(TRACKS[:4])  # no machine here has PIM or an MMU
    assert all({"macs", "mapping", "bound_by"} <= set(e["args"]) for _, _, e in tracks["tensor"])
    assert all({"read_bytes", "write_bytes"} <= set(e["args"]) for _, _, e in tracks["dram"])
    assert "first and the last step" in drawn["otherData"]["drawn"]


def test_a_trace_stays_small(drawn):
    assert len(json.dumps(drawn, separators=(",", ":"))) < 5_000_000
