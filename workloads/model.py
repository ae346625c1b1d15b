"""A transformer as its tensors see it: embedding, attention, feed-forward, norms, head.

A model is put together from kinds of parts, not from families: what Llama, GPT-2 or DeepSeek-V3
choose for each part is written in ``configs/models/*.yaml`` or read from a ``config.json``.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.load import InputError, load, resolve, shipped
from lockstep.workloads.parts import Attention, Embedding, Ffn, Head, PatchEmbedding, Size


class Model(Config):
    """A transformer: a stack of layers alike but for their feed-forward.

    Parameters
    ----------
    kind : "model"
    name, source : str
        What it is called, and where its numbers come from.
    hidden : int
        Width of the residual stream.
    embedding : TokenEmbedding or PatchEmbedding
    attention : GroupedAttention or LatentAttention
    norm : "rmsnorm" or "layernorm"
        What each normalisation is.
    norm_placement : "pre" or "post"
        Before attention and feed-forward, with one more after the last layer; or after each.
    ffn : one or two of DenseFfn, MoeFfn
        At most one of each; their ``layers`` add up to the model's.
    head : LmHead, PoolerHead or ClassifierHead
        Only models with an LM head generate.
    """

    kind: Literal["model"]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    source: Annotated[str, Field(min_length=8)]
    hidden: Size
    embedding: Embedding
    attention: Attention
    norm: Literal["rmsnorm", "layernorm"]
    norm_placement: Literal["pre", "post"] = "pre"
    ffn: Annotated[tuple[Ffn, ...], Field(min_length=1, max_length=2)]
    head: Head

    @model_validator(mode="after")
    def _parts_agree(self) -> "Model":
        if len({f.kind for f in self.ffn}) < len(self.ffn):
            raise ValueError("ffn must have at most one dense and one moe entry; add up the layers")
        if self.embedding.kind == "patches" and self.head.kind == "lm":
            raise ValueError("head.kind must be classifier or pooler after patches, not lm")
        return self

    @property
    def layers(self) -> int:
        """Layers of all feed-forward kinds."""
        return sum(f.layers for f in self.ffn)

    @property
    def generates(self) -> bool:
        """Whether it decodes token by token; encoders do not."""
        return self.head.kind == "lm"

    @property
    def longest(self) -> int | None:
        """Tokens of the longest sequence that learned positions allow; None: any."""
        if isinstance(self.embedding, PatchEmbedding):
            return self.embedding.patches + 1  # the class token
        return self.embedding.positions or None


def shipped_models() -> list[str]:
    """Names of the shipped models, sorted."""
    return sorted(shipped("models"))


def load_model(name_or_path: str) -> Model:
    """Load a shipped model, a model YAML, a Hugging Face ``config.json``, or the folder of one.

    Raises
    ------
    lockstep.arch.load.InputError
        On any bad input: one line with file, line, key, value and remedy.
    """
    path = resolve("models", name_or_path)
    if path.is_dir():
        path = _config_in(path)
    if path.suffix.lower() == ".json":
        from lockstep.workloads.huggingface import import_config  # it needs the classes above

        return import_config(path)
    return load(Model, path)


def _config_in(folder: Path) -> Path:
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder}: a folder without config.json; name the model's file")
    return path
