"""Byte addresses to banks, rows and columns, and back, by bit fields."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lockstep.arch.dram import DramSpec

I64 = npt.NDArray[np.int64]


class Location(NamedTuple):
    """Where bursts lie; one entry per request.

    ``bank`` is numbered through all channels; see ``state.State``.
    """

    bank: I64
    row: I64
    column: I64


def decode(spec: DramSpec, address: I64) -> Location:
    """Locations of byte addresses, ``(n,)``; each must lie below ``geometry.capacity_bytes``."""
    left = address // spec.geometry.burst_bytes
    values = {field: np.zeros_like(left) for field, _ in spec.address_fields()}
    filled = dict.fromkeys(values, 0)
    for field, bits in spec.address_fields():
        values[field] |= (left & ((1 << bits) - 1)) << filled[field]
        filled[field] += bits
        left = left >> bits
    g = spec.geometry
    zero = np.zeros_like(left)
    bank = values.get("channel", zero) * g.pseudo_channels + values.get("pseudo_channel", zero)
    bank = (bank * g.ranks + values.get("rank", zero)) * g.bank_groups
    bank = (bank + values.get("bank_group", zero)) * g.banks + values.get("bank", zero)
    return Location(bank, values.get("row", zero), values.get("column", zero))


def encode(spec: DramSpec, **fields: I64) -> I64:
    """Byte addresses of ``channel``, ``pseudo_channel``, ``rank``, ``bank_group``, ``bank``, ``row``
    and ``column``; absent fields are 0 and each wraps at its size.
    """  # fmt: skip
    left = {field: np.asarray(value, np.int64) for field, value in fields.items()}
    address = np.zeros(np.broadcast(*left.values()).shape, np.int64)
    shift = 0
    for field, bits in spec.address_fields():
        if field in left:
            address |= (left[field] & ((1 << bits) - 1)) << shift
            left[field] = left[field] >> bits
        shift += bits
    return address * spec.geometry.burst_bytes
