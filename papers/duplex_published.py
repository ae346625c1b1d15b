"""Published figures of Duplex (MICRO'24), from ``configs/papers/duplex.yaml``."""

from typing import Annotated

from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.tech import Source
from lockstep.papers.published import Positive, Published, Share, published

Saving = Annotated[float, Field(gt=-1, lt=0)]
"""A change by this share of what it is compared with."""


class Device(Config):
    """The processor on the logic die of one stack."""

    source: Source
    tflops_per_stack: Positive
    op_per_byte: Positive
    area_mm2: Positive
    area_parts_mm2: dict[str, Positive]
    die_mm2: Positive
    die_share: Share


class Setup(Config):
    """Devices by model, and what connects them; bandwidths of one direction."""

    source: Source
    models: dict[str, int]
    parameters: dict[str, Positive]
    node_devices: int
    capacity_bytes: Positive
    link_bytes_per_s: Positive
    network_bytes_per_s: Positive
    link_latency_us: Positive
    link_latency_source: Source
    link_pj_per_byte: Positive
    link_energy_source: Source


class Results(Config):
    """Speed and energy, as ratios and changes."""

    source: Source
    speedup_max: dict[str, Positive]
    speedup_mean: Positive
    co_processing_mean: Positive
    co_processing_et_max: Positive
    bank_pim_max: Positive
    bank_pim_mean: Positive
    glam_tbt_median: Saving
    glam_e2e: Saving
    glam_e2e_2gpu: Saving
    energy_max: dict[str, Saving]
    energy_mean: Saving


class Duplex(Published):
    """All of them."""

    device: Device
    setup: Setup
    results: Results


def duplex() -> Duplex:
    """The figures."""
    return published(Duplex, "duplex")
