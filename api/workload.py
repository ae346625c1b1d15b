"""Models: what runs on a machine."""

from dataclasses import dataclass
from os import PathLike, fspath
from typing import Literal, SupportsIndex

from lockstep.api.display import html_facts, shown, text_facts
from lockstep.api.table import Table
from lockstep.api.values import whole
from lockstep.arch.formats import FORMATS, Format, format_row
from lockstep.sim.run import default_prefill
from lockstep.workloads import model as description
from lockstep.workloads.counts import active_parameters, count, parameters
from lockstep.workloads.listing import ModelRow, model_rows
from lockstep.workloads.phases import Formats, Phase


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """A transformer.

    Parameters
    ----------
    source : str
        The shipped name, or the path, that it was loaded from.
    config : lockstep.workloads.model.Model
        Its description, field by field as in the file.
    """

    source: str
    config: description.Model

    @property
    def name(self) -> str:
        """What it is called."""
        return self.config.name

    @property
    def parameters(self) -> int:
        """Elements of all weight tensors."""
        return parameters(self.config)

    @property
    def active_parameters(self) -> int:
        """Parameters without the routed experts that one token does not visit."""
        return active_parameters(self.config)

    def counts(
        self,
        phase: Literal["prefill", "decode"] = "prefill",
        *,
        tokens: SupportsIndex | None = None,
        context: SupportsIndex = 0,
        batch: SupportsIndex = 1,
        weights: str = "bf16",
        activations: str = "bf16",
        kv: str = "bf16",
    ) -> dict[str, int]:
        """Parameters, FLOPs and bytes of one forward pass, as ``lockstep model`` prints them.

        Parameters
        ----------
        phase : "prefill" or "decode"
            A pass over the prompt, or one that makes a token.
        tokens : int
            Prompt tokens of a prefill; None: 2048, or what the model has room for. A decode has one.
        context : int
            Tokens of each sequence that are cached already.
        batch : int
            Sequences that run together.
        weights, activations, kv : str
            Stored formats.

        Raises
        ------
        InputError
            If a size or a format is wrong, or the model cannot run the phase.
        """
        cached = whole("context", context)
        if tokens is None:
            tokens = default_prefill(self.config, cached)
        step = Phase(
            kind=phase,
            batch=whole("batch", batch),
            tokens=whole("tokens", tokens) if phase == "prefill" else 1,
            context=cached,
        )
        formats = Formats(weights=weights, activations=activations, kv=kv)
        return count(self.config, step, formats)

    def _facts(self) -> dict[str, object]:
        return {
            "layers": self.config.layers,
            "hidden": self.config.hidden,
            "parameters": self.parameters,
            "active parameters": self.active_parameters,
            "attention": self.config.attention.kind,
            "feed-forward": " and ".join(ffn.kind for ffn in self.config.ffn),
        }

    def __repr__(self) -> str:
        facts = (f"{shown(name, value)} {name}" for name, value in self._facts().items())
        return text_facts(f"Model {self.name}", facts)

    def _repr_html_(self) -> str:
        return html_facts(self._facts(), title=f"Model {self.name}")


def model(name_or_path: str | PathLike[str]) -> Model:
    """Load a shipped model, a model YAML, a Hugging Face ``config.json``, or the folder of one.

    Parameters
    ----------
    name_or_path : str or path
        :func:`lockstep.models` lists the shipped names.

    Raises
    ------
    InputError
        On any bad input: one line with file, line, key, value and remedy.
    """
    source = fspath(name_or_path)
    return Model(source, description.load_model(source))


def models() -> Table[ModelRow]:
    """The shipped models."""
    return Table(
        model_rows(),
        lambda row: {
            "name": row.name,
            "layers": row.layers,
            "hidden": row.hidden,
            "parameters": row.parameters,
        },
        title="shipped models",
    )


def formats() -> Table[Format]:
    """The number formats, with the bits that an element takes and what it can hold."""
    return Table(
        FORMATS.values(),
        format_row,
        title="number formats",
        shown=("name", "bits_per_element", "block", "scale", "max", "min_subnormal"),
    )
