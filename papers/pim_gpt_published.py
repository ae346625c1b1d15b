"""Published figures of PIM-GPT and HBM-PIM, from ``configs/papers/pim-gpt.yaml``."""

from lockstep.arch.config import Config
from lockstep.arch.tech import Source
from lockstep.papers.published import Positive, Published, Share, published

Range = tuple[Positive, Positive]
"""Least and greatest over the paper's models."""


class OtherShare(Config):
    """Time of one model that is not matrix products."""

    model: str
    share: Share


class SlowAsic(Config):
    """Time lost when the ASIC's clock is lowered."""

    clock_mhz: Positive
    most_time_lost: Share


class Claims(Config):
    """What the paper states."""

    speedup_over_gpu: Range
    row_hit_share: Share
    movement_reduction: Range
    other_than_products: OtherShare
    slow_asic: SlowAsic
    source: Source


class Gpu(Config):
    """The GPU's memory."""

    bytes_per_s: Positive
    source: Source


class GptRow(Config):
    """Sizes of one decoder of the GPT-2 kind."""

    name: str
    layers: int
    hidden: int
    heads: int
    positions: int


class GptModels(Config):
    """All of them."""

    source: Source
    rows: tuple[GptRow, ...]


class Gemv(Config):
    """Square products on HBM-PIM: where it loses to its host, and where it wins, by so much."""

    pim_slower_at: int
    pim_faster_at: int
    least_gain: Positive
    source: Source


class PimGpt(Published):
    """All of it."""

    claims: Claims
    gpu: Gpu
    models: GptModels
    gemv: Gemv


def pim_gpt() -> PimGpt:
    """The figures."""
    return published(PimGpt, "pim-gpt")
