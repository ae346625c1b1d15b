"""Read a DRAM preset with what it names: the command-level memory and its calibration."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from lockstep.arch.dram import DramSpec
from lockstep.arch.load import Document, InputError, load, read_yaml, resolve, shipped, validate
from lockstep.arch.memory import Dram, DramCalibration, DramPreset, TimedDramPreset, first_order


def load_dram_preset(path: Path) -> Dram:
    """Read a preset file; one with a key ``timing`` names a command-level memory.

    The calibration is the shipped one if it was measured on the same memory, and None otherwise.

    Raises
    ------
    lockstep.arch.error.InputError
        One line with file, line, key, value and remedy.
    """
    document = read_yaml(path)
    if "timing" not in document.data:
        return first_order(validate(DramPreset, document))
    preset = validate(TimedDramPreset, document)
    spec = _spec(preset, document)
    energy_key = "energy_pj_per_bit" if spec.rails else "interface_pj_per_bit"
    if getattr(preset, energy_key) is not None:
        why = (
            "follows from the memory's currents; delete it, or write interface_pj_per_bit"
            if spec.rails
            else "needs the memory's currents, and none are known; write energy_pj_per_bit"
        )
        raise document.error((energy_key,), why)
    if not spec.rails and preset.energy_pj_per_bit is None:
        raise document.error(
            ("energy_pj_per_bit",), f"missing; add it, for {preset.timing} has no supply currents"
        )
    return Dram(preset=preset, spec=spec, calibration=_shipped_calibration(spec))


def digest(spec: DramSpec) -> str:
    """SHA-256 of all that decides what a memory does: not its name, nor where numbers come from."""
    data = spec.model_dump(mode="json", exclude={"name", "sources"})
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _spec(preset: TimedDramPreset, document: Document) -> DramSpec:
    """The memory that the preset names, cut to one channel, with the preset's address map."""
    try:
        path = resolve("dram_timing", preset.timing, relative_to=document.path.parent)
    except InputError as error:
        raise document.error(("timing",), str(error)) from None
    spec = load(DramSpec, path)
    return with_channels(spec, 1, preset.mapping_lsb_first, document)


def with_channels(
    spec: DramSpec,
    channels: int,
    mapping_lsb_first: tuple[str, ...] | None = None,
    document: Document | None = None,
) -> DramSpec:
    """The memory with as many channels, a power of two, and another address map if one is given.

    Raises
    ------
    lockstep.arch.error.InputError
        If the map does not fit, or the memory would be too large.
    """
    geometry = spec.geometry.model_dump() | {"channels": channels}
    changed = spec.model_dump() | {"geometry": geometry}
    if mapping_lsb_first:
        changed["mapping_lsb_first"] = mapping_lsb_first
    try:
        return DramSpec.model_validate(changed)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        message = f"{spec.name} with {channels} channels: {reason}"
        if document is None:
            raise InputError(message) from None
        raise document.error(("mapping_lsb_first",), message) from None


def _shipped_calibration(spec: DramSpec) -> DramCalibration | None:
    path = shipped("dram_calibration").get(spec.name)
    if path is None:
        return None
    found = load(DramCalibration, path)
    return found if found.spec_sha256 == digest(spec) else None
