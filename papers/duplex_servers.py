"""The machines that Duplex (MICRO'24) compares, serving its models on its numbers of devices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from lockstep.arch.machine import System, load_machine
from lockstep.papers.duplex_published import duplex
from lockstep.sim.duplex_devices import Devices, Links
from lockstep.sim.duplex_stage import Server, serve_on
from lockstep.sim.serving import Load, Served, serve
from lockstep.workloads.model import load_model
from lockstep.workloads.phases import Formats

FORMATS = Formats(weights="fp16", activations="fp16", kv="fp16")
LONGEST = 10240
"""Tokens that tables of attention reach to: twice the longest prompt and answer together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A machine, how many times the paper's devices, and what is switched on."""

    machine: str
    overrides: tuple[str, ...] = ()
    times: int = 1
    expert_tensor: bool = False


_ALONE = ("pim.expert_co_processing=false", "pim.attention_co_processing=false")
VARIANTS: Mapping[str, Variant] = {
    "GPU": Variant(machine="duplex", overrides=("pim=null",)),
    "2xGPU": Variant(machine="duplex", overrides=("pim=null",), times=2),
    "Bank-PIM": Variant(machine="duplex-bank-pim"),
    "BankGroup-PIM": Variant(machine="duplex-bankgroup-pim"),
    "Duplex": Variant(machine="duplex", overrides=_ALONE),
    "Duplex+PE": Variant(machine="duplex"),
    "Duplex+PE+ET": Variant(machine="duplex", expert_tensor=True),
}
"""By the paper's names; PE is expert and attention co-processing, ET expert tensor parallelism."""


@lru_cache(maxsize=64)
def system(variant: str) -> System:
    """One device of a variant."""
    return load_machine(VARIANTS[variant].machine, VARIANTS[variant].overrides)


@lru_cache(maxsize=64)
def server(model: str, variant: str) -> Server:
    """A variant that serves a model on the paper's number of devices."""
    found = VARIANTS[variant]
    setup = duplex().setup
    devices = Devices(
        system=system(variant),
        count=setup.models[model] * found.times,
        node_devices=setup.node_devices,
        capacity_bytes=setup.capacity_bytes,
        links=Links(
            bytes_per_s=setup.link_bytes_per_s,
            network_bytes_per_s=setup.network_bytes_per_s,
            latency_s=setup.link_latency_us * 1e-6,
            energy_pj_per_byte=setup.link_pj_per_byte,
        ),
        expert_tensor=found.expert_tensor,
    )
    if variant == "Duplex":  # the same tables, other policies
        return replace(server(model, "Duplex+PE"), devices=devices)
    return serve_on(devices, load_model(model), FORMATS, LONGEST)


@lru_cache(maxsize=1024)
def served(model: str, variant: str, load: Load) -> Served:
    """A run, made once."""
    return serve(server(model, variant), load)
