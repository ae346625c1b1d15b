"""Jobs of a plan: random programs, and those of the mapper, by name."""

from collections.abc import Sequence

import numpy as np

from lockstep.arch.pim import PimChannelConfig
from lockstep.sim.cycle.pim_map import (
    GemvLayout,
    KvLayout,
    append_program,
    gemv_program,
    scores_program,
    values_program,
)
from lockstep.verify.pim_traffic import KINDS, Job, job_of, random_job

Arguments = Sequence[object]
"""``["random", instructions, kind of data]`` or ``["gemv", outputs, inputs, kind]`` or
``["attention", part, context, heads, head_dim, kind]``, part being append, scores or values."""


def job(cfg: PimChannelConfig, arguments: Arguments, rng: np.random.Generator) -> Job:
    """The job that a plan names.

    Raises
    ------
    ValueError
        If there is none of that name, or it does not fit the channel.
    """
    match list(arguments):
        case ["random", int(count), str(kind)]:
            return random_job(cfg, count, kind, rng)
        case ["gemv", int(outputs), int(inputs), str(kind)]:
            return job_of(cfg, gemv_program(cfg, outputs, inputs), kind, rng)
        case ["attention", str(part), int(context), int(heads), int(head_dim), str(kind)]:
            layout = KvLayout(cfg=cfg, capacity=context, kv_heads=heads, head_dim=head_dim)
            program = {
                "append": lambda: append_program(layout, context - 1),
                "scores": lambda: scores_program(layout, context, queries_per_kv=2),
                "values": lambda: values_program(layout, context, queries_per_kv=2),
            }[part]()
            return job_of(cfg, program, kind, rng)
    raise ValueError(f"no such job: {arguments}")


def random_jobs(count: int, instructions: int) -> list[list[object]]:
    """``count`` random jobs that take turns in the kind of data."""
    return [["random", instructions, KINDS[k % len(KINDS)]] for k in range(count)]


def mapped_jobs(cfg: PimChannelConfig) -> list[list[object]]:
    """Programs of the mapper: matrices that fit, and attention where there are rows enough."""
    entries = min(cfg.columns, cfg.buffer_entries) * cfg.mac.lanes
    sizes = (
        (2 * cfg.banks + 1, entries - 1),
        (cfg.banks, entries + 1),
        (3 * cfg.banks, 2 * entries),
    )
    jobs: list[list[object]] = [
        ["gemv", outputs, max(1, inputs), "moderate"]
        for outputs, inputs in sizes
        if _fits(cfg, outputs, max(1, inputs))
    ]
    if cfg.rows > 1000:
        parts = ("append", "scores", "values")
        jobs += [["attention", part, 40, 2, 32, "moderate"] for part in parts]
    return jobs


def _fits(cfg: PimChannelConfig, outputs: int, inputs: int) -> bool:
    try:
        GemvLayout(cfg=cfg, outputs=outputs, inputs=inputs)
    except ValueError:
        return False
    return True
