import gzip
import lzma
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.error import InputError
from lockstep.workloads.streams.champsim import RECORD
from lockstep.workloads.streams.chunk import FETCH, LOAD, STORE
from lockstep.workloads.streams.traces import open_trace

KERNEL = 0xFFFF_8000_0000_0000
LOW_47 = (1 << 47) - 1

addresses = st.integers(1, LOW_47) | st.integers(KERNEL, 2**64 - 1)
instructions = st.tuples(
    st.integers(0x400000, 0x400200),
    st.lists(addresses, max_size=4),
    st.lists(addresses, max_size=2),
)
programs = st.lists(instructions, min_size=1, max_size=60)


def expected(program, fetch):
    """Accesses of ``(ip, loads, stores)`` instructions: address, kind, gap."""
    accesses, before, last = [], 0, None
    for number, (ip, loads, stores) in enumerate(program, 1):
        found = [(ip, FETCH)] if fetch and ip // 64 != last else []
        last = ip // 64
        found += [(a & LOW_47, LOAD) for a in loads] + [(a & LOW_47, STORE) for a in stores]
        for address, kind in found:
            accesses.append((address, kind, number - before))
            before = number
    return accesses


def champsim(program):
    records = np.zeros(len(program), RECORD)
    for record, (ip, loads, stores) in zip(records, program, strict=True):
        record["ip"] = ip
        record["source_memory"][: len(loads)] = loads
        record["destination_memory"][: len(stores)] = stores
    return records.tobytes()


def lackey(program):
    lines = ["==12== Lackey, an example Valgrind tool", ""]
    for ip, loads, stores in program:
        lines += (
            [f"I  {ip:08x},3"] + [f" L {a:x},8" for a in loads] + [f" S {a:x},4" for a in stores]
        )
    return ("\n".join(lines) + "\n--12-- done\n").encode()


def read(path, **options):
    chunks = list(open_trace(path, **options).chunks(10**9, 1000))
    return [
        access
        for c in chunks
        for access in zip(c.address.tolist(), c.kind.tolist(), c.gap.tolist(), strict=True)
    ]


@pytest.mark.parametrize("write", [champsim, lackey])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("fetch", [True, False])
def test_round_trip(write, pack, fetch, tmp_path_factory):
    path = tmp_path_factory.mktemp("trace") / "program"

    @settings(max_examples=25, deadline=None)
    @given(programs)
    def check(program):
        path.write_bytes(pack(write(program)))
        assert read(path, fetch=fetch) == expected(program, fetch)
        assert read(path, fetch=fetch, format=write.__name__) == expected(program, fetch)

    check()


@cache
def long_program():
    random = np.random.default_rng(3)
    return [
        (
            0x400000 + 4 * i,
            random.integers(1, LOW_47, random.integers(3)).tolist(),
            random.integers(1, LOW_47, random.integers(2)).tolist(),
        )
        for i in range(20_000)
    ]


@pytest.mark.parametrize("write", [champsim, lackey])
def test_a_trace_of_many_blocks(write, tmp_path):
    program = long_program()
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(write(program), 1))
    assert read(path) == expected(program, fetch=True)
    got = open_trace(path)
    assert (got.name, got.seed, got.regions, got.footprint_bytes) == ("t.gz", 0, (), 0)
    assert [len(c) for c in got.chunks(700, 300)] == [300, 300, 100]
    assert [len(c) for c in got.chunks(700, 300)] == [300, 300, 100]


@pytest.mark.parametrize("write", [champsim, lackey])
def test_a_gap_that_16_bits_cannot_hold(write, tmp_path):
    path = tmp_path / "t"
    path.write_bytes(write([(64, [1], []), *[(64, [], [])] * 70_000, (64, [2], [])]))
    assert read(path) == [(64, FETCH, 1), (1, LOAD, 0), (2, LOAD, 65535)]


def test_lackey_modify_loads_then_stores(tmp_path):
    path = tmp_path / "t"
    path.write_text("I  04000a40,3\r\n M 1FFE0,8\r\nI  04000a43,2\n S 10,1\n")
    assert read(path) == [
        (0x4000A40, FETCH, 1),
        (0x1FFE0, LOAD, 0),
        (0x1FFE0, STORE, 0),
        (0x10, STORE, 1),
    ]


