"""Pages of the reference, made from the code and its data when the site is built."""

from collections.abc import Callable
from importlib import import_module

MAKERS: dict[str, str] = {
    "keys": "keys:page",
    "machines": "shipped:machines",
    "models": "shipped:models",
    "drams": "shipped:drams",
    "techs": "shipped:techs",
    "formats": "shipped:formats",
    "pims": "shipped_more:pims",
    "mmus": "shipped_more:mmus",
    "sweeps": "shipped_more:sweeps",
    "machine-components": "components:machines",
    "unit-components": "components:units",
    "synthesis": "components:synthesis",
    "commands": "commands:page",
    "python": "python_api:page",
    "proofs": "agreement:proofs",
    "include": "include:page",
    "readme": "include:readme",
}
"""What a page may ask for, ``<!-- generated NAME ARGUMENT... -->``: module and function."""


def make(name: str, *arguments: str) -> str:
    """Markdown of one part; links in it start with a slash, from the repository's root.

    Raises
    ------
    KeyError
        If there is no such part.
    """
    module, _, function = MAKERS[name].partition(":")
    maker: Callable[..., str] = getattr(import_module(f"reference.{module}"), function)
    return maker(*arguments)
