"""From a model and a phase to its operator graph.

Layers that are alike share their operators: attention of all layers comes first, then each kind of
feed-forward, with ``repeat`` counting layers; the order of the layers does not change their cost.

Left out on purpose: biases (part of a GEMM's epilogue), the scale of the scores (folded into
softmax), causal masks (see :mod:`lockstep.workloads.attention`) and sampling.
"""

from dataclasses import replace
from functools import lru_cache

from lockstep.arch.load import InputError
from lockstep.workloads import attention, feedforward
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Op, Residency
from lockstep.workloads.parts import (
    ClassifierHead,
    DenseFfn,
    Ffn,
    LmHead,
    PatchEmbedding,
    TokenEmbedding,
)
from lockstep.workloads.step import TENSOR_CLASSES, Builder, Formats, Phase

__all__ = ["TENSOR_CLASSES", "Formats", "Phase", "graph"]


def graph(model: Model, phase: Phase, formats: Formats) -> tuple[Op, ...]:
    """Operators of one forward pass, in execution order; their names are unique.

    The head sees one token of each sequence: the last in prefill, the first in an encoder.

    Raises
    ------
    lockstep.arch.load.InputError
        If the model cannot run the phase: an encoder asked to decode, a sequence of a length that
        its learned positions do not have.
    """
    check_phase(model, phase)
    alike = replace(phase, context=0)  # all decode steps share what is around the attention
    build = Builder(phase=phase, formats=formats, repeat=model.layers)
    attention.attend(build, model.attention)
    return (*_before(model, alike, formats), *build.ops, *_after(model, alike, formats))


@lru_cache(maxsize=256)
def _before(model: Model, phase: Phase, formats: Formats) -> tuple[Op, ...]:
    build = Builder(phase=phase, formats=formats)
    _embed(build, model)
    build.repeat = model.layers
    if model.norm_placement == "pre":
        build.vector("attn.norm", model.norm, phase.rows, model.hidden)
    cache: Residency = "kv" if model.generates else "memory"
    attention.project(build, model.attention, model.hidden, cache)
    return tuple(build.ops)


@lru_cache(maxsize=256)
def _after(model: Model, phase: Phase, formats: Formats) -> tuple[Op, ...]:
    build = Builder(phase=phase, formats=formats, repeat=model.layers)
    attention.output(build, model.attention, model.hidden)
    if model.norm_placement == "post":
        build.vector("attn.norm", model.norm, phase.rows, model.hidden)
    for ffn in model.ffn:
        build.repeat = ffn.layers
        _feedforward(build, model, ffn)
    build.repeat = 1
    _head(build, model)
    return tuple(build.ops)


def check_phase(model: Model, phase: Phase) -> None:
    """Raise an ``InputError`` if the model cannot run the phase."""
    if not model.generates and (phase.kind == "decode" or phase.context):
        raise InputError(
            f"{model.name} is an encoder: it has a prefill, but no decode and no context"
        )
    if isinstance(model.embedding, PatchEmbedding) and phase.tokens != model.longest:
        raise InputError(
            f"{model.name} makes {model.longest} tokens of an image; prefill that many, "
            f"not {phase.tokens}"
        )
    if model.longest is not None and phase.length > model.longest:
        raise InputError(
            f"{model.name} has learned positions for {model.longest} tokens, not for a sequence of "
            f"{phase.length}; shorten the prefill or the decode"
        )


def _embed(build: Builder, model: Model) -> None:
    e, rows, hidden = model.embedding, build.phase.rows, model.hidden
    if isinstance(e, PatchEmbedding):
        patches = build.phase.batch * e.patches
        build.gemm("embed.patches", hidden, e.patch_values, m=patches, c="stream")
        build.residual("embed.add_positions", rows, hidden)
        return
    build.gather("embed.tokens", rows, e.width or hidden)
    if e.width:
        build.gemm("embed.project_in", hidden, e.width)
    for name in ("positions",) * (e.positions > 0) + ("token_types",) * (e.token_types > 0):
        build.gather(f"embed.{name}", rows, hidden, c="stream")
        build.residual(f"embed.add_{name}", rows, hidden)
    if e.norm:
        build.vector("embed.norm", model.norm, rows, hidden)


def _feedforward(build: Builder, model: Model, ffn: Ffn) -> None:
    norm = "ffn.norm" if isinstance(ffn, DenseFfn) else "moe.norm"
    if model.norm_placement == "pre":
        build.vector(norm, model.norm, build.phase.rows, model.hidden)
    if isinstance(ffn, DenseFfn):
        feedforward.dense(build, ffn, model.hidden)
    else:
        feedforward.moe(build, ffn, model.hidden)
    if model.norm_placement == "post":
        build.vector(norm, model.norm, build.phase.rows, model.hidden)


def _head(build: Builder, model: Model) -> None:
    head, e, batch, hidden = model.head, model.embedding, build.phase.batch, model.hidden
    if model.norm_placement == "pre":
        build.vector("head.norm", model.norm, batch, hidden)
    if isinstance(head, LmHead) and isinstance(e, TokenEmbedding):
        if e.width:
            build.gemm("head.project_out", e.width, hidden, m=batch)
        build.gemm("head.lm_head", e.vocab, e.width or hidden, m=batch)
    elif isinstance(head, ClassifierHead):
        build.gemm("head.classifier", head.classes, hidden, m=batch)
    else:
        build.gemm("head.pooler", hidden, hidden, m=batch, c="stream")
        build.vector("head.tanh", "tanh", batch, hidden, a="stream")