def test_the_last_line_may_lack_its_end(tmp_path):
    path = tmp_path / "t"
    path.write_text("I  40,3\n L 80,4")
    assert read(path) == [(0x40, FETCH, 1), (0x80, LOAD, 0)]


LACKEY_ERRORS = [
    " L 10,8\nhello\n",
    " L 10,8\n X 10,8\n",
    " L 10,8\nL 10,8\n",
    " L 10,8\n L xyz,8\n",
    " L 10,8\n L 10\n",
    " L 10,8\n L 10,\n",
    " L 10,8\n L 10,8 9\n",
    " L 10,8\n L ,8\n",
    " L 10,8\n \n",
    " L 10,8\n L\n",
    " L 10,8\n L 1000000000000,8\n",
    " L 10,8\n L 10000000000000000,8\n",
]


@pytest.mark.parametrize("text", LACKEY_ERRORS)
def test_bad_lines_are_told(text, tmp_path):
    path = tmp_path / "t"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value) == (
        f"{path}:2: not an access of a canonical address, line {text.splitlines()[1]!r}; write I, L, "
        f"S or M, address and size as valgrind --tool=lackey --trace-mem=yes does"
    )


def test_an_endless_line(tmp_path):
    path = tmp_path / "t"
    path.write_text(" L 10,8\n" + "L" * 1_000_000)
    with pytest.raises(InputError, match=r"t:2: endless line; is it the output of lackey\?"):
        read(path)


@pytest.mark.parametrize("at", [3, 19_000])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("is_branch", 7, "is_branch is 7, not 0 or 1; is it a ChampSim trace"),
        ("branch_taken", 2, "branch_taken is 2, not 0 or 1"),
        ("ip", 1 << 47, "address 0x800000000000 is not canonical; only 48-bit"),
        ("source_memory", 0x7FFF << 48, "address 0x7fff000000000000 is not canonical"),
    ],
)
def test_bad_records_are_told(at, field, value, message, tmp_path):
    records = np.frombuffer(champsim([(64, [1], [])] * 20_000), RECORD).copy()
    records[field][at - 1] = value
    path = tmp_path / "t"
    path.write_bytes(records.tobytes())
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: record {at}: {message}")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_cut_record(pack, tmp_path):
    path = tmp_path / "t"
    path.write_bytes(pack(champsim([(64, [1], [])] * 5)[:-3]))
    with pytest.raises(
        InputError, match=r"t: record 5 has 61 of 64 bytes; the file is cut off or no"
    ):
        read(path)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:40] + bytes(40) + b[80:]])
def test_a_damaged_archive(pack, damage, tmp_path):
    path = tmp_path / "t"
    path.write_bytes(damage(pack(np.random.default_rng(1).bytes(64_000))))
    with pytest.raises(InputError, match=r"t: cannot be unpacked: .*; get the file again"):
        read(path, format="champsim")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match=r"none: cannot be read: No such file or directory; check"):
        open_trace(tmp_path / "none")
    with pytest.raises(InputError, match=r"cannot be read: Is a directory; check the path"):
        open_trace(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match=r"empty: empty; name a ChampSim trace or the output"):
        open_trace(tmp_path / "empty")
    with pytest.raises(
        InputError, match=r"unknown trace format 'chamsim'; did you mean 'champsim'"
    ):
        open_trace(tmp_path / "empty", format="chamsim")


def test_lackey_without_numba(tmp_path, monkeypatch):
    from lockstep.workloads.streams import traces

    monkeypatch.setattr(traces, "find_spec", lambda _: None)
    (tmp_path / "t").write_text(" L 10,8\n")
    with pytest.raises(InputError, match=r"t: needs the package numba; install it with pip"):
        read(tmp_path / "t")
    (tmp_path / "c").write_bytes(champsim([(64, [1], [])]))
    assert read(tmp_path / "c") == [(64, FETCH, 1), (1, LOAD, 0)]
