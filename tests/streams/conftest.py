"""Every workload, small enough to run to its end in a test."""

import numpy as np
import pytest

from lockstep.workloads.streams.catalogue import stream
from lockstep.workloads.streams.chunk import Chunk

GRAPH = {"scale": 7, "edge_factor": 5}
SMALL = {
    "bc": GRAPH,
    "bfs": GRAPH,
    "cc": GRAPH,
    "gc": GRAPH,
    "pr": GRAPH,
    "tc": GRAPH,
    "sssp": GRAPH,
    "gups": {"table_log2": 12},
    "xs": {"nuclides": 9, "gridpoints": 40},
    "dlrm": {"tables": 3, "rows_log2": 8, "pooling": 4, "batch": 8},
    "gen": {"genome_log2": 9, "read_bases": 40, "k": 7, "table_log2": 12, "error_rate": 0.01},
    "paged-kv": {
        "layers": 2,
        "token_bytes": 512,
        "block_tokens": 8,
        "blocks": 24,
        "max_running": 6,
        "max_waiting": 4,
        "arrivals_per_step": 0.5,
        "mean_prompt_tokens": 20,
        "mean_output_tokens": 12,
        "max_tokens": 96,
        "weight_bytes_per_layer": 1024,
        "invalidate": True,
    },
}


class Small:
    """Small streams, and their accesses as one chunk."""

    options = SMALL

    def __call__(self, name, *, seed=1, **options):
        return stream(name, seed=seed, **(SMALL[name] | options))

    def accesses(self, name, n, *, chunk=1 << 20, seed=1, **options):
        return self.joined(self(name, seed=seed, **options).chunks(n, chunk))

    def joined(self, chunks):
        chunks = list(chunks)
        parts = ("address", "kind", "gap")
        return Chunk(*(np.concatenate([getattr(c, part) for c in chunks]) for part in parts))


@pytest.fixture(scope="session")
def small():
    return Small()
