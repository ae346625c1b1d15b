"""Sizes and choices of every workload."""

from typing import Self

from pydantic import Field, model_validator

from lockstep.arch.config import Config


class GraphOptions(Config):
    """An R-MAT graph of ``2**scale`` vertices and ``edge_factor`` edges for each."""

    scale: int = Field(20, ge=1, le=26)
    edge_factor: int = Field(16, ge=1, le=64)
    vertex_bytes: int = Field(64, ge=64, le=4096, multiple_of=8)
    edge_bytes: int = Field(16, ge=16, le=4096, multiple_of=8)
    rounds: int | None = Field(None, ge=1)
    """Complete runs of the algorithm, after which the stream ends; none: it never ends."""


class GupsOptions(Config):
    """A table of ``2**table_log2`` words of 8 bytes."""

    table_log2: int = Field(33, ge=1, le=42)


class PageRankOptions(GraphOptions):
    """When the ranks have settled: defaults of the GAP suite."""

    damping: float = Field(0.85, gt=0, lt=1)
    tolerance: float = Field(1e-4, gt=0)
    """Sum of the ranks' changes that ends a round."""
    iterations: int = Field(20, ge=1)
    """At most so many in a round."""


class SsspOptions(GraphOptions):
    """Edges weigh 1 to ``max_weight``, buckets are ``delta`` wide: ranges of the GAP suite."""

    max_weight: int = Field(255, ge=1, lt=2**31)
    delta: int = Field(32, ge=1)


class XsOptions(Config):
    """XSBench's grids: defaults of its large Hoogenboom-Martin reactor (355 nuclides, 11303 points)."""

    nuclides: int = Field(355, ge=1, le=4096)
    gridpoints: int = Field(11303, ge=2, le=65535)
    """Energies per nuclide."""


class DlrmOptions(Config):
    """Embedding tables: as many as Criteo's click logs have categorical features."""

    tables: int = Field(26, ge=1, le=1024)
    rows_log2: int = Field(21, ge=1, le=30)
    row_bytes: int = Field(256, ge=64, le=8192, multiple_of=64)
    """64 elements of 4 bytes."""
    pooling: int = Field(32, ge=1, le=1024)
    """Rows summed per sample and table."""
    batch: int = Field(2048, ge=1, le=1 << 20)
    zipf: float = Field(0.9, ge=0, le=4)
    """Exponent of the popularity of a table's rows; 0: all alike."""


class GenOptions(Config):
    """A genome, reads of it, and the table of their k-mers."""

    genome_log2: int = Field(24, ge=8, le=28)
    """Bases."""
    repeats: float = Field(0.5, ge=0, le=0.9)
    """Part of the genome that is a copy of an earlier part, with one base in ten changed."""
    read_bases: int = Field(150, ge=32, le=1000)
    error_rate: float = Field(0.002, ge=0, le=0.5)
    """Chance that a base is misread: order of today's short reads."""
    coverage: float = Field(8.0, gt=0, le=1000)
    """Times a base is read before the count is complete and starts again with other reads."""
    k: int = Field(21, ge=3, le=24)
    table_log2: int = Field(25, ge=4, le=28)
    """Slots. From 7/8 full on, k-mers not in the table are not counted."""
    rounds: int | None = Field(None, ge=1)
    """Complete counts, after which the stream ends; none: it never ends."""


class PagedKvOptions(Config):
    """A server of a language model; its shape is by default that of Llama 3 8B in 16 bits."""

    layers: int = Field(32, ge=1, le=256)
    token_bytes: int = Field(2048, ge=64, le=1 << 20, multiple_of=64)
    """Key, and value, of a token in a layer: 8 heads of 128 elements of 2 bytes."""
    block_tokens: int = Field(16, ge=1, le=1024)
    blocks: int = Field(32768, ge=1, le=1 << 24)
    """Blocks in the pool, each of ``block_tokens`` in every layer."""
    max_running: int = Field(64, ge=1, le=4096)
    max_waiting: int = Field(1024, ge=1, le=1 << 20)
    """Requests in the queue; a request that finds it full is turned away."""
    arrivals_per_step: float = Field(0.25, gt=0, le=1000)
    """Requests, in the time of one decoding step; Poisson."""
    mean_prompt_tokens: int = Field(512, ge=1, le=1 << 20)
    mean_output_tokens: int = Field(256, ge=1, le=1 << 20)
    max_tokens: int = Field(4096, ge=2, le=1 << 22)
    """Longest prompt and output of a request together."""
    weight_bytes_per_layer: int = Field(0, ge=0, le=1 << 34, multiple_of=64)
    """Weights streamed once per layer and step; 0: only the cache is modelled."""
    invalidate: bool = False
    """Shoot down the 4 KiB pages of freed blocks, as a server that unmaps them has to."""

    @model_validator(mode="after")
    def _holds_a_request(self) -> Self:
        if self.blocks * self.block_tokens < self.max_tokens:
            raise ValueError(
                f"max_tokens is more than the pool holds; must be <= {self.blocks * self.block_tokens}"
            )
        return self
