"""Number formats, bit-true: written from the definitions in :mod:`lockstep.arch.formats`."""

from lockstep.sim.golden.formats.arithmetic import add, fma, multiply
from lockstep.sim.golden.formats.block import Blocks
from lockstep.sim.golden.formats.convert import decode, encode, pack, quantize, unpack
from lockstep.sim.golden.formats.dot import Accumulate, dot
from lockstep.sim.golden.formats.rotation import hadamard, k_sort

__all__ = [
    "Accumulate",
    "Blocks",
    "add",
    "decode",
    "dot",
    "encode",
    "fma",
    "hadamard",
    "k_sort",
    "multiply",
    "pack",
    "quantize",
    "unpack",
]
