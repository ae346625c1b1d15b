"""Bad memories and bad traces: one line that says where, what and what to do; and the command."""

import json
import subprocess
import sys

import pytest
import typer

from lockstep.arch.dram import DramSpec, load_dram
from lockstep.arch.error import InputError
from lockstep.arch.load import shipped
from lockstep.cli.dram import dram
from lockstep.sim.cycle.dram.trace import read_trace

NAMES = (
    "ddr4-2400 ddr4-3200 ddr5-4800 gddr6-14000 gddr6-aim hbm2-2000 hbm2-2400 hbm2-pim hbm3 "
    "lpddr4-2400 lpddr5-6400"
)
RAIL = "{volts: 1.2, idd0_ma: 1, idd2n_ma: 3, idd3n_ma: 4, idd4r_ma: 9, idd4w_ma: 9, idd5b_ma: 9}"
GOOD = "R 0x0\nW 0x1040\n# a comment\n\nr"


def test_the_shipped_memories():
    assert sorted(shipped("dram_timing")) == NAMES.split()
    for name, path in shipped("dram_timing").items():
        spec = load_dram(name)
        assert isinstance(spec, DramSpec)
        assert spec.name == name == path.stem


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("geometry.banks=3", "banks: is not a power of two, value 3"),
        ("geometry.rows=1048576", None),
        ("timing.rc=10", "rc: is shorter than ras, 52"),
        ("timing.rfc=20000", "rfc: must be below refi, 12480"),
        ("timing.tRCD=3", "unknown key"),
        ("timing.rfc_pb=9", "rfc_pb: and rrefd go together"),
        ("controller.write_high=40", "write_high: must be above write_low"),
        ("controller.page_policy=opn", "unknown choice, value 'opn'"),
        ("mapping_lsb_first=[column, row]", "lacks bits of bank_group, bank"),
        ("mapping_lsb_first=[column:9, bank_group, bank, row]", "shorten column:9"),
        ("mapping_lsb_first=[colum, bank_group, bank, row]", "'colum' is not FIELD"),
        ("sources.wrong=nothing known", "no section or key"),
        (f"rails=[{RAIL}]", "less than standby"),
    ],
)  # fmt: skip
def test_bad_memory(override, message):
    if message is None:
        load_dram("ddr4-3200", [override])
        return
    with pytest.raises(InputError) as error:
        load_dram("ddr4-3200", [override])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_section_needs_a_source(tmp_path):
    text = shipped("dram_timing")["ddr4-3200"].read_text()
    path = tmp_path / "mine.yaml"
    path.write_text("".join(x for x in text.splitlines(True) if not x.startswith("  geometry:")))
    with pytest.raises(InputError, match=r"mine.yaml:\d+: sources: has nothing on geometry"):
        load_dram(str(path))


def test_trace(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(GOOD.removesuffix("r"))
    trace = read_trace(path)
    assert trace.is_write.tolist() == [0, 1]
    assert trace.address.tolist() == [0, 0x1040]
    assert trace.lines.tolist() == [1, 2]


@pytest.mark.parametrize(
    "line",
    ["X 0x0", "R", "R 0x", "R 12", "R 0x1 0x2", "W -0x40", "R 0xg", "0x40 R", "R 0x1_0",
     "R 0xffffffffffffffffff", "r 0x40", "R 0x4\u0660"],
)  # fmt: skip
def test_bad_line(line, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(f"R 0x0\n{line}\n")
    with pytest.raises(InputError) as error:
        read_trace(path)
    assert str(error.value).startswith(f"{path}:2: not a request, value '{line}'; write")


@pytest.mark.parametrize("content", [b"", b"# only this\n", b"\xff\xfe"])
def test_bad_file(content, tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"t\.txt"):
        read_trace(path)
    with pytest.raises(InputError, match="check the path"):
        read_trace(tmp_path / "none.txt")


@pytest.fixture
def command():
    """Run the command by itself; returns its exit code."""
    app = typer.Typer()
    app.command()(dram)
    return lambda *argv: app(args=list(argv), standalone_mode=False)


def test_command(command, tmp_path, capsys):
    path = tmp_path / "t.txt"
    path.write_text("R 0x0\nR 0x40\nW 0x100000\n")
    assert not command("ddr4-3200", str(path), "--mode", "serial", "--json")
    out = json.loads(capsys.readouterr().out)
    assert out["protocol_violations"] == 0
    assert out["cycles"] == 49 + 27 + 22 + 22 + 1  # the write closes a row, opens its own
    assert out["read_latency_cycles"]["max"] == 48
    assert out["commands"]["ACT"] == 2
    assert not command("ddr4-3200", str(path), "--no-check")
    assert "row hits" in capsys.readouterr().out.replace("_", " ")


def test_address_beyond_the_memory(command, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("R 0x0\n\nR 0x200000000\n")
    with pytest.raises(InputError, match=r"t\.txt:3: address 0x200000000 is beyond"):
        command("ddr4-3200", str(path))


def test_bad_mode_before_the_trace_is_read(command, tmp_path):
    with pytest.raises(InputError, match="--mode: unknown mode 'fast'"):
        command("ddr4-3200", str(tmp_path / "none.txt"), "--mode", "fast")


def test_without_numba(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(InputError, match=r"needs the package numba; install it with pip"):
        command("ddr4-3200", str(tmp_path / "none.txt"))


def test_a_breach_of_the_protocol_fails_the_command(command, tmp_path, monkeypatch, capsys):
    from lockstep.sim.cycle.dram import checker

    path = tmp_path / "t.txt"
    path.write_text("R 0x0\n")
    breach = checker.Violation("tRCD_RD", 21, "RD", 0, 22)
    monkeypatch.setattr(checker, "check", lambda *_: [breach, breach])
    assert command("ddr4-3200", str(path), "--json") == 1
    assert "tRCD_RD broken by RD of bank 0 at cycle 21, and 1 more" in capsys.readouterr().err


def test_other_commands_do_not_load_numba():
    code = "import sys, lockstep.cli.main, lockstep.cli.dram; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
