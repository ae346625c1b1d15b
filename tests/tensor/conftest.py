import pytest

from lockstep.arch.tensor import MacConfig, TensorConfig


@pytest.fixture
def engine():
    """Make a config from the short name of a dataflow: os, ws, or ws2 for double-buffered."""

    def make(dataflow, rows, cols, **mac):
        return TensorConfig(
            kind="systolic",
            dataflow="output_stationary" if dataflow == "os" else "weight_stationary",
            weight_double_buffer=dataflow == "ws2",
            rows=rows,
            cols=cols,
            mac=MacConfig(**mac),
        )

    return make
