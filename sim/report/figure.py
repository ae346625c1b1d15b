"""A matplotlib figure without pyplot: no global state, no window system."""

import io

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure that a notebook shows by itself, at the resolution it was made for."""

    def png(self) -> bytes:
        """The figure as a PNG file."""
        data = io.BytesIO()
        self.savefig(data, format="png", metadata={"Software": None})
        return data.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()
