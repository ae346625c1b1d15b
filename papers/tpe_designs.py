"""The engines that TPE (HPCA'25, arXiv 2503.06342) compares, as ours: one small size of each."""

from dataclasses import dataclass

from lockstep.arch.tensor import TensorConfig, tensor_config
from lockstep.sim.cycle.tensor import compute_cycles

SIGMA = 30.0
"""Spread of the INT8 operands that serial engines are given, in units of the last place."""
GEMM = 512
"""M, N and K of the product that throughput is taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """An engine of 64 multipliers, or of 64 digit lanes' PEs.

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


def _design(architecture: str, reduction: str, **keys: object) -> Design:
    encoder = {"encoder": "en_t"} if reduction in ("opt2", "opt3", "opt4c", "opt4e") else {}
    return Design(
        architecture=architecture,
        cfg=tensor_config({"mac": {"reduction": reduction, **encoder}, **keys}),
    )


_SQUARE: dict[str, object] = {"rows": 8, "cols": 8}
_TREE: dict[str, object] = {"kind": "tree", "rows": 16, "cols": 4}
_SERIAL: dict[str, object] = {"kind": "bit_slice", "a_sigma": SIGMA, "k_max": 128, **_SQUARE}
_LACONIC: dict[str, object] = {
    "a_sigma": SIGMA,
    "b_sigma": SIGMA,
    "rows": 2,
    "cols": 2,
    "pairs": 16,
}

DESIGNS = (
    *(
        _design(f"systolic_{short}", reduction, kind="systolic", dataflow=dataflow, **_SQUARE)
        for short, dataflow in (("os", "output_stationary"), ("ws", "weight_stationary"))
        for reduction in ("mac", "opt1")
    ),
    *(_design("cube", r, kind="cube", rows=4, cols=4, depth=4) for r in ("mac", "opt1")),
    *(_design("tree", r, **_TREE) for r in ("mac", "opt1", "opt2")),
    *(_design("matrix", r, kind="matrix", **_SQUARE) for r in ("mac", "opt1")),
    *(_design("bit_slice", r, **_SERIAL) for r in ("opt3", "opt4c", "opt4e")),
    _design("laconic", "mac", kind="laconic", **_LACONIC),
)
"""Each architecture with each reduction that it takes; OPT2 and serial engines recode by EN-T."""
