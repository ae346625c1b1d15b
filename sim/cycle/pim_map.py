"""Where matrices lie in a PIM channel, and the programs that multiply them by vectors.

After PIM-GPT (arXiv 2310.09385): a matrix row fills DRAM rows of one bank, outputs go round the banks,
so that one MAC_ABK serves ``banks`` outputs; keys are stored by token with heads side by side, values
by dimension, so that both products of attention stream rows; room for the context is reserved. What
exceeds the global buffer is cut, and partial sums are added outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import Instruction, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class GemvLayout:
    """A matrix of (outputs, inputs) in one channel.

    Output ``o`` lies in bank ``o % banks`` and belongs to group ``o // banks``. Inputs are cut into
    chunks of at most the global buffer and a row; one group's chunk takes a slot of a row, and slots
    of short rows lie side by side.

    Raises
    ------
    ValueError
        If the matrix is empty or does not fit below ``first_row``.
    """

    cfg: PimChannelConfig
    outputs: int
    inputs: int
    first_row: int = 0

    def __post_init__(self) -> None:
        if min(self.outputs, self.inputs) < 1:
            raise ValueError(f"a matrix of {self.outputs} x {self.inputs} has no elements")
        _check_rows(self.cfg, self.first_row, self.rows)

    @property
    def groups(self) -> int:
        """Outputs of every bank."""
        return -(-self.outputs // self.cfg.banks)

    @property
    def slot_bursts(self) -> int:
        """Columns of a slot."""
        return min(self._bursts, self.cfg.columns, self.cfg.buffer_entries)

    @property
    def chunks(self) -> int:
        """Cuts of a matrix row; each makes a partial sum of every output."""
        return -(-self._bursts // self.slot_bursts)

    @property
    def rows(self) -> int:
        """DRAM rows taken."""
        return -(-self.groups * self.chunks // self._slots_per_row)

    def chunk_bursts(self, chunk: int) -> int:
        """Bursts of a chunk; the last may be shorter."""
        return min(self.slot_bursts, self._bursts - chunk * self.slot_bursts)

    def place(self, group: int, chunk: int) -> tuple[int, int]:
        """Row and first column of a slot; groups of one chunk follow each other."""
        row, slot = divmod(chunk * self.groups + group, self._slots_per_row)
        return self.first_row + row, slot * self.slot_bursts

    @property
    def _bursts(self) -> int:
        return -(-self.inputs // self.cfg.mac.lanes)

    @property
    def _slots_per_row(self) -> int:
        return self.cfg.columns // self.slot_bursts


def gemv_program(
    cfg: PimChannelConfig, outputs: int, inputs: int, *, first_row: int = 0
) -> list[Instruction]:
    """Matrix times vector on one channel.

    Per chunk of inputs the vector goes to the global buffer; then for each group of ``banks`` outputs
    sums are cleared (WR_BIAS), accumulated (MAC_ABK) and read (RD_MAC). So the data stream takes the
    chunk's bursts and a word of zeros per group, and results come as ``chunks x groups`` words of
    ``banks`` partial sums.

    Parameters
    ----------
    cfg : PimChannelConfig
        The channel.
    outputs, inputs : int
        Matrix rows on this channel, and their length.
    first_row : int
        Where the matrix begins, see :class:`GemvLayout`.

    Raises
    ------
    ValueError
        If the matrix does not fit.
    """
    layout = GemvLayout(cfg=cfg, outputs=outputs, inputs=inputs, first_row=first_row)
    program = []
    for chunk in range(layout.chunks):
        count = layout.chunk_bursts(chunk)
        program.append(Instruction(Op.WR_GB, count=count))
        for group in range(layout.groups):
            program += _product(*layout.place(group, chunk), 0, count)
    return [*program, Instruction(Op.EOC)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KvLayout:
    """Keys and values of one layer's heads in one channel, with room for ``capacity`` tokens.

    Token ``t``'s keys lie in bank ``t % banks``, all heads side by side, then the next token of the
    bank. Dimension ``d`` of a head's values lies in bank ``d % banks``, a row of tokens per dimension.

    Raises
    ------
    ValueError
        If a head exceeds a row or the global buffer, or all do not fit below ``first_row``.
    """

    cfg: PimChannelConfig
    capacity: int
    kv_heads: int
    head_dim: int
    first_row: int = 0

    def __post_init__(self) -> None:
        if min(self.capacity, self.kv_heads, self.head_dim) < 1:
            raise ValueError("capacity, kv_heads and head_dim must be 1 or more")
        if self.head_bursts > min(self.cfg.columns, self.cfg.buffer_entries):
            raise ValueError(f"a head of {self.head_dim} exceeds a row or the global buffer")
        _check_rows(self.cfg, self.first_row, self.rows)

    @property
    def head_bursts(self) -> int:
        """Bursts of one token's key of one head."""
        return -(-self.head_dim // self.cfg.mac.lanes)

    @property
    def value_bursts(self) -> int:
        """Bursts of tokens in a row of values."""
        return min(self.cfg.columns, self.cfg.buffer_entries)

    @property
    def value_groups(self) -> int:
        """Rows of values of a head and a chunk of tokens: dimensions per bank."""
        return -(-self.head_dim // self.cfg.banks)

    @property
    def rows(self) -> int:
        """DRAM rows taken."""
        chunks = -(-self.capacity // (self.value_bursts * self.cfg.mac.lanes))
        return self._key_rows + chunks * self.kv_heads * self.value_groups

    def key(self, token_group: int, head: int) -> tuple[int, int]:
        """Row and column of the keys of tokens ``token_group * banks`` and on, one per bank."""
        slots = self.cfg.columns // self.head_bursts
        row, slot = divmod(token_group * self.kv_heads + head, slots)
        return self.first_row + row, slot * self.head_bursts

    def value(self, chunk: int, head: int, group: int) -> int:
        """Row of the values of dimensions ``group * banks`` and on, one per bank."""
        row = (chunk * self.kv_heads + head) * self.value_groups + group
        return self.first_row + self._key_rows + row

    @property
    def _key_rows(self) -> int:
        slots = self.cfg.columns // self.head_bursts
        return -(-(-(-self.capacity // self.cfg.banks) * self.kv_heads) // slots)


def scores_program(layout: KvLayout, context: int, *, queries_per_kv: int = 1) -> list[Instruction]:
    """Queries times keys, for one new token: as many queries as fit enter the global buffer at a time.

    Results are words of ``banks`` tokens: per batch of queries, per group of tokens, per query.

    Parameters
    ----------
    layout : KvLayout
        Where keys lie.
    context : int
        Tokens whose keys are there.
    queries_per_kv : int
        Query heads that share a key head.

    Raises
    ------
    ValueError
        If the context exceeds the layout's capacity.
    """
    _check_context(layout, context)
    bursts = layout.head_bursts
    queries = list(range(layout.kv_heads * queries_per_kv))
    at_once = layout.cfg.buffer_entries // bursts
    program = []
    for first in range(0, len(queries), at_once):
        batch = queries[first : first + at_once]
        program.append(Instruction(Op.WR_GB, count=len(batch) * bursts))
        for group in range(-(-context // layout.cfg.banks)):
            for index, query in enumerate(batch):
                place = layout.key(group, query // queries_per_kv)
                program += _product(*place, index * bursts, bursts)
    return [*program, Instruction(Op.EOC)]


def values_program(layout: KvLayout, context: int, *, queries_per_kv: int = 1) -> list[Instruction]:
    """Probabilities times values, for one new token.

    Results are words of ``banks`` dimensions: per query head, per chunk of tokens, per group. Sums of
    chunks are added outside. Parameters and errors as of :func:`scores_program`.
    """
    _check_context(layout, context)
    bursts = -(-context // layout.cfg.mac.lanes)
    program = []
    for query in range(layout.kv_heads * queries_per_kv):
        for chunk, first in enumerate(range(0, bursts, layout.value_bursts)):
            count = min(layout.value_bursts, bursts - first)
            program.append(Instruction(Op.WR_GB, count=count))
            for group in range(layout.value_groups):
                row = layout.value(chunk, query // queries_per_kv, group)
                program += _product(row, 0, 0, count)
    return [*program, Instruction(Op.EOC)]


def append_program(layout: KvLayout, token: int) -> list[Instruction]:
    """Write a new token's keys and values.

    A key is one run of bursts. A value's elements lie in ``head_dim`` rows: each costs a burst, which
    the host fills up with the tokens before, and mostly an opening of its row.

    Raises
    ------
    ValueError
        If the token is beyond the layout's capacity.
    """
    _check_context(layout, token + 1)
    cfg = layout.cfg
    group, bank = divmod(token, cfg.banks)
    program = []
    for head in range(layout.kv_heads):
        row, column = layout.key(group, head)
        program.append(
            Instruction(Op.WR_SBK, bank=bank, row=row, column=column, count=layout.head_bursts)
        )
    chunk, column = divmod(token // cfg.mac.lanes, layout.value_bursts)
    for head in range(layout.kv_heads):
        for dim in range(layout.head_dim):
            row = layout.value(chunk, head, dim // cfg.banks)
            program.append(Instruction(Op.WR_SBK, bank=dim % cfg.banks, row=row, column=column))
    return [*program, Instruction(Op.EOC)]


def _product(row: int, column: int, entry: int, count: int) -> Iterator[Instruction]:
    """One sum in every bank, from zero."""
    yield Instruction(Op.WR_BIAS)
    yield Instruction(Op.MAC_ABK, row=row, column=column, entry=entry, count=count)
    yield Instruction(Op.RD_MAC)


def _check_rows(cfg: PimChannelConfig, first: int, count: int) -> None:
    if first < 0 or first + count > cfg.rows:
        raise ValueError(
            f"{cfg.name} has {cfg.rows} rows per bank; {count} from row {first} on do not fit: "
            "use more channels"
        )


def _check_context(layout: KvLayout, context: int) -> None:
    if not 1 <= context <= layout.capacity:
        raise ValueError(f"context must be 1 to {layout.capacity}, the capacity, not {context}")
