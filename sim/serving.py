"""A server under load, stage by stage: continuous batching of requests of random lengths.

A stage gives every running sequence one token, and prefills the requests that have just been
admitted (Orca, OSDI'22; the stages of Duplex, MICRO'24, section II). Time advances from stage to
stage; what one takes is the business of :class:`lockstep.sim.duplex_stage.Server`.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.error import InputError
from lockstep.sim.duplex_stage import Server, Stage
from lockstep.sim.duplex_tables import LARGEST

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests.

    Parameters
    ----------
    batch : int
        Most sequences that run together, over all nodes.
    input_tokens, output_tokens : int
        Means of the lengths of prompts and answers.
    spread : float
        Their standard deviation over their mean; lengths are normal, rounded, 1 at least and twice
        the mean at most.
    requests : int
        Requests to complete after the start.
    requests_per_s : float or None
        Rate of arrivals, at random (Poisson); None: a request always waits.
    seed : int
        Of lengths, arrivals and expert choices.

    Raises
    ------
    lockstep.arch.error.InputError
        If a number is out of range.
    """

    batch: int
    input_tokens: int
    output_tokens: int
    spread: float = 0.25
    requests: int = 64
    requests_per_s: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch", "input_tokens", "output_tokens", "requests"):
            if not 1 <= getattr(self, name) <= LARGEST // 4:
                raise InputError(f"{name}: must be 1 to {LARGEST // 4}, not {getattr(self, name)}")
        if not 0 <= self.spread <= 1:
            raise InputError(f"spread: must be 0 to 1, not {self.spread:g}")
        if self.requests_per_s is not None and not self.requests_per_s > 0:
            raise InputError(f"requests_per_s: must be more than 0, not {self.requests_per_s:g}")

    @property
    def longest(self) -> int:
        """Most tokens of a sequence."""
        return 2 * (self.input_tokens + self.output_tokens)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request; ``made`` of its ``output_tokens`` are there."""

    input_tokens: int
    output_tokens: int
    arrival_s: float
    made: int = 0
    first_token_s: float = 0.0
    done_s: float = 0.0
    started_early: bool = False

    @property
    def reserved_tokens(self) -> int:
        """Room in the cache that it needs in the end."""
        return self.input_tokens + self.output_tokens

    @property
    def context_tokens(self) -> int:
        """Tokens cached before the next stage."""
        return self.input_tokens + self.made - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What came of it.

    Parameters
    ----------
    seconds, joules : float
        Of the whole run, all devices.
    tokens : int
        Tokens generated in it.
    stage_seconds, stage_running : arrays, shape (stages,)
        Each stage's wall clock, and the sequences that had their next token out of it.
    completed : tuple of Request
        Those that came after the start and were answered, in the order of their last tokens.
    """

    seconds: float
    joules: float
    tokens: int
    stage_seconds: F64
    stage_running: NDArray[np.int64]
    completed: tuple[Request, ...]

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second."""
        return self.tokens / self.seconds

    @property
    def joules_per_token(self) -> float:
        """Energy of all devices per generated token."""
        return self.joules / self.tokens

    def tbt_s(self, percentile: float) -> float:
        """Time between two tokens of a sequence, at a percentile of all such times."""
        return float(np.percentile(np.repeat(self.stage_seconds, self.stage_running), percentile))

    def ttft_s(self, percentile: float) -> float:
        """Time from a request to its first token, at a percentile of the requests."""
        times = [r.first_token_s - r.arrival_s for r in self.completed]
        return float(np.percentile(times, percentile))

    def e2e_s(self, percentile: float) -> float:
        """Time from a request to its last token, at a percentile of the requests."""
        return float(np.percentile([r.done_s - r.arrival_s for r in self.completed], percentile))


def serve(server: Server, load: Load) -> Served:
    """Run until ``load.requests`` requests that arrived after the start are answered.

    Where a request always waits, the batch is full from the start, with requests that are each
    somewhere in their answer, at random. Requests are admitted in order while there is room in the
    batch and, for all their tokens, in the devices' memory.

    Raises
    ------
    lockstep.arch.error.InputError
        If the weights, or a request of the greatest length, do not fit the devices' memory.
    """
    room = server.devices.kv_capacity_tokens(server.model, server.formats)
    if room < load.longest:
        raise InputError(
            f"devices: room for {room} cached tokens, but a request may have {load.longest}; "
            f"name more devices or shorter requests"
        )
    run = _Run(server, load, room)
    while len(run.completed) < load.requests:
        run.stage()
    return run.result()


class _Run:
    """The state between two stages."""

    def __init__(self, server: Server, load: Load, room: int) -> None:
        self.server, self.load, self.room = server, load, room
        # Lengths and arrivals are the same whatever the server does with them.
        self._arrivals = np.random.default_rng((load.seed, 0))
        self._experts = np.random.default_rng((load.seed, 1))
        self.now_s = self.joules = self._next_arrival_s = 0.0
        self.tokens = 0
        self.running: list[Request] = []
        self.waiting: deque[Request] = deque()
        self.completed: list[Request] = []
        self.stage_seconds: list[float] = []
        self.stage_running: list[int] = []
        if load.requests_per_s is None:
            self._start_full()

    def _start_full(self) -> None:
        for _ in range(self.load.batch):
            request = self._request(0.0)
            if request.output_tokens > 1 and self._fits(request):
                request.started_early = True
                request.made = int(self._arrivals.integers(1, request.output_tokens))
                self.running.append(request)

    def _request(self, arrival_s: float) -> Request:
        def length(mean: int) -> int:
            drawn = self._arrivals.normal(mean, self.load.spread * mean)
            return int(min(max(1, round(drawn)), 2 * mean))

        return Request(
            input_tokens=length(self.load.input_tokens),
            output_tokens=length(self.load.output_tokens),
            arrival_s=arrival_s,
        )

    def _fits(self, request: Request) -> bool:
        reserved = sum(r.reserved_tokens for r in self.running) + request.reserved_tokens
        return len(self.running) < self.load.batch and reserved <= self.room

    def _arrive(self) -> None:
        """Requests that have come by now; one at least where nothing else is left to do."""
        rate = self.load.requests_per_s
        if rate is None:
            if not self.waiting:
                self.waiting.append(self._request(self.now_s))
            return
        if not (self.running or self.waiting):
            self.now_s = max(self.now_s, self._next_arrival_s)
        while self._next_arrival_s <= self.now_s:
            self.waiting.append(self._request(self._next_arrival_s))
            self._next_arrival_s += float(self._arrivals.exponential(1 / rate))

    def _admit(self) -> list[Request]:
        """Requests whose prompts are part of the next stage."""
        before = len(self.running)
        rows = before
        self._arrive()
        while self.waiting and self._fits(self.waiting[0]):
            rows += self.waiting[0].input_tokens
            if rows > LARGEST:
                break
            self.running.append(self.waiting.popleft())
            self._arrive()
        new = self.running[before:]
        for request in new if self.load.requests_per_s is None else ():
            request.arrival_s = self.now_s  # it waited only because there was no room
        return new

    def stage(self) -> None:
        """One stage: admit, compute, and let go what is done."""
        old = list(self.running)
        new = self._admit()
        work = Stage(
            running=len(old),
            context_tokens=sum(r.context_tokens for r in old),
            prompts=tuple(r.input_tokens for r in new),
        )
        cost = self.server.stage(work, self._experts)
        self.now_s += cost.seconds
        self.joules += cost.joules
        self.tokens += work.sequences
        self.stage_seconds.append(cost.seconds)
        self.stage_running.append(len(old))
        for request in self.running:
            request.made += 1
            if request.made == 1:
                request.first_token_s = self.now_s
            if request.made == request.output_tokens:
                request.done_s = self.now_s
                if not request.started_early:
                    self.completed.append(request)
        self.running = [r for r in self.running if r.made < r.output_tokens]

    def result(self) -> Served:
        """What came of the stages so far."""
        return Served(
            seconds=self.now_s,
            joules=self.joules,
            tokens=self.tokens,
            stage_seconds=np.array(self.stage_seconds),
            stage_running=np.array(self.stage_running),
            completed=tuple(self.completed),
        )
