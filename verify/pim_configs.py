"""PIM channels that verification builds: the shipped one, cut to size, and odd ones."""

from typing import Any

from lockstep.arch.pim import PimChannelConfig, PimMacConfig, load_pim

_TIMING = load_pim("gddr6-aim").timing.model_dump()
# Every gap short and different from its neighbours, refreshes close together.
_SHORT = {
    **{"burst": 2, "cl": 7, "cwl": 3, "cl_register": 1, "cwl_register": 2, "cwl_buffer": 2},
    **{"rcd_rd": 5, "rcd_wr": 4, "rcd_mac": 8, "rcd_copy_rd": 9, "rcd_copy_wr": 6, "rp": 4},
    **{"rcd_ewmul": 7},
    **{"ras": 11, "rc": 17, "rrd": 3, "ccd": 2, "rtp": 3, "wr": 6, "wtr_s": 2, "wtr_l": 3},
    **{"turnaround": 1, "rfc": 23, "refi": 210},
}
# As short as it gets: one command per cycle where nothing else forbids it.
_LEAST = {
    **dict.fromkeys(_SHORT, 0),
    **{"burst": 1, "cl": 1, "cl_register": 1, "ccd": 1, "rc": 1, "rp": 1, "rfc": 3, "refi": 64},
}


def _channel(
    name: str, mac: dict[str, Any], timing: dict[str, int], **sizes: Any
) -> PimChannelConfig:
    keys = ("clock_ps", "banks", "rows", "columns", "buffer_entries", "mac", "timing")
    return PimChannelConfig.model_validate({
        "kind": "pim_channel",
        "name": name,
        "clock_ps": 500.0,
        "mac": mac,
        "timing": timing,
        "sources": dict.fromkeys(keys, "made up for verification"),
        **sizes,
    })


def channels() -> list[PimChannelConfig]:
    """With banks; the first one has room for every mutant to show."""
    return [
        _channel(
            "bf16, 4 banks of 2 lanes",
            {"element": "bf16", "lanes": 2, "accumulators": 2},
            _SHORT,
            banks=4,
            rows=3,
            columns=4,
            buffer_entries=6,
            result_queue=3,
        ),
        _channel(
            "int8 that wraps, 1 bank of 3 lanes",
            {"element": "int8", "lanes": 3, "acc_bits": 16},
            _LEAST,
            banks=1,
            rows=2,
            columns=5,
            buffer_entries=3,
            result_queue=1,
        ),
        _channel(
            "fp8_e4m3, 3 banks of 7 lanes",
            {"element": "fp8_e4m3", "lanes": 7, "accumulators": 3},
            {**_SHORT, "ccd": 1, "burst": 3, "rrd": 0, "cl_register": 0, "wtr_l": 0, "refi": 173},
            banks=3,
            rows=4,
            columns=3,
            buffer_entries=5,
            result_queue=2,
        ),
        _channel(
            "int4, 5 banks of 1 lane, no refresh",
            {"element": "int4", "lanes": 1, "acc_bits": 12},
            {**_LEAST, "cl": 3, "cwl": 2, "rrd": 4, "rp": 2, "ras": 3, "rc": 4, "wr": 5},
            banks=5,
            rows=7,
            columns=6,
            buffer_entries=9,
            refresh=False,
        ),
        _channel(
            "bf16, 8 banks of 16 lanes, gaps of gddr6-aim",
            {"element": "bf16", "lanes": 16},
            _TIMING,
            banks=8,
            rows=4,
            columns=8,
            buffer_entries=8,
        ),
    ]


def sequencers() -> list[PimChannelConfig]:
    """Without banks, so at full size."""
    small = channels()
    return [small[0], load_pim("gddr6-aim"), *small[1:4]]


def macs() -> list[PimMacConfig]:
    """Units alone; the first one has room for every mutant of a float to show."""
    return [
        PimMacConfig(element="bf16", lanes=4, accumulators=2),
        PimMacConfig(element="int8", lanes=16),
        PimMacConfig(element="bf16", lanes=16),
        PimMacConfig(element="fp8_e4m3", lanes=5, accumulators=3),
        PimMacConfig(element="bf16", lanes=1),
        PimMacConfig(element="fp16", lanes=6),
        PimMacConfig(element="int4", lanes=3, acc_bits=9),
        PimMacConfig(element="fp8_e5m2", lanes=2),
    ]
