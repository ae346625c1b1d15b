"""What all plots of papers share: size, grid, and the colours of Okabe and Ito (2008)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#999999"


def new_figure(width: float = 9, height: float = 5.5) -> "Figure":
    """An empty figure of that many inches, 100 pixels each, without pyplot's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def tidy(axes: "Axes") -> None:
    """A light grid behind the data, no frame above and to the right."""
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
