"""Which formats a run's tensors may have: what the units that multiply can take."""

from lockstep.arch.error import InputError
from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim, LutPim
from lockstep.workloads.phases import TENSOR_CLASSES, Formats


def default_formats(system: System) -> Formats:
    """Formats of the machine's own MAC: weights as operand B, activations and KV cache as A."""
    a, b = system.operand_formats
    return Formats(weights=b, activations=a, kv=a)


def chosen_formats(
    system: System,
    *,
    weights: str | None = None,
    activations: str | None = None,
    kv: str | None = None,
    scale_rule: str = "floor",
) -> Formats:
    """The formats that a user asked for; those of the machine's own MAC where none was.

    Raises
    ------
    lockstep.arch.error.InputError
        If a format or the scale rule is not known.
    """
    default = default_formats(system)
    return Formats(
        weights=weights or default.weights,
        activations=activations or default.activations,
        kv=kv or default.kv,
        scale_rule=scale_rule,  # type: ignore[arg-type]
    )


def check_formats(system: System, formats: Formats) -> None:
    """Raise an ``InputError`` if what runs GEMMs cannot take a format."""
    machine = system.machine
    if isinstance(machine.pim, BankPim) and not machine.tensor:
        _check_bank_formats(system, formats)
    if isinstance(machine.pim, LutPim) and not machine.tensor:
        _check_lut_formats(machine.pim, formats)
        return
    a, b = (format_named(name).element_bits for name in system.operand_formats)
    key_a, key_b = ("tensor.mac.a", "tensor.mac.b") if machine.tensor else ("pim.format",) * 2
    for option, name, key, bits in (
        ("weights", formats.weights, key_b, b),
        ("activations", formats.activations, key_a, a),
        ("kv", formats.kv, key_a, a),
    ):
        if format_named(name).element_bits > bits:
            raise InputError(
                f"--{option}: {name} is wider than the MAC's {key} of {bits} bits; "
                f"choose a narrower format, or a machine with wider MACs"
            )


def _check_lut_formats(pim: LutPim, formats: Formats) -> None:
    """Slices take plain integers: activations up to their width, what streams up to its own."""
    widest = {"activations": pim.slice.activation_bits}
    for option in TENSOR_CLASSES:
        bits = widest.get(option, pim.slice.weight_bits)
        taken = {f"int{width}" for width in range(2, bits + 1)}
        if (name := getattr(formats, option)) not in taken:
            raise InputError(
                f"--{option}: {name} is not what the LUT slices take; choose int2 to int{bits}"
            )


def _check_bank_formats(system: System, formats: Formats) -> None:
    """Units in the banks read what is stored there, element by element."""
    element = system.channel.mac.element
    for option in TENSOR_CLASSES:
        if (name := getattr(formats, option)) != element:
            raise InputError(
                f"--{option}: the units of {system.channel.name} take {element}, not {name}; "
                "leave the option out"
            )
