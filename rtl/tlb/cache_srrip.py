"""SRRIP on the values of one set, and what Victima adds for TLB blocks; no state of its own."""

from collections.abc import Sequence

from amaranth.hdl import *

from lockstep.arch.tlb import CacheConfig, VictimaConfig

_BLOCK_STEP = 3


def first(m: Module, bits: Value, name: str) -> Signal:
    """Number of the lowest bit that is set."""
    found = Signal(max(1, (len(bits) - 1).bit_length()), name=name)
    for i in reversed(range(len(bits))):
        with m.If(bits[i]):
            m.d.comb += found.eq(i)
    return found


def promoted(rrpv: Value, block: Value, rules: VictimaConfig) -> Value:
    """After a hit: nearer by one, a block by three."""
    step = Mux(block, _BLOCK_STEP, 1) if rules.aware_promotion else C(1)
    return Mux(rrpv > step, rrpv - step, 0)[: len(rrpv)]


def inserted(cfg: CacheConfig, rules: VictimaConfig, block: Value, pressure: Value) -> Value:
    """What a new line or block starts with."""
    if not rules.aware_insertion:
        return C(cfg.insert_rrpv, cfg.rrpv_bits)
    of_block = Mux(pressure, 0, cfg.max_rrpv)
    return Mux(block, of_block, cfg.insert_rrpv)[: cfg.rrpv_bits]


def victim(
    m: Module,
    rrpvs: Sequence[Value],
    blocks: Sequence[Value],
    rules: VictimaConfig,
    pressure: Value,
) -> tuple[Signal, list[Signal]]:
    """The way to be evicted from a full set, and all values after the search.

    Under pressure a block is spared once: with value 0, and the search goes on.
    """
    way, aged = _distant(m, rrpvs, "far")
    if not rules.aware_victim:
        return way, aged
    spare = Signal()
    m.d.comb += spare.eq(pressure & Cat(block & (way == w) for w, block in enumerate(blocks)).any())
    spared = [Signal.like(rrpv, name=f"spared_{w}") for w, rrpv in enumerate(aged)]
    m.d.comb += [after.eq(Mux(spare & (way == w), 0, aged[w])) for w, after in enumerate(spared)]
    return _distant(m, spared, "far_again")


def _distant(m: Module, rrpvs: Sequence[Value], name: str) -> tuple[Signal, list[Signal]]:
    """The first way with the greatest value, once all are counted up until there is one."""
    bits = len(rrpvs[0])
    greatest = rrpvs[0]
    for w, rrpv in enumerate(rrpvs[1:], start=1):
        so_far = Signal(bits, name=f"{name}_greatest_{w}")
        m.d.comb += so_far.eq(Mux(rrpv > greatest, rrpv, greatest))
        greatest = so_far
    aged = [Signal(bits, name=f"{name}_rrpv_{w}") for w in range(len(rrpvs))]
    m.d.comb += [
        after.eq(before + ((1 << bits) - 1 - greatest))
        for after, before in zip(aged, rrpvs, strict=True)
    ]
    candidates = Signal(len(rrpvs), name=f"{name}_candidates")
    m.d.comb += candidates.eq(Cat(rrpv == greatest for rrpv in rrpvs))
    return first(m, candidates, f"{name}_way"), aged
