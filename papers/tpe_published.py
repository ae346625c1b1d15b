"""Published figures of TPE (HPCA'25, arXiv 2503.06342), from ``configs/papers/tpe.yaml``."""

from lockstep.arch.config import Config
from lockstep.arch.tech import Source
from lockstep.papers.published import Positive, Published, published


class PeRow(Config):
    """Area of one PE at a clock; None where timing failed."""

    clock_mhz: Positive
    mac_um2: Positive | None
    opt1_um2: Positive | None


class PeReports(Config):
    """Areas of PEs."""

    source: Source
    rows: tuple[PeRow, ...]


class ArrayReports(Config):
    """Throughput per area of OPT1 over the plain MAC, by architecture."""

    source: Source
    area_efficiency: dict[str, Positive]


class Ratios(ArrayReports):
    """... and operations per energy."""

    energy_efficiency: dict[str, Positive]


class CriticalPath(Config):
    """Longest path of one PE."""

    source: Source
    mac_ns: Positive
    opt1_ns: Positive


class Laconic(Config):
    """OPT4E over Laconic."""

    source: Source
    area_efficiency: Positive
    energy_efficiency: Positive


class EndToEnd(Config):
    """Speed of OPT4E over a systolic array of equal area, by model."""

    source: Source
    gains: dict[str, Positive]


class DigitsRow(Config):
    """Average partial products per operand as the authors print them."""

    k: int
    sigma: Positive
    average: Positive


class Digits(Config):
    """Averages by K and spread."""

    source: Source
    rows: tuple[DigitsRow, ...]


class Tpe(Published):
    """All of them."""

    pe_reports: PeReports
    array_reports: ArrayReports
    paper_ratios: Ratios
    critical_path: CriticalPath
    laconic: Laconic
    end_to_end: EndToEnd
    digits: Digits


def tpe() -> Tpe:
    """The figures."""
    return published(Tpe, "tpe")
