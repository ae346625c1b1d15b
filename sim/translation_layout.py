"""Where scattered data lie in virtual memory, and which of their bytes an operator moves.

Scattered is what no stream predicts: blocks of the paged KV cache, rows of embedding tables, the
matrices of routed experts. Each layer's keys and values are a pool of blocks of some tokens each, all
heads of a token together (vLLM, Kwon et al., SOSP'23); latent attention has one pool per layer. A
sequence has the same blocks in every layer. All other tensors are read and written end to end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import format_named
from lockstep.arch.mmu_use import MmuUse
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Gemm, Op, Vector
from lockstep.workloads.parts import LatentAttention, MoeFfn, TokenEmbedding
from lockstep.workloads.phases import Formats, Phase
from lockstep.workloads.streams.chunk import Layout
from lockstep.workloads.tensors import tensors

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Consecutive bytes, run by run in the order DMA asks for them.

    Parameters
    ----------
    start, size_bytes : int64 arrays of n
        Virtual byte addresses, and sizes above 0.
    stored : bool
        Written, not read.
    """

    start: I64
    size_bytes: I64
    stored: bool = False


def is_scattered(op: Op) -> bool:
    """Whether an operator moves data whose place no stream predicts."""
    if isinstance(op, Vector):
        return op.function == "embedding" or "kv" in (op.source, op.sink)
    return _is_routed(op) or "kv" in (op.a, op.b, op.c)


def first_layer(model: Model, op: Op) -> int:
    """The first of the layers that have the operator; ``op.repeat`` of them do."""
    if not (isinstance(op, Gemm) and _is_routed(op)):
        return 0
    before = 0
    for ffn in model.ffn:
        if isinstance(ffn, MoeFfn):
            break
        before += ffn.layers
    return before


def _is_routed(op: Gemm) -> bool:
    return op.useful_rows is not None and op.b == "weight"


class VirtualMemory:
    """A model's scattered tensors, with a KV cache that just holds every sequence to its end.

    Parameters
    ----------
    model : Model
    phases : sequence of Phase
        Passes of one batch; the longest decides the size of the cache.
    formats : Formats
    use : MmuUse
        Size of blocks, and the seed.

    Raises
    ------
    lockstep.arch.error.InputError
        If it ends beyond the virtual address space.
    """

    def __init__(
        self, model: Model, phases: Sequence[Phase], formats: Formats, use: MmuUse
    ) -> None:
        self._model, self._use = model, use
        self._layout = Layout()
        self.starts: dict[tuple[str, int], int] = {}
        """First byte of each tensor or pool, by name and layer, of the layers that have it."""
        self._row_bytes: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        for tensor in tensors(model):
            if tensor.reading == "all":
                continue
            size = tensor.elements // tensor.shape[0] // tensor.copies
            self._row_bytes[tensor.name] = _size_bytes(size, formats.weights)
            self._rows[tensor.name] = tensor.shape[0]
            for copy in range(tensor.copies):
                self._place(tensor.name, copy, tensor.shape[0] * self._row_bytes[tensor.name])
        if not model.generates:
            return
        self._place_cache(max(phase.length for phase in phases), phases[0].batch, formats.kv)

    def _place_cache(self, longest: int, batch: int, kv: str) -> None:
        attention, tokens = self._model.attention, self._use.kv_block_tokens
        latent = isinstance(attention, LatentAttention)
        pools = ("latents",) if latent else ("keys", "values")
        self._token_bytes = _size_bytes(attention.cached_width // len(pools), kv)
        per_sequence = ceil(longest / tokens)
        for layer in range(self._model.layers):
            for pool in pools:
                self._place(pool, layer, batch * per_sequence * tokens * self._token_bytes)
        blocks = np.random.default_rng((self._use.seed, 0)).permutation(batch * per_sequence)
        self._table: I64 = blocks.reshape(batch, per_sequence)
        """Blocks of each sequence, in the order of their tokens."""

    def _place(self, name: str, layer: int, size_bytes: int) -> None:
        self.starts[name, layer] = self._layout.place(f"{name} of layer {layer}", size_bytes)

    def runs(self, op: Op, layer: int, phase: Phase, step: int) -> Runs:
        """What a scattered operator moves in one layer.

        Parameters
        ----------
        op : Op
            Of which :func:`is_scattered` holds.
        layer : int
            Of the model.
        phase : Phase
            The forward pass.
        step : int
            Its number; its tokens and experts are drawn anew.
        """
        if isinstance(op, Vector) and op.function == "embedding":
            return self._gather(op.name, self._indices(op.name, phase, step))
        if isinstance(op, Gemm) and _is_routed(op):
            own = layer - first_layer(self._model, op)
            return self._gather(op.name, self._experts(op, layer, step), own)
        written = "kv" in ((op.sink,) if isinstance(op, Vector) else (op.c,))
        first = phase.context if written else phase.length - _tokens_read(op, phase)
        return self._tokens(self._pool(op), layer, first, phase.length, written)

    def _gather(self, name: str, index: I64, layer: int = 0) -> Runs:
        size = self._row_bytes[name]
        return Runs(self.starts[name, layer] + index * size, np.full(len(index), size, np.int64))

    def _indices(self, name: str, phase: Phase, step: int) -> I64:
        """Rows of a table: tokens at random, positions as they are, one type of token."""
        if name == "embed.tokens":
            rng = np.random.default_rng((self._use.seed, 1, step))
            return rng.integers(self._rows[name], size=phase.rows)
        if name == "embed.token_types":
            return np.zeros(phase.rows, np.int64)
        embedding = self._model.embedding
        assert isinstance(embedding, TokenEmbedding)
        return np.tile(
            np.arange(phase.context, phase.length) + embedding.position_offset, phase.batch
        )

    def _experts(self, op: Gemm, layer: int, step: int) -> I64:
        """As many experts as are expected, in the mean; the same for all matrices of a layer."""
        rng = np.random.default_rng((self._use.seed, 2, step, layer))
        count = int(op.instances) + (rng.random() < op.instances % 1)
        return np.sort(rng.permutation(self._rows[op.name])[:count])

    def _pool(self, op: Op) -> str:
        if isinstance(self._model.attention, LatentAttention):
            return "latents"
        return "values" if op.name.startswith("attn.v") else "keys"

    def _tokens(self, pool: str, layer: int, first: int, last: int, written: bool) -> Runs:
        """Tokens ``first`` to ``last`` of every sequence, one sequence after another."""
        size = self._use.kv_block_tokens
        block = np.arange(first // size, ceil(last / size))
        begin: I64 = np.maximum(block * size, first)
        end: I64 = np.minimum((block + 1) * size, last)
        token: I64 = self._table[:, block] * size + (begin - block * size)
        start: I64 = self.starts[pool, layer] + token * self._token_bytes
        sizes = np.broadcast_to((end - begin) * self._token_bytes, start.shape)
        return Runs(start.ravel(), sizes.ravel(), written)


def _tokens_read(op: Op, phase: Phase) -> int:
    """Cached tokens that a product reads: those in its scores, or all whose latents it expands."""
    if not isinstance(op, Gemm) or op.a == "kv":
        return phase.length
    return op.k if op.a == "stream" else op.n


def _size_bytes(elements: int, name: str) -> int:
    return ceil(elements * format_named(name).bits_per_element / 8)
