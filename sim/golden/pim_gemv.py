"""A matrix in a PIM channel, times a vector: the mapping of :mod:`lockstep.sim.cycle.pim_map` on data."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.pim import PimChannelConfig
from lockstep.sim.cycle.pim_map import GemvLayout, gemv_program
from lockstep.sim.golden.pim import I64, PimState, execute


def store_matrix(state: PimState, layout: GemvLayout, weights: ArrayLike) -> None:
    """Put a matrix of codes, (outputs, inputs), where ``layout`` says; short rows end in zeros."""
    cfg, lanes = layout.cfg, layout.cfg.mac.lanes
    matrix = np.asarray(weights, np.int64)
    for chunk in range(layout.chunks):
        for output in range(layout.outputs):
            first = chunk * layout.slot_bursts * lanes
            count = layout.chunk_bursts(chunk)
            group, bank = divmod(output, cfg.banks)
            row, column = layout.place(group, chunk)
            part = matrix[output, first : first + count * lanes]
            state.cells[bank, row, column : column + count] = _bursts(part, count, lanes)


def vector_words(layout: GemvLayout, vector: ArrayLike) -> list[I64]:
    """The data stream of :func:`gemv_program`: each chunk's bursts, then zeros for its sums."""
    codes, lanes = np.asarray(vector, np.int64), layout.cfg.mac.lanes
    words: list[I64] = []
    for chunk in range(layout.chunks):
        first = chunk * layout.slot_bursts * lanes
        count = layout.chunk_bursts(chunk)
        words += list(_bursts(codes[first : first + count * lanes], count, lanes))
        words += [np.zeros(layout.cfg.banks, np.int64)] * layout.groups
    return words


def gemv(
    cfg: PimChannelConfig, weights: ArrayLike, vector: ArrayLike
) -> NDArray[np.float32] | NDArray[np.int64]:
    """Matrix times vector on one channel, partial sums added in order outside.

    Parameters
    ----------
    cfg : PimChannelConfig
        The channel.
    weights : array_like of uint, (outputs, inputs)
        Codes of the element format.
    vector : array_like of uint, (inputs,)
        The same.

    Returns
    -------
    ndarray, (outputs,)
        float32; int64 for integer elements.

    Raises
    ------
    ValueError
        If the matrix does not fit, or something is no code.
    """
    outputs, inputs = np.shape(weights)
    layout = GemvLayout(cfg=cfg, outputs=outputs, inputs=inputs)
    state = PimState.zero(cfg)
    store_matrix(state, layout, weights)
    results = execute(cfg, state, gemv_program(cfg, outputs, inputs), vector_words(layout, vector))
    partial = np.array(results).reshape(layout.chunks, -1)[:, :outputs]
    if not cfg.mac.product.is_float:
        return np.asarray(partial.sum(axis=0))
    total = np.zeros(outputs, np.float32)
    for part in partial.astype(np.uint32).view(np.float32):
        total = total + part
    return total


def _bursts(codes: I64, count: int, lanes: int) -> I64:
    filled = np.zeros(count * lanes, np.int64)
    filled[: codes.size] = codes
    return filled.reshape(count, lanes)
