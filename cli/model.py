"""``lockstep model``: what a model asks of any machine."""

from typing import Annotated

import typer

from lockstep.arch.error import InputError
from lockstep.cli.complete import one_of, shipped
from lockstep.cli.options import BatchOption, JsonOption, emit, format_option

EXAMPLES = (
    "lockstep model llama-3-8b",
    "lockstep model llama-3-8b --phase decode --context 2048 --batch 8 --weights mxfp4 --json",
)


def model(
    model: Annotated[
        str,
        typer.Argument(
            help="A shipped model (see 'lockstep models'), a model YAML, a Hugging Face "
            "config.json or its folder.",
            autocompletion=shipped("models"),
        ),
    ],
    phase: Annotated[
        str,
        typer.Option(
            metavar="PHASE",
            help="prefill, or decode: one token for each sequence.",
            autocompletion=one_of("prefill", "decode"),
        ),
    ] = "prefill",
    tokens: Annotated[
        int | None,
        typer.Option(
            help="Prompt tokens of each sequence, in a prefill.",
            show_default="2048, or what the model has room for",
        ),
    ] = None,
    context: Annotated[
        int, typer.Option(help="Tokens of each sequence that are in the KV cache already.")
    ] = 0,
    batch: BatchOption = 1,
    weights: Annotated[str, format_option("weights")] = "bf16",
    activations: Annotated[str, format_option("activations")] = "bf16",
    kv: Annotated[str, format_option("the KV cache")] = "bf16",
    as_json: JsonOption = False,
) -> None:
    """Count parameters, FLOPs and bytes of a model in one phase."""
    from lockstep.sim.run import default_prefill
    from lockstep.workloads.counts import count
    from lockstep.workloads.model import load_model
    from lockstep.workloads.phases import Formats, Phase

    described = load_model(model)
    if phase != "prefill":
        tokens = 1
    elif tokens is None:
        tokens = default_prefill(described, context)
    try:
        formats = Formats(weights=weights, activations=activations, kv=kv)
        step = Phase(
            kind=phase,  # type: ignore[arg-type]
            batch=batch,
            tokens=tokens,
            context=context,
        )
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from None
    counts = count(described, step, formats)
    if as_json:
        emit({"model": described.name, "phase": phase, **counts})
        return
    from lockstep.cli import show

    show.facts(f"{described.name}, {phase}", counts)
