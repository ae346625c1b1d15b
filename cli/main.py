"""The ``lockstep`` command: exit code 0 ok, 1 a check failed, 2 bad input, 130 interrupted.

A command's module holds the function of its name and ``EXAMPLES``. It imports nothing heavy at its
top, but inside the function, so that help and completion of all commands stay quick.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from lockstep.arch.error import InputError
from lockstep.cli import (
    dram,
    formats,
    gemm,
    machines,
    model,
    models,
    report,
    reproduce,
    rtl,
    run,
    schema,
    sweep,
    synth,
    tlb,
    verify,
)
from lockstep.cli.help import Sections, examples

SECTIONS = {
    "Simulate": (run, gemm, dram, tlb),
    "Explore": (sweep, report, reproduce),
    "Hardware": (rtl, verify, synth),
    "Look up": (machines, models, formats, model, schema),
}

app = typer.Typer(
    cls=Sections,
    help="One YAML describes an AI accelerator; RTL and simulator agree to the bit and the cycle.",
    epilog=examples(run.EXAMPLES[0], verify.EXAMPLES[0], sweep.EXAMPLES[0])
    + "\n\n'lockstep COMMAND --help' says more. Exit codes: 0 ok, 1 a check failed, 2 bad input.",
    context_settings={"max_content_width": 100},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _section, _modules in SECTIONS.items():
    for _module in _modules:
        _name = _module.__name__.rpartition(".")[2]
        app.command(_name, epilog=examples(*_module.EXAMPLES), rich_help_panel=_section)(
            getattr(_module, _name)
        )


@app.callback()
def _options(
    _show: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda show: _version() if show else None,
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    pass


def _version() -> None:
    from importlib.metadata import version

    typer.echo(f"lockstep {version('lockstep-sim')}")
    raise typer.Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        code = app(args=argv, prog_name="lockstep", standalone_mode=False)
    except InputError as error:
        typer.echo(f"lockstep: {error}", err=True)
        return 2
    except typer.TyperException as error:
        line = " ".join(error.format_message().split())
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "lockstep"
        typer.echo(f"lockstep: {line} (see '{command} --help')", err=True)
        return 2
    except typer.Abort:
        typer.echo("lockstep: interrupted", err=True)
        return 130
    except SystemExit as end:  # so typer and rich end when whoever reads the output stops early
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code or 0)


def console() -> None:
    """Entry point of the console script."""
    sys.exit(main())


if __name__ == "__main__":
    console()
