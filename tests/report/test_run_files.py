"""A run's folder that is not whole is named in one line."""

import re

import pytest

from lockstep.arch.load import InputError
from lockstep.sim.report import write_report
from lockstep.sim.report.run_files import read_run


@pytest.fixture(scope="module")
def folder(dense, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "one"
    write_report(dense, out, command=["run", "here"])
    return out


SPOILT = {
    "no record": ("run.json", None),
    "half a record": ("run.json", lambda text: text[: len(text) // 2]),
    "no rates": ("run.json", lambda text: text.replace('"rates"', '"rats"')),
    "wrong rates": ("run.json", lambda text: text.replace('"peak_macs_per_s"', '"peak"')),
    "a wrong machine": (
        "run.json",
        lambda text: text.replace('"clock_mhz": 940.0', '"clock_mhz": -1'),
    ),
    "command is a number": (
        "run.json",
        lambda text: re.sub('"command": ".*"', '"command": 7', text),
    ),
    "no trace": ("trace.json", None),
    "half a trace": ("trace.json", lambda text: text[: len(text) // 2]),
    "a list": ("trace.json", lambda _: "[]"),
    "events without times": ("trace.json", lambda text: text.replace('"dur"', '"duration"')),
    "no summary": ("summary.json", None),
    "half a table": ("ops.csv", lambda text: text[: len(text) // 2]),
}


@pytest.mark.parametrize(("name", "spoil"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_named_in_one_line(folder, tmp_path, name, spoil):
    for path in folder.iterdir():
        if path.suffix in {".json", ".csv"} and not (path.name == name and spoil is None):
            text = path.read_text()
            (tmp_path / path.name).write_text(spoil(text) if path.name == name else text)
    with pytest.raises(InputError, match=re.escape(name)) as caught:
        read_run(tmp_path)
    assert "\n" not in str(caught.value)
