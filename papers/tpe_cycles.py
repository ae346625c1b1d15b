"""TPE's cycles per operand (HPCA'25, arXiv 2503.06342), from the cycle model that equals our RTL.

The authors' published testbench of OPT4C draws A from a normal distribution, redraws what does not fit
int8 and rounds the rest; multiplies 32 x K by K x 32; and spends on each row of A one cycle per nonzero
digit, one per group of four without any, and four more until the row's last sums are in: one to the
encoder's registers, one to fetch B, one into the PE, one into the carry-save sum. Our bit-slice engine
has the same four stages, so its expected row is theirs. Loading operands is in neither count.

What the authors print as the average number of partial products is a little less than the average
number of nonzero digits, because their monitor samples in every cycle whose ``encode_valid`` is up, and
that stays up one cycle too long where the last group of a row (of the highest bit-weight) has at most
one nonzero digit: that group counts twice. :func:`published_average` does the same.
"""

from dataclasses import dataclass

from lockstep.arch.serial import BitSliceConfig
from lockstep.sim.cycle.serial_expected import cycles_per_operand, digit_probabilities

DEPTHS = (32, 128)
"""K of the authors' README."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclesRow:
    """Cycles that OPT4C takes per element of A, at one K and one spread of the operands.

    Parameters
    ----------
    k : int
        Elements of K.
    sigma : float
        Standard deviation of the normal distribution, in units of the last place of int8.
    cycles_per_operand : float
        Of one row on its own, four cycles of drain included.
    nonzero_digits : float
        Average nonzero EN-T digits of an operand: cycles per operand if empty groups and drain were free.
    published_average : float
        The average that the authors' monitor shows.
    """

    k: int
    sigma: float
    cycles_per_operand: float
    nonzero_digits: float
    published_average: float


def opt4c_cycles(sigma: float) -> list[CyclesRow]:
    """Rows for K = 32 and 128; exact expectations, not samples.

    Raises
    ------
    pydantic.ValidationError
        If ``sigma`` is not positive, or more than 1e6.
    """
    rows = []
    for k in DEPTHS:
        cfg = BitSliceConfig(kind="bit_slice", rows=1, cols=32, k_max=max(DEPTHS), a_sigma=sigma)
        rows.append(
            CyclesRow(
                k=k,
                sigma=sigma,
                cycles_per_operand=cycles_per_operand(cfg, k),
                nonzero_digits=float(digit_probabilities(cfg).sum()),
                published_average=published_average(cfg, k),
            )
        )
    return rows


def published_average(cfg: BitSliceConfig, k: int) -> float:
    """Average partial products per operand as the authors' monitor counts them, for rows of ``k``."""
    q = digit_probabilities(cfg)
    top, group = float(q[-1]), cfg.group
    none = (1 - top) ** group
    one = group * top * (1 - top) ** (group - 1)
    # k samples in a row, one for each group and bit-weight, and sometimes the last once more.
    return (k * float(q.sum()) + one) / (k + none + one)
