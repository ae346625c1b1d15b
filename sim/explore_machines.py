"""Variants of one machine file, read once."""

from collections.abc import Sequence
from dataclasses import replace

from lockstep.arch.load import read_yaml, resolve, validate
from lockstep.arch.machine import Machine, System, load_machine
from lockstep.sim.dram_calibration import calibrated


class MachineVariants:
    """A machine file whose overrides are all that is read for each variant.

    Each variant is validated in full, as :func:`lockstep.arch.machine.load_machine` does; the tables it
    names are loaded when a variant first names them, and kept: files that change meanwhile are not
    noticed.

    Parameters
    ----------
    name_or_path : str
        A shipped name, or a path.

    Raises
    ------
    lockstep.arch.error.InputError
        If there is no such file, or it is no YAML mapping.
    """

    def __init__(self, name_or_path: str) -> None:
        self._name = name_or_path
        self._document = read_yaml(resolve("machines", name_or_path))
        self._tables: dict[tuple[str, ...], System] = {}

    def system(self, overrides: Sequence[str] = ()) -> System:
        """The variant that ``overrides`` describe, ``KEY=VALUE`` each; its memory is calibrated.

        Raises
        ------
        lockstep.arch.error.InputError
            On any bad input, with the one line that ``load_machine`` gives.
        """
        machine = validate(Machine, self._document.overridden(overrides))
        named = _named(machine)
        if named not in self._tables:
            self._tables[named] = calibrated(load_machine(self._name, overrides))
        return replace(self._tables[named], machine=machine)


def _named(machine: Machine) -> tuple[str, ...]:
    """All that may decide which tables a machine's system has, and whether they serve it."""
    mac = machine.tensor.mac if machine.tensor else None
    others = machine.model_dump_json(exclude=_WITHOUT_TABLES)
    return machine.dram.preset, others, *((mac.a, mac.b) if mac else ())


_WITHOUT_TABLES = {"name", "clock_mhz", "vector", "scratchpad", "tensor", "dram"}
"""Keys whose values name no table, but for a MAC's formats and the DRAM's preset."""
