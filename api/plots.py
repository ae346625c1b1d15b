"""Figures of a run and of a sweep; a notebook shows one that is the last line of its cell."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plots:
    """Figures by name, drawn when asked for.

    Parameters
    ----------
    draw : callable
        Returns them.
    """

    __slots__ = ("_draw",)

    def __init__(self, draw: "Callable[[], Mapping[str, Figure]]") -> None:
        self._draw = draw

    def __repr__(self) -> str:
        names = [name for name in dir(type(self)) if not name.startswith("_")]
        return f"Figures: {', '.join(f'.{name}()' for name in names)}"


class RunPlots(Plots):
    """Figures of a run, of 9 by 5.5 inches; ``figure.savefig(path)`` writes one."""

    __slots__ = ()

    def roofline(self) -> "Figure":
        """Throughput of each class of matrix products over its arithmetic intensity."""
        return self._draw()["roofline"]

    def latency(self) -> "Figure":
        """The operators that take longest, by phase, with what bounds them."""
        return self._draw()["latency"]

    def energy(self) -> "Figure":
        """Energy by component and phase."""
        return self._draw()["energy"]


class SweepPlots(Plots):
    """Figures of a sweep, of 9 by 6 inches; ``figure.savefig(path)`` writes one."""

    __slots__ = ()

    def pareto(self) -> "Figure":
        """All points in the plane of the first two objectives, and the Pareto front."""
        return self._draw()["pareto"]
