"""A small memory whose timings are all as short as can be, to be lengthened one by one."""

import numpy as np
import pytest

from lockstep.arch.dram import DramSpec
from lockstep.sim.cycle.dram.address import encode
from lockstep.sim.cycle.dram.trace import Trace

GEOMETRY = {"bank_groups": 2, "banks": 4, "rows": 64, "columns": 8, "burst_bytes": 64}
TIMING = {
    "burst": 1, "cl": 2, "cwl": 1, "rcd_rd": 1, "rcd_wr": 1, "rp": 1, "rp_all": 1, "ras": 1,
    "rc": 2, "rrd_s": 1, "rrd_l": 1, "faw": 0, "ccd_s": 1, "ccd_l": 1, "ccd_s_wr": 1,
    "ccd_l_wr": 1, "rtp": 1, "wr": 1, "wtr_s": 1, "wtr_l": 1, "rtw": 1, "cs": 0, "ppd": 0,
    "rfc": 2, "refi": 100,
}  # fmt: skip
MAPPING = ["channel", "column", "pseudo_channel", "rank", "bank_group", "bank", "row"]


def small(geometry=None, controller=None, **timing):
    """The small memory, without refresh unless ``controller`` says otherwise."""
    return DramSpec(
        kind="dram_timing",
        name="small",
        clock_ps=1000.0,
        geometry=GEOMETRY | (geometry or {}),
        timing=TIMING | timing,
        controller={"refresh": "none"} | (controller or {}),
        mapping_lsb_first=tuple(MAPPING),
        sources=dict.fromkeys(("clock_ps", "geometry", "timing", "rails"), "made up for a test"),
    )


def requests(spec, *accesses):
    """A trace of ``("R" or "W", fields)``."""
    address = [int(encode(spec, **{"row": 0, **fields})) for _, fields in accesses]
    is_write = [kind == "W" for kind, _ in accesses]
    return Trace(np.array(is_write, np.int64), np.array(address, np.int64))


@pytest.fixture
def memory():
    return small


@pytest.fixture
def trace():
    return requests
