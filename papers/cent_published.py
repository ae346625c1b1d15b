"""Published figures of CENT (ASPLOS 2025), from ``configs/papers/cent.yaml``."""

from lockstep.arch.config import Config
from lockstep.arch.tech import Source
from lockstep.papers.published import Positive, Published, published


class Setting(Config):
    """A model on so many devices, with its layers in a pipeline of so many stages."""

    model: str
    devices: int
    pipeline: int
    tensor: int

    @property
    def parallel(self) -> str:
        """As the paper writes it."""
        return f"{self.pipeline}x{self.tensor}"


class DecodeRow(Setting):
    """Means over the contexts of a decode; the power is that while banks work."""

    tokens_per_s: Positive
    mj_per_token: Positive
    power_w: Positive


class BlockRow(Setting):
    """Latencies of one transformer block."""

    context: int
    pim_us: Positive
    link_us: Positive
    vector_us: Positive


class Decode(Config):
    """Whole tokens."""

    source: Source
    rows: tuple[DecodeRow, ...]


class Blocks(Config):
    """Single blocks."""

    source: Source
    rows: tuple[BlockRow, ...]


class Cent(Published):
    """All of them."""

    decode: Decode
    blocks: Blocks


def cent() -> Cent:
    """The figures."""
    return published(Cent, "cent")
