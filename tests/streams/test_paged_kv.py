"""The server: its allocator loses no block, and nothing is read that was not written."""

import numpy as np
import pytest

from lockstep.workloads.streams.chunk import INVALIDATE, LOAD, STORE
from lockstep.workloads.streams.kv_server import (
    FINISHED,
    N_FREE,
    N_RUNNING,
    N_WAITING,
    PREEMPTED,
    REFUSED,
)

CROWDED = {"arrivals_per_step": 2.0}
ROOMY = {"arrivals_per_step": 0.05, "blocks": 200}


def served(small, n, **options):
    """The server after about ``n`` accesses, and these."""
    run = small("paged-kv", **options).start()
    return run.results, small.joined(run.chunks(n))


@pytest.mark.parametrize("options", [{}, CROWDED, ROOMY])
def test_every_block_is_free_or_in_one_table(small, options):
    run = small("paged-kv", **options).start()
    s = run.results
    for chunk in run.chunks(2_000_000, 50_000):
        assert len(chunk)
        running = s["scalar"][N_RUNNING]
        held = s["table"][:running]
        blocks = np.concatenate([s["free"][: s["scalar"][N_FREE]], held[held >= 0]])
        assert sorted(blocks) == list(range(len(s["free"])))
        assert (s["table"][running:] == -1).all()
        assert (s["tokens"][:running] <= s["goal"][:running]).all()
        assert ((held >= 0).sum(axis=1) * 8 >= s["cached"][:running]).all()


def test_a_crowd_is_preempted_and_refused_and_still_served(small):
    scalar = served(small, 3_000_000, **CROWDED)[0]["scalar"]
    assert scalar[FINISHED] > 50
    assert scalar[PREEMPTED] > 10
    assert scalar[REFUSED] > 50
    assert 0 < scalar[N_WAITING] <= small.options["paged-kv"]["max_waiting"]


def test_with_room_nobody_waits(small):
    scalar = served(small, 3_000_000, **ROOMY)[0]["scalar"]
    assert scalar[FINISHED] > 50
    assert not scalar[PREEMPTED]
    assert not scalar[REFUSED]


@pytest.mark.parametrize("options", [{}, CROWDED])
def test_keys_and_values_are_written_before_they_are_read(small, options):
    """Blocks of 8 tokens of 512 bytes are pages, so a shootdown forgets all of one block's lines."""
    got = small("paged-kv", **options)
    chunk = small.joined(got.chunks(400_000))
    first = min(r.start for r in got.regions if r.name.startswith("keys"))
    end = max(r.start + r.size_bytes for r in got.regions if r.name.startswith("values"))
    written, reads = {}, 0
    for address, kind in zip(chunk.address.tolist(), chunk.kind.tolist(), strict=True):
        if first <= address < end:
            page = written.setdefault(address >> 12, set())
            if kind == STORE:
                page.add(address)
            elif kind == INVALIDATE:
                page.clear()
            else:
                assert address in page
                reads += 1
    assert reads > 100_000
    assert (chunk.kind == INVALIDATE).sum() > 100


def test_no_shootdowns_unless_asked_for(small):
    chunk = served(small, 400_000, invalidate=False)[1]
    with_them = served(small, 410_000)[1]
    assert not (chunk.kind == INVALIDATE).any()
    kept = with_them.kind != INVALIDATE
    assert np.array_equal(with_them.address[kept][:400_000], chunk.address)


def test_a_step_reads_all_keys_then_all_values_of_each_layer(small):
    """One sequence of 20 tokens or so, alone: find its first step and count its lines."""
    got = small("paged-kv", **ROOMY, weight_bytes_per_layer=0, invalidate=False)
    at = {region.name: region.start for region in got.regions}
    run = got.start()
    chunk = next(run.chunks(200_000))
    table = at["block tables"]
    held = int(np.argmax(chunk.address < table))  # blocks stored in the table before all else
    assert (chunk.kind[:held] == STORE).all()
    assert chunk.address[:held].tolist() == [table + 4 * j for j in range(held)]
    position = held
    tokens = 0
    for layer in range(2):
        keys, values = at[f"keys of layer {layer}"], at[f"values of layer {layer}"]
        stores = int(np.argmax(chunk.kind[position:] == LOAD))
        tokens = stores // 2 // 8  # 8 lines of 64 bytes in a token's 512
        assert -(-tokens // 8) == held
        blocks = np.arange(tokens) // 8  # the first request takes blocks 0, 1, 2, ...
        lines = (blocks * 4096 + np.arange(tokens) % 8 * 512)[:, None] + 64 * np.arange(8)
        expected = [keys + lines.ravel(), values + lines.ravel()]
        assert (
            chunk.address[position : position + stores].tolist()
            == np.concatenate(expected).tolist()
        )
        position += stores
        for part in (keys, values):
            wanted = []
            for j in range(held):
                wanted.append(table + 4 * j)
                wanted += (part + lines[8 * j : 8 * j + 8].ravel()).tolist()
            assert chunk.address[position : position + len(wanted)].tolist() == wanted
            assert (chunk.kind[position : position + len(wanted)] == LOAD).all()
            position += len(wanted)


def test_weights_are_streamed_once_per_layer_and_step(small):
    got = small("paged-kv", **ROOMY, invalidate=False)
    weights = next(region for region in got.regions if region.name == "weights")
    chunk = small.joined(got.chunks(100_000))
    inside = (chunk.address >= weights.start) & (chunk.address < weights.start + weights.size_bytes)
    offset = chunk.address[inside] - weights.start
    assert len(offset) > 1000
    assert np.array_equal(offset, 64 * (np.arange(len(offset)) % 32))  # 2 layers of 1024 bytes


def test_requests_are_of_the_mean_lengths_and_rate(small):
    """Prompt tokens are stores of a sequence's first step; here nobody is refused or preempted."""
    options = ROOMY | {"mean_prompt_tokens": 10, "mean_output_tokens": 6, "invalidate": False}
    results, chunk = served(small, 2_000_000, **options)
    at = {region.name: region.start for region in small("paged-kv", **options).regions}
    end = at["values of layer 0"]
    tokens = (
        (chunk.kind == STORE) & (chunk.address >= at["keys of layer 0"]) & (chunk.address < end)
    ).sum() / 8
    assert results["scalar"][FINISHED] > 400
    # 1 + floor of an exponential has a mean of 1 / (1 - exp(-1 / mean)); the last token is not cached.
    expected = sum(1 / (1 - np.exp(-1 / mean)) for mean in (10, 6))
    assert abs(tokens / results["scalar"][FINISHED] - expected) < 0.1 * expected
