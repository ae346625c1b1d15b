"""The workloads by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lockstep.arch.config import Config
from lockstep.arch.document import Document
from lockstep.arch.error import InputError, show, suggest
from lockstep.arch.load import validate
from lockstep.workloads.streams import options
from lockstep.workloads.streams.chunk import Stream

MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Workload:
    """An entry of the catalogue: a factory whose module, and numba, load when it is called.

    Parameters
    ----------
    module : str
        A module of this package with a function of the same name, or ``MODULE:FUNCTION``.
    options : type of Config
        What it takes.
    description : str
    """

    module: str
    options: type[Config]
    description: str

    def __call__(self, chosen: Config, seed: int) -> Stream:
        """The stream; a graph is made here, which takes seconds."""
        module, _, function = self.module.partition(":")
        found = import_module(f"lockstep.workloads.streams.{module}")
        build: Callable[[Any, int], Stream] = getattr(found, function or module)
        return build(chosen, seed)


WORKLOADS: Mapping[str, Workload] = {
    "bc": Workload("betweenness", options.GraphOptions, "betweenness centrality, Brandes"),
    "bfs": Workload("bfs", options.GraphOptions, "breadth-first search"),
    "cc": Workload("components", options.GraphOptions, "connected components, Shiloach-Vishkin"),
    "gc": Workload("colouring", options.GraphOptions, "graph colouring, Jones-Plassmann"),
    "pr": Workload("pagerank", options.PageRankOptions, "PageRank, pull"),
    "tc": Workload("triangles", options.GraphOptions, "triangle counting by intersection"),
    "sssp": Workload("sssp", options.SsspOptions, "shortest paths, delta-stepping"),
    "gups": Workload("gups", options.GupsOptions, "HPC Challenge RandomAccess"),
    "xs": Workload("xs", options.XsOptions, "cross-section lookup, XSBench"),
    "dlrm": Workload("dlrm", options.DlrmOptions, "embedding lookup of a recommender"),
    "gen": Workload("kmer", options.GenOptions, "k-mer counting"),
    "paged-kv": Workload("paged_kv", options.PagedKvOptions, "LLM serving with a paged KV cache"),
}


def stream(name: str, *, seed: int = 1, **chosen: object) -> Stream:
    """A workload's address stream.

    Parameters
    ----------
    name : str
        One of ``WORKLOADS``.
    seed : int
        From 1 on. The same seed and options give the same accesses, on every machine.
    chosen : object
        Options that differ from the defaults of the workload's class in :mod:`.options`.

    Raises
    ------
    lockstep.arch.error.InputError
        On an unknown name or option, a value out of range, or if numba is missing.
    """
    workload = WORKLOADS.get(name)
    if workload is None:
        raise InputError(f"unknown workload {show(name)}; {suggest(name, WORKLOADS)}")
    if type(seed) is not int or not 1 <= seed <= MAX_SEED:
        raise InputError(f"workload {name}: seed {seed!r}; must be from 1 to {MAX_SEED}")
    where = f"workload {name}"
    try:
        valid = validate(
            workload.options, Document(path=Path(where), data=chosen, origins={(): where})
        )
    except TypeError:
        raise InputError(
            f"{where}: an option is not a plain number; write 16, 0.5 or None"
        ) from None
    if find_spec("numba") is None:
        raise InputError(
            f"{where} needs the package numba; install it with pip install 'lockstep-sim[dram]'"
        )
    return workload(valid, seed)
