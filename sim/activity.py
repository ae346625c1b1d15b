"""What a run does, counted: the events that energy is charged for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lockstep.arch.vector import Primitive

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Event counts; they add with ``+`` and scale with ``*``.

    Parameters
    ----------
    macs : float
        Useful multiply-accumulates wherever they ran; padding zeros toggle nothing, so do not count.
    scratchpad_read_bytes, scratchpad_write_bytes : float
    dram_read_bytes, dram_write_bytes : float
    primitives : mapping
        Lane operations of the vector unit by primitive.
    pim : mapping
        Events of the processor beside the DRAM, priced or not; its MACs (``mac``) are in ``macs``
        too, what it takes and gives over the pins (``pin_byte``) in the DRAM's bytes.
    mmu : mapping
        Events of address translation: pages asked for (``request``), walked (``walk``), and what walks
        read from DRAM (``dram_read_byte``, which is in the DRAM's bytes too).
    """

    macs: float = 0.0
    scratchpad_read_bytes: float = 0.0
    scratchpad_write_bytes: float = 0.0
    dram_read_bytes: float = 0.0
    dram_write_bytes: float = 0.0
    primitives: Mapping[Primitive, float] = field(default_factory=dict)
    pim: Mapping[str, float] = field(default_factory=dict)
    mmu: Mapping[str, float] = field(default_factory=dict)

    @property
    def dram_bytes(self) -> float:
        """Bytes over the DRAM pins, both ways."""
        return self.dram_read_bytes + self.dram_write_bytes

    def __add__(self, other: "Activity") -> "Activity":
        return Activity(
            macs=self.macs + other.macs,
            scratchpad_read_bytes=self.scratchpad_read_bytes + other.scratchpad_read_bytes,
            scratchpad_write_bytes=self.scratchpad_write_bytes + other.scratchpad_write_bytes,
            dram_read_bytes=self.dram_read_bytes + other.dram_read_bytes,
            dram_write_bytes=self.dram_write_bytes + other.dram_write_bytes,
            primitives=_sum(self.primitives, other.primitives),
            pim=_sum(self.pim, other.pim),
            mmu=_sum(self.mmu, other.mmu),
        )

    def __mul__(self, times: float) -> "Activity":
        return Activity(
            macs=self.macs * times,
            scratchpad_read_bytes=self.scratchpad_read_bytes * times,
            scratchpad_write_bytes=self.scratchpad_write_bytes * times,
            dram_read_bytes=self.dram_read_bytes * times,
            dram_write_bytes=self.dram_write_bytes * times,
            primitives={name: count * times for name, count in self.primitives.items()},
            pim={name: count * times for name, count in self.pim.items()},
            mmu={name: count * times for name, count in self.mmu.items()},
        )


def _sum(one: Mapping[Name, float], other: Mapping[Name, float]) -> dict[Name, float]:
    total = dict(one)
    for name, count in other.items():
        total[name] = total.get(name, 0.0) + count
    return total
