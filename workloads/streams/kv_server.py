"""The scheduler and the block allocator of a paged key/value cache (numba)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.workloads.streams.emit import I32, I64, inlined
from lockstep.workloads.streams.options import PagedKvOptions
from lockstep.workloads.streams.scramble import random_unit

N_RUNNING, N_FREE, N_WAITING, FIRST_WAITING, DRAWS, REFUSED, FINISHED, PREEMPTED = range(8)
"""Columns of ``Server.scalar``."""


class Server(NamedTuple):
    """State of the server.

    Parameters
    ----------
    scalar : int64 array
        Counters, by the names above.
    table : int32 array of (running, blocks of a sequence)
        Block tables; -1 where no block is.
    tokens, cached, goal : int32 arrays
        Of each running sequence: tokens it has, of them in the cache, and when it is finished.
        Sequences are in order of arrival.
    free : int32 array of blocks
        A stack.
    is_stale : bool array of blocks
        Freed since the last shootdown.
    waiting : int32 array of (queue, 2)
        Tokens and goal of waiting requests, a ring.
    """

    scalar: I64
    table: I32
    tokens: I32
    cached: I32
    goal: I32
    free: I32
    is_stale: NDArray[np.bool_]
    waiting: I32


class Requests(NamedTuple):
    """What the requests are like."""

    seed: int
    per_step: float
    mean_prompt: int
    mean_output: int
    most_tokens: int


def idle_server(options: PagedKvOptions) -> Server:
    """A server that no request has reached."""
    per_sequence = -(-options.max_tokens // options.block_tokens)
    server = Server(
        scalar=np.zeros(8, np.int64),
        table=np.full((options.max_running, per_sequence), -1, np.int32),
        tokens=np.zeros(options.max_running, np.int32),
        cached=np.zeros(options.max_running, np.int32),
        goal=np.zeros(options.max_running, np.int32),
        free=np.arange(options.blocks, dtype=np.int32)[::-1].copy(),
        is_stale=np.zeros(options.blocks, np.bool_),
        waiting=np.zeros((options.max_waiting, 2), np.int32),
    )
    server.scalar[N_FREE] = options.blocks
    return server


@inlined
def exponential(s: Server, requests: Requests, mean: float) -> float:
    """Draw a random number of a mean."""
    s.scalar[DRAWS] += 1
    return -math.log(1.0 - random_unit(requests.seed, s.scalar[DRAWS])) * mean


@inlined
def arrive(s: Server, requests: Requests, next_arrival: float, now: int) -> float:
    """Queue the requests of a step; returns when the next one comes. Lengths are exponential."""
    room = s.waiting.shape[0]
    while next_arrival <= now:
        prompt = 1 + int(exponential(s, requests, requests.mean_prompt))
        output = 1 + int(exponential(s, requests, requests.mean_output))
        next_arrival += exponential(s, requests, 1 / requests.per_step)
        if s.scalar[N_WAITING] == room:
            s.scalar[REFUSED] += 1
            continue
        prompt = min(prompt, requests.most_tokens - 1)
        i = (s.scalar[FIRST_WAITING] + s.scalar[N_WAITING]) % room
        s.waiting[i, 0] = prompt
        s.waiting[i, 1] = min(prompt + output, requests.most_tokens)
        s.scalar[N_WAITING] += 1
    return next_arrival


@inlined
def admit(s: Server, block_tokens: int) -> None:
    """Let requests in, in order, while there is a place to run and room for all of their tokens."""
    promised = 0
    while s.scalar[N_WAITING] > 0 and s.scalar[N_RUNNING] < s.tokens.shape[0]:
        first = s.scalar[FIRST_WAITING]
        promised += (s.waiting[first, 0] + block_tokens - 1) // block_tokens
        if promised > s.scalar[N_FREE]:
            return
        i = s.scalar[N_RUNNING]
        s.tokens[i], s.goal[i], s.cached[i] = s.waiting[first, 0], s.waiting[first, 1], 0
        s.scalar[N_RUNNING] += 1
        s.scalar[FIRST_WAITING] = (first + 1) % s.waiting.shape[0]
        s.scalar[N_WAITING] -= 1


@inlined
def _release(s: Server, i: int) -> None:
    """Give back the blocks of a sequence, and close the gap it leaves."""
    for j in range(s.table.shape[1]):
        if s.table[i, j] < 0:
            break
        s.free[s.scalar[N_FREE]] = s.table[i, j]
        s.is_stale[s.table[i, j]] = True
        s.scalar[N_FREE] += 1
    s.scalar[N_RUNNING] -= 1
    last = s.scalar[N_RUNNING]
    for k in range(i, last):
        for j in range(s.table.shape[1]):
            s.table[k, j] = s.table[k + 1, j]
        s.tokens[k], s.cached[k], s.goal[k] = s.tokens[k + 1], s.cached[k + 1], s.goal[k + 1]
    s.table[last] = -1


@inlined
def preempt(s: Server) -> None:
    """Send the sequence that came last back to the head of the queue, if that has room."""
    last = s.scalar[N_RUNNING] - 1
    room = s.waiting.shape[0]
    if s.scalar[N_WAITING] < room:
        first = (s.scalar[FIRST_WAITING] - 1) % room
        s.waiting[first, 0], s.waiting[first, 1] = s.tokens[last], s.goal[last]
        s.scalar[FIRST_WAITING] = first
        s.scalar[N_WAITING] += 1
    else:
        s.scalar[REFUSED] += 1
    s.scalar[PREEMPTED] += 1
    _release(s, last)


@inlined
def take_blocks(s: Server, i: int, block_tokens: int) -> int:
    """Give sequence ``i`` the blocks of its new tokens while there are any; returns how many it has."""
    have = (s.cached[i] + block_tokens - 1) // block_tokens
    while have < s.table.shape[1] and s.table[i, have] >= 0:
        have += 1
    while have * block_tokens < s.tokens[i] and s.scalar[N_FREE] > 0:
        s.scalar[N_FREE] -= 1
        s.table[i, have] = s.free[s.scalar[N_FREE]]
        have += 1
    return int(have)


@inlined
def finish(s: Server, i: int) -> bool:
    """End a sequence's step: it is finished and leaves, or has one more token."""
    s.cached[i] = s.tokens[i]
    if s.tokens[i] < s.goal[i]:
        s.tokens[i] += 1
        return False
    s.scalar[FINISHED] += 1
    _release(s, i)
    return True
