"""One matrix product on a machine."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.api.display import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemm:
    """One matrix product ``C[m, n] = A[m, k] @ B[k, n]``, operands and result in DRAM.

    Made by :meth:`Machine.gemm`; all numbers are those of ``lockstep gemm``.

    Parameters
    ----------
    machine : str
        Name of the machine.
    m, n, k : int
        Sizes.
    clock_hz : float
        Of the machine.
    numbers : mapping
        What the simulator found.
    """

    machine: str
    m: int
    n: int
    k: int
    clock_hz: float
    numbers: Mapping[str, Any]

    @property
    def summary(self) -> dict[str, Any]:
        """As ``lockstep gemm --json`` prints it; a copy."""
        sizes = {"machine": self.machine, "m": self.m, "n": self.n, "k": self.k}
        return {**sizes, **copy.deepcopy(dict(self.numbers))}

    @property
    def cycles(self) -> int:
        """Wall clock with memory stalls, in machine cycles."""
        return int(self.numbers["cycles"])

    @property
    def latency_s(self) -> float:
        """Wall clock, in seconds."""
        return self.cycles / self.clock_hz

    @property
    def utilization(self) -> float:
        """MACs over what the array could do in the same time, 0 to 1."""
        return float(self.numbers["utilization"])

    @property
    def energy_pj(self) -> float:
        """Energy, in pJ."""
        return float(self.numbers["energy_pj"])

    @property
    def bound_by(self) -> str:
        """The resource that takes longest."""
        return str(self.numbers["bound_by"])

    @property
    def mapping(self) -> str:
        """Tiles and loop order, in words."""
        return str(self.numbers["mapping"])

    def __repr__(self) -> str:
        return (
            f"Gemm {self.m} x {self.n} x {self.k} on {self.machine}: {self.cycles:,} cycles, "
            f"{shown('latency_s', self.latency_s)}, utilization {self.utilization:.1%}, "
            f"{shown('energy_pj', self.energy_pj)}, bound by {self.bound_by}"
        )
