"""A machine and runs on it that several tests look at."""

import pytest

import lockstep


@pytest.fixture(scope="session")
def edge():
    return lockstep.machine("edge-os16")


@pytest.fixture(scope="session")
def run(edge):
    """A prefill and a decode."""
    return edge.run("gpt2", prefill=64, decode=4, batch=2)


@pytest.fixture(scope="session")
def written(run, tmp_path_factory):
    """The folder of that run."""
    folder = tmp_path_factory.mktemp("runs") / "gpt2"
    run.write(folder)
    return folder
