"""Optional packages: what to say if one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from lockstep.arch.error import InputError


@contextmanager
def needs_extra(extra: str, what: str = "this command") -> Iterator[None]:
    """Turn a missing package, imported in the context, into a line that says how to install it.

    Parameters
    ----------
    extra : str
        Of pyproject.toml: rtl, sweep, synth, notebook, ...
    what : str
        What needs the package, the subject of the sentence.

    Raises
    ------
    InputError
        If a package that is not ours is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lockstep"):
            raise
        raise InputError(
            f"{what} needs the package {error.name}; install it with "
            f"pip install 'lockstep-sim[{extra}]'"
        ) from None
