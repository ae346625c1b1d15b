"""Cycle model of the posit units: closed forms, equal to the RTL to the cycle.

A unit takes one beat of operands per cycle and stalls as a whole, so all there is to time is its
latency.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.posit import PositConfig
from lockstep.arch.simd import SimdConfig

Int = TypeVar("Int", int, NDArray[np.int64])


def stream_cycles(cfg: PositConfig | SimdConfig, beats: Int) -> Int:
    """Cycles from accepting the first of ``beats`` beats to accepting the last result.

    One beat per cycle, and the last one's way through the unit. Nothing stalls. Broadcasts over
    NumPy integer arrays; ``beats`` is 1 or more.
    """
    return cfg.latency_cycles + beats - 1
