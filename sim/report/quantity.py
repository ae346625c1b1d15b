"""Numbers for people: three digits and a unit prefix."""

_PREFIXES = {
    1e18: "E", 1e15: "P", 1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k",
    1.0: "", 1e-3: "m", 1e-6: "µ", 1e-9: "n", 1e-12: "p",
}  # fmt: skip


def quantity(value: float, unit: str) -> str:
    """``value`` in three significant digits with its unit, e.g. ``448 GB/s``.

    Zero is ``0``; what is outside pico to exa keeps the nearest prefix.
    """
    if value == 0:
        return f"0 {unit}"
    value = float(f"{value:.3g}")  # first, so that 999.9 becomes 1 k and not 1000
    size = next((s for s in _PREFIXES if abs(value) >= s), min(_PREFIXES))
    return f"{value / size:.3g} {_PREFIXES[size]}{unit}"
