"""No key of a shipped machine does nothing: perturb each and see a reported number move."""

import pytest
import yaml

from lockstep.arch.load import shipped
from lockstep.arch.machine import load_machine
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model

pytestmark = pytest.mark.system

CANNOT_MATTER = {
    "kind": "selects the schema; it has one value",
    "name": "a label",
    "tensor.kind": "selects the engine, whose keys differ",
    "pim.kind": "selects the processor, whose keys differ",
    "pim.stream_bytes_per_s": "sail-like's is more than its slices take; see test_near_lut",
    "pim.slice.activation_bits": "at its widest in sail-like; narrower ones: see test_near_lut",
    "pim.slice.acc_bits": "must hold every sum; see test_near_lut",
    "pim.slice.weight_bits": "bounds the formats of weights; see test_near_lut",
    "pim.bank_bundles": "bounds what is served, see test_serving",
    "pim.attention_co_processing": "only of stages with prompts among answers, see test_serving",
    "pim.expert_co_processing": "only of models with experts, see pim/test_duplex",
    "mmu.preset": "no other shipped MMU is DMA's; another file: see test_translation",
}
OTHER = {
    "output_stationary": "weight_stationary",
    "weight_stationary": "output_stationary",
    "int8": "fp16",
    "bf16": "fp16",
    "fp16": "int8",
    "mxfp8": "mxfp4",
    "generic-45nm": "generic-22nm",
    "generic-22nm": "generic-45nm",
    "fusemax-45nm": "generic-45nm",
    "attacc-7nm": "generic-22nm",
    "hbm2-2000": "ddr4-3200",
    "ddr4-3200": "hbm2-2000",
    "fusemax-hbm2": "hbm2-2000",
    "hbm3-duplex": "hbm2-2000",
    "opt4c": "opt4e",
    "radix": "victima",
    "int4": "int3",
    "gddr6-aim": "hbm2-pim",
    "hbm2-pim": "gddr6-aim",
}
# Some keys only move together with another.
TOGETHER = {
    "tensor.dataflow": ["tensor.weight_double_buffer=false"],
    "tensor.mac.a": ["tech=generic-45nm"],  # fusemax-45nm prices bf16 only
    "tensor.mac.b": ["tech=generic-45nm"],
    "pim.devices": ["pim.pipeline_parallel=16"],
}


def leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        elif key != "source":  # where the number beside it comes from
            yield prefix + key, value


def perturbed(value):
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, str):
        return OTHER[value]
    if isinstance(value, float) and 0.5 < value <= 1:  # may be a share
        return value / 2
    return value * 2 or 1


BUSY = (
    "tensor_cycles", "vector_cycles", "dma_cycles", "scratchpad_cycles", "translation_cycles",
)  # fmt: skip


def numbers(machine, overrides):
    """What a report says of a prefill large enough to leave the chip, and a decode.

    The summary, and how long each resource is busy (ops.csv has it per operator): a resource that
    hides behind another one moves only there.
    """
    system = load_machine(machine, overrides)
    result = simulate(system, load_model("gpt2"), prefill=700, decode=3, batch=2)
    ops = [op for phase in result.phases for op in phase.ops]
    busy = {name: sum(getattr(op, name) for op in ops) for name in BUSY}
    summary = result.summary()
    return {**{key: value for key, value in summary.items() if key != "machine"}, **busy}


CASES = [
    (machine, key, value)
    for machine, path in shipped("machines").items()
    for key, value in leaves(yaml.safe_load(path.read_text()))
    if key not in CANNOT_MATTER
]


@pytest.mark.parametrize(("machine", "key", "value"), CASES)
def test_every_key_moves_a_number(machine, key, value):
    together = TOGETHER.get(key, [])
    before = numbers(machine, together)
    after = numbers(machine, [*together, f"{key}={perturbed(value)}"])
    assert before != after, f"{key} of {machine} changes nothing"


def test_the_keys_that_cannot_matter_exist():
    texts = [path.read_text() for path in shipped("machines").values()]
    assert set(CANNOT_MATTER) <= {key for text in texts for key, _ in leaves(yaml.safe_load(text))}
