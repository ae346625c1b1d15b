"""Area and delay at other technology nodes.

Area: factors of Stillmaker and Baas, "Scaling equations for the accurate prediction of CMOS device
performance from 180 nm to 7 nm", Integration 58, 2017, as two public programs quote its table; between
its nodes, interpolated on a logarithmic scale. Delay: proportional to the drawn gate length, as 500 ps of
fan-out-of-4 delay per um implies (Ho, Mai, Horowitz, Proc. IEEE 89(4), 2001, from memory); that is a rule
of planar transistors, so below 28 nm there is none here. Uncertainty: area 1.3x, delay 1.5x.
"""

import math
from itertools import pairwise

# Area of a circuit at each node, over its area at 32 nm.
_AREA = {
    130: 14,
    90: 6.1,
    65: 3.3,
    45: 2.2,
    32: 1.0,
    20: 0.46,
    16: 0.41,
    14: 0.38,
    10: 0.22,
    7: 0.13,
}
_OLDEST_NM, _PLANAR_NM = 130, 28


def area_factor(from_nm: float, to_nm: float) -> float:
    """Area at ``to_nm`` over that at ``from_nm``.

    Raises
    ------
    ValueError
        If a node is not from 7 to 130 nm.
    """
    return _area(to_nm) / _area(from_nm)


def delay_factor(from_nm: float, to_nm: float) -> float:
    """Delay at ``to_nm`` over that at ``from_nm``.

    Raises
    ------
    ValueError
        If a node is not from 28 to 130 nm.
    """
    for node in (from_nm, to_nm):
        if not _PLANAR_NM <= node <= _OLDEST_NM:
            raise ValueError(
                f"delays scale between {_PLANAR_NM} and {_OLDEST_NM} nm, not at {node:g} nm"
            )
    return to_nm / from_nm


def _area(node_nm: float) -> float:
    for older, newer in pairwise(_AREA):
        if newer <= node_nm <= older:
            part = math.log(older / node_nm) / math.log(older / newer)
            return float(_AREA[older] ** (1 - part) * _AREA[newer] ** part)
    raise ValueError(f"areas scale between 7 and {_OLDEST_NM} nm, not at {node_nm:g} nm")
