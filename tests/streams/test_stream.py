import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.error import InputError
from lockstep.workloads.streams.catalogue import WORKLOADS, stream
from lockstep.workloads.streams.chunk import (
    HUGE_PAGE_BYTES,
    INVALIDATE,
    LOAD,
    STORE,
    Chunk,
    Layout,
    Run,
)

N = 150_000  # several times what an algorithm hands over at once, and more than one round of each


def test_order_of_the_catalogue():
    names = "bc bfs cc gc pr tc sssp gups xs dlrm gen paged-kv"
    assert " ".join(WORKLOADS) == names


def equal(a, b):
    return all(np.array_equal(getattr(a, p), getattr(b, p)) for p in ("address", "kind", "gap"))


@pytest.mark.parametrize("name", WORKLOADS)
def test_accesses_do_not_depend_on_the_chunk_size(small, name):
    whole = small.accesses(name, N)
    assert len(whole) == N
    assert equal(whole, small.accesses(name, N, chunk=7001))
    assert equal(whole[:1000], small.accesses(name, 1000, chunk=1))


@pytest.mark.parametrize("name", WORKLOADS)
def test_accesses_lie_in_the_regions_and_reach_each(small, name):
    got = small(name)
    chunk = small.joined(got.chunks(N))
    assert chunk.address.dtype == np.int64
    assert (chunk.kind.dtype, chunk.gap.dtype) == (np.uint8, np.uint16)
    data = chunk.kind != INVALIDATE
    assert set(chunk.kind[data]) <= {LOAD, STORE}
    assert chunk.gap[data].min() >= 1
    assert not chunk.gap[~data].any()
    home = np.zeros(len(chunk), bool)
    for region in got.regions:
        inside = (chunk.address >= region.start) & (
            chunk.address < region.start + region.size_bytes
        )
        assert inside.any(), region
        home |= inside
    assert home.all()


@pytest.mark.parametrize("name", WORKLOADS)
def test_regions_are_aligned_and_apart(small, name):
    got = small(name)
    assert got.footprint_bytes == sum(region.size_bytes for region in got.regions)
    end = 0
    for region in got.regions:
        assert region.start % HUGE_PAGE_BYTES == 0
        assert region.start >= end + HUGE_PAGE_BYTES
        end = region.start + region.size_bytes


@pytest.mark.parametrize("name", WORKLOADS)
def test_another_seed_gives_other_accesses(small, name):
    assert not equal(small.accesses(name, N), small.accesses(name, N, seed=2))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=12),
    st.integers(0, 60),
    st.integers(1, 20),
)
def test_blocks_are_cut_into_chunks(sizes, wanted, chunk):
    total = sum(sizes)
    numbers = np.arange(total)
    cuts = np.split(numbers, np.cumsum(sizes)[:-1]) if sizes else []
    blocks = (Chunk(c, c.astype(np.uint8), c.astype(np.uint16)) for c in cuts)
    chunks = list(Run(blocks).chunks(wanted, chunk))
    n = min(total, wanted)
    assert [len(c) for c in chunks] == [min(chunk, n - i) for i in range(0, n, chunk)]
    assert [a for c in chunks for a in c.address] == list(range(n))
    assert [a for c in chunks for a in c.gap] == list(range(n))


def test_a_run_goes_on_where_it_was(small):
    run = small("bfs").start()
    first, second = small.joined(run.chunks(5000)), small.joined(run.chunks(6000))
    assert equal(small.joined([first, second]), small.accesses("bfs", 11000))


def test_rounds_end_a_stream_and_repeat_it(small):
    once = small.accesses("cc", 10**9, rounds=1)
    assert 0 < len(once) < 10**6
    twice = small.accesses("cc", 10**9, rounds=2)
    assert equal(twice, small.joined([once, once]))
    assert equal(twice, small.accesses("cc", len(twice)))


def test_a_chunk_of_nothing_is_refused(small):
    with pytest.raises(ValueError, match="5 accesses in chunks of 0"):
        next(small("gups").chunks(5, 0))
    assert list(small("gups").chunks(0)) == []


def test_a_layout_has_47_bits():
    layout = Layout()
    layout.place("first", 1)
    with pytest.raises(InputError, match=r"second of 140737488355328 bytes ends beyond 2\*\*47"):
        layout.place("second", 1 << 47)


def test_nothing_imports_numba_before_a_stream_is_made():
    code = (
        "import sys, lockstep.workloads.streams.catalogue, lockstep.workloads.streams.traces;"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bsf", {}, "unknown workload 'bsf'; did you mean 'bfs'"),
        ("bfs", {"scale": 40}, "workload bfs: scale: too large, value 40; must be <= 26"),
        ("bfs", {"scales": 4}, "workload bfs: scales: unknown key, value 4; did you mean 'scale'"),
        ("gups", {"table_log2": "9"}, "table_log2: not an integer"),
        ("gups", {"table_log2": 43}, "table_log2: too large"),
        ("dlrm", {"row_bytes": 100}, "row_bytes: does not divide evenly, value 100; must be a"),
        ("dlrm", {"zipf": float("nan")}, "zipf: "),
        ("xs", {"nuclides": np.int64(4)}, "an option is not a plain number"),
        ("paged-kv", {"blocks": 4}, "max_tokens: is more than the pool holds; must be <= 64"),
        ("bfs", {"seed": 0}, "workload bfs: seed 0; must be from 1 to 2147483647"),
        ("bfs", {"seed": True}, "workload bfs: seed True; must be"),
        ("dlrm", {"tables": 1024, "rows_log2": 30, "row_bytes": 8192}, "choose a smaller size"),
    ],
)
def test_bad_input_is_told_in_one_line(name, options, message):
    with pytest.raises(InputError) as error:
        stream(name, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_without_numba(monkeypatch):
    from lockstep.workloads.streams import catalogue

    monkeypatch.setattr(catalogue, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"workload gups needs the package numba; install it with"):
        stream("gups")


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_run_that_is_given_up_lets_go_of_its_arrays(small, name):
    run = small(name).start()
    next(run.chunks(100))
    arrays = [weakref.ref(array) for array in run.results.values()]
    del run
    assert [array() for array in arrays] == [None] * len(arrays)
