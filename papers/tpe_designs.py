"""The engines that TPE (HPCA'25, arXiv 2503.06342) compares, as ours: one small size of each."""

from dataclasses import dataclass

from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.synth.table import ENGINES
from lockstep.sim.cycle.tensor import compute_cycles

GEMM = 512
"""M, N and K of the product that throughput is taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """An engine of 64 multipliers, or of 64 sums.

    Parameters
    ----------
    architecture : str
        Key of the paper's ratios, ``bit_slice`` or ``laconic``.
    cfg : TensorConfig
    """

    architecture: str
    cfg: TensorConfig

    @property
    def reduction(self) -> str:
        """How its products become a sum."""
        return self.cfg.mac.reduction

    @property
    def name(self) -> str:
        """``ARCHITECTURE REDUCTION``."""
        return f"{self.architecture} {self.reduction}"

    @property
    def macs_per_cycle(self) -> float:
        """Useful multiply-accumulates per cycle of a long product, filling and draining included."""
        return GEMM**3 / float(compute_cycles(self.cfg, GEMM, GEMM, GEMM))


_SHORT = {"output stationary": "systolic_os", "weight stationary": "systolic_ws"}

DESIGNS = tuple(
    Design(architecture=_SHORT.get(cfg.architecture, cfg.kind), cfg=cfg) for cfg in ENGINES
)
"""Each architecture with each reduction that it takes; OPT2 and serial engines recode by EN-T."""
