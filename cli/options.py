"""What several commands share: arguments, options, JSON output."""

import json
from typing import Annotated

import typer

from lockstep.cli.complete import format_names, keys_of, shipped

MachineArgument = Annotated[
    str,
    typer.Argument(
        help="A shipped machine (see 'lockstep machines') or a machine YAML.",
        autocompletion=shipped("machines"),
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="A shipped model (see 'lockstep models'), a model YAML, a Hugging Face config.json or "
        "its folder.",
        autocompletion=shipped("models"),
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the machine, as in tensor.rows=32; repeatable. 'lockstep schema' "
        "lists the keys.",
        autocompletion=keys_of("machines", "lockstep.arch.machine:Machine"),
    ),
]
BatchOption = Annotated[int, typer.Option(help="Sequences that run together.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]


def format_option(of: str, default: str | bool = True) -> object:
    """The option of a stored number format."""
    return typer.Option(
        metavar="FORMAT",
        help=f"Stored format of {of}; see 'lockstep formats'.",
        show_default=default,
        autocompletion=format_names,
    )


def emit(data: object) -> None:
    """Print JSON to standard output."""
    typer.echo(json.dumps(data, indent=2, allow_nan=False))
