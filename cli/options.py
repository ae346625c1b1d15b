"""What several commands share: arguments, JSON output, the word on a missing package."""

import json
from typing import Annotated

import typer

from lockstep.arch.load import InputError

MachineArgument = Annotated[
    str, typer.Argument(help="A shipped machine (see 'lockstep machines') or a machine YAML.")
]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A shipped model, a model YAML, or a config.json.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the machine; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def emit(data: object) -> None:
    """Print JSON to standard output."""
    typer.echo(json.dumps(data, indent=2, allow_nan=False))


class needs_rtl_extra:  # noqa: N801  (reads as a statement where it is used)
    """Turn a missing optional package into a line that says how to install it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("lockstep"):
            raise InputError(
                f"this command needs the package {error.name}; install it with "
                f"pip install 'lockstep-sim[rtl]'"
            ) from None
