"""What goes into an MMU and what comes out."""

from amaranth.lib import data, enum

from lockstep.arch.tlb import ASID_BITS, PHYSICAL_BITS, VIRTUAL_BITS
from lockstep.rtl.tlb.cache_layout import WORD_BITS
from lockstep.rtl.tlb.pressure import GAP_BITS


class Kind(enum.Enum, shape=2):
    """Accesses; numbers are those of :mod:`lockstep.sim.golden.mmu`."""

    LOAD = 0
    STORE = 1
    FETCH = 2
    INVALIDATE = 3  # forget translations of the address: a shootdown


class ServedBy(enum.Enum, shape=3):
    """Where a translation came from."""

    L1_TLB = 0
    L2_TLB = 1
    TLB_BLOCK = 2
    WALK = 3
    SHOOTDOWN = 4  # from nowhere: the access was an INVALIDATE


ACCESS = data.StructLayout({
    "address": VIRTUAL_BITS,
    "asid": ASID_BITS,
    "kind": Kind,
    "gap": GAP_BITS,  # instructions that retire with it
    "data": WORD_BITS,  # to be stored
})

OUTCOME = data.StructLayout({
    "physical": PHYSICAL_BITS,
    "served_by": ServedBy,
    "fault": 1,
    "data": WORD_BITS,  # that was loaded
})
