"""A tensor engine of any size, block by block.

A small engine is mapped whole, each module once. A large one is composed: engines of the same kind of six
small sizes are mapped, and what each block adds up to is continued to the size that was asked for. PEs
grow with rows x cols and registers that skew operands with their squares, so a few terms are
exact for most blocks. Either way a small engine is mapped flat as well, and the difference is reported.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.engine import TensorBase
from lockstep.arch.tensor import tensor_config
from lockstep.rtl.synth.cells import Library
from lockstep.rtl.synth.synthesis import Block, Figures, Synthesis
from lockstep.rtl.synth.yosys import RECIPES, Recipe, synthesize_unit

UNIT = "tensor"

WHOLE_PES = 64
"""Engines of more PEs are composed."""

Progress = Callable[[str], None]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """All copies of a block of an engine, without the blocks inside it.

    Parameters
    ----------
    block : str
    instances : int
    total : Figures
        Of all copies together.
    delay_ns : float
        Longest path inside; in a composed engine, at the sizes that were mapped.
    """

    block: str
    instances: int
    total: Figures
    delay_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatCheck:
    """NAND2 equivalents of a small engine: the sum of its blocks, and mapped flat.

    Flat is usually less, by the registers at the edges that nothing reads; the larger the engine, the
    smaller their share.
    """

    rows: int
    cols: int
    composed: float
    flat: float

    @property
    def difference(self) -> float:
        """The sum over the flat result, minus 1."""
        return self.composed / self.flat - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """An engine's gates.

    Parameters
    ----------
    blocks : tuple of BlockRow
    is_composed : bool
        Continued from smaller engines, not mapped as a whole.
    check : FlatCheck
    smallest : Synthesis
        The engine that was mapped with every script: the whole one, or the smallest.
    """

    blocks: tuple[BlockRow, ...]
    is_composed: bool
    check: FlatCheck
    smallest: Synthesis

    @property
    def total(self) -> Figures:
        """The whole engine."""
        return sum((row.total for row in self.blocks), start=Figures())

    @property
    def delay_ns(self) -> float:
        """Longest path inside any one block: the shortest clock period."""
        return max(row.delay_ns for row in self.blocks)


def synthesize_engine(
    cfg: TensorBase,
    *,
    library: Library,
    target_delay_ns: float | None = None,
    progress: Progress | None = None,
) -> EngineReport:
    """Map a tensor engine to gates.

    Raises
    ------
    SynthesisError
        If Yosys refuses it, or the library lacks a cell that it needs.
    lockstep.arch.error.InputError
        If there is no Yosys.
    ValueError
        If the engine, or a format it uses, has no RTL.
    """

    def mapped(size: Size, recipes: Sequence[Recipe], *, flat: bool = False) -> Synthesis:
        if progress is not None:
            progress(f"{size[0]}x{size[1]} engine{', flat' if flat else ''}")
        return synthesize_unit(
            resized(cfg, size),
            name=UNIT,
            library=library,
            target_delay_ns=target_delay_ns,
            keep_hierarchy=not flat,
            recipes=recipes,
        )

    # A cell of a cube or of a group of lanes is large: then smaller grids tell as much.
    step = 4 if cfg.pes <= 2 * cfg.rows * cfg.cols else 2
    whole = cfg.pes <= WHOLE_PES
    first_size = (cfg.rows, cfg.cols) if whole else (step, step)
    first = mapped(first_size, RECIPES)
    # Whatever won there is likely to win at other sizes, too.
    winners = {block.recipe for block in first.blocks if block.own.area_um2}
    recipes = [each for each in RECIPES if any(name.startswith(each.name) for name in winners)]
    check_size = (min(first_size[0], step), min(first_size[1], step))
    check = FlatCheck(
        rows=check_size[0],
        cols=check_size[1],
        composed=mapped(check_size, recipes).nand2_equivalents,
        flat=mapped(check_size, recipes, flat=True).nand2_equivalents,
    )
    if whole:
        rows = by_block(first)
    else:
        sizes = [(step * r, step * c) for r, c in _SIZES]
        rows = continued(sizes, [by_block(mapped(s, recipes)) for s in sizes], (cfg.rows, cfg.cols))
    return EngineReport(
        blocks=tuple(rows.values()), is_composed=not whole, check=check, smallest=first
    )


def resized(cfg: TensorBase, size: Size) -> TensorBase:
    """The same engine with other rows and columns."""
    return tensor_config({**cfg.model_dump(), "rows": size[0], "cols": size[1]})


def by_block(result: Synthesis) -> dict[str, BlockRow]:
    """Blocks by name; modules that differ in a trailing number only are copies of one."""
    rows: dict[str, BlockRow] = {}
    for block in result.blocks:
        name = block_name(result, block)
        own = block.own * block.instances
        known = rows.get(name)
        rows[name] = BlockRow(
            block=name,
            instances=block.instances + (known.instances if known else 0),
            total=own + known.total if known else own,
            delay_ns=max(block.timing.delay_ns, known.delay_ns if known else 0.0),
        )
    return rows


def block_name(result: Synthesis, block: Block) -> str:
    """A module's name without the design's and without numbers; ``engine`` for the top."""
    name = re.sub(r"(_\d+)+(?=\.|$)", "", block.name.removeprefix(result.top)).strip("._")
    return name or "engine"


_SIZES: tuple[Size, ...] = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3))
_CLOSE = 0.02
_TERMS: tuple[Callable[[float, float], tuple[float, ...]], ...] = (
    lambda r, c: (r * c,),
    lambda r, c: (1, r, c),
    lambda r, c: (1, r, c, r * c),
    lambda r, c: (1, r, c, r * c, r * r, c * c),  # as many as there are sizes: exact for those
)


def continued(
    sizes: Sequence[Size], mapped: Sequence[dict[str, BlockRow]], to: Size
) -> dict[str, BlockRow]:
    """Block rows at another size, by the fewest terms in rows and columns that fit within 2 %."""
    names = dict.fromkeys(chain.from_iterable(mapped))
    rows: dict[str, BlockRow] = {}
    for name in names:
        found = [each.get(name) for each in mapped]
        table = np.array(
            [(row.instances, *astuple(row.total)) if row else (0,) * 6 for row in found], float
        )
        instances, nand2, transistors, area, flip_flops, memory_bits = (
            _continue(sizes, column, to) for column in table.T
        )
        rows[name] = BlockRow(
            block=name,
            instances=max(1, round(instances)),
            total=Figures(nand2, round(transistors), area, round(flip_flops), round(memory_bits)),
            delay_ns=max(row.delay_ns for row in found if row),
        )
    return rows


def _continue(sizes: Sequence[Size], values: NDArray[np.float64], to: Size) -> float:
    for terms in _TERMS:
        matrix = np.array([terms(*size) for size in sizes], float)
        weights = np.linalg.lstsq(matrix, values, rcond=None)[0]
        if np.abs(matrix @ weights - values).max() <= _CLOSE * values.max():
            break
    return max(0.0, float(np.array(terms(*to)) @ weights))
