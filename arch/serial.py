"""Serial tensor engines: their cycles depend on how many digits of the operands are not zero."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from lockstep.arch.encode import digit_count
from lockstep.arch.engine import MacConfig, Reduction, TensorBase, integer_range
from lockstep.arch.formats import format_named

Sigma = Annotated[float, Field(gt=0, le=1e6)]


class SerialBase(TensorBase):
    """What serial engines share: sums stay in the PEs, a transfer brings several elements of K.

    A transfer of A has ``rows * lanes_per_step`` lanes, one of B ``cols * lanes_per_step``: lane
    ``d * rows + i`` is row i's element ``d`` of the step, lane ``d * cols + j`` column j's.

    Parameters
    ----------
    a_sigma : float or None
        What A is expected to look like where no data is at hand: normal with this deviation in units
        of the last place, redrawn if out of range, rounded to nearest; None is uniform. Only expected
        cycles depend on it, never the hardware.
    """

    a_sigma: Sigma | None = 30.0

    @model_validator(mode="after")
    def _recodes_integers(self) -> "SerialBase":
        for name in (self.mac.a, self.mac.b):
            integer_range(name)
            if format_named(name).element_bits > 16:
                raise ValueError(f"{name} is too wide to be recoded; 16 bits at most")
        return self

    @property
    def lanes_per_step(self) -> int:
        """Elements of K per transfer."""
        raise NotImplementedError

    @property
    def pes(self) -> int:
        """Processing elements, each at most about one MAC per cycle: one for each lane of digits."""
        return self.rows * self.cols * self.digit_lanes

    @property
    def digit_lanes(self) -> int:
        """Elements of K that each sum takes digits from in the same cycle."""
        raise NotImplementedError

    @property
    def drain_cycles(self) -> int:
        """Cycles from the last digit's issue to its sum in the accumulator's input."""
        raise NotImplementedError

    @property
    def a_digits(self) -> int:
        """Radix-4 digits of one element of A."""
        return digit_count(self.mac.a_bits, signed=self.mac.a_range[0] < 0)

    @property
    def emptying_cycles(self) -> int:
        """Cycles to bring a fold's rows of C out: one to add up the last digits, then one per row."""
        return 1 + self.rows

    @property
    def output_latency_cycles(self) -> int:
        """Cycles from the last occupied one to the last row of C: none, a job includes its rows."""
        return 0


class BitSliceConfig(SerialBase):
    """TPE's bit-slice engine: one nonzero digit of A per cycle selects a multiple of B.

    Each row of PEs keeps ``k_max`` elements of A, recoded, and works through them bit-weight by
    bit-weight, group by group, digit by digit. Rows run on their own; the engine waits for the slowest.
    Source: TPE (HPCA'25, arXiv 2503.06342) and the authors' published RTL of OPT3 and OPT4C. OPT4E has
    no published RTL: its four digit lanes take groups in turn, and wait for each other at each
    bit-weight because they share one sum.

    Parameters
    ----------
    kind : "bit_slice"
    mac : MacConfig
        ``reduction`` is one of ``opt3`` (a sparse encoder in each PE), ``opt4c`` (default; one for a
        row of PEs) and ``opt4e`` (four for a row, four digits per cycle). ``encoder`` is ``en_t``
        unless given.
    group : int
        Operands whose digits of one bit-weight a sparse encoder looks at; also what one transfer has.
    skip_empty_groups : bool
        Whether a group with no nonzero digit takes no cycle, as the paper counts, for which each row
        keeps a map of the groups that have one. In the authors' RTL, and by default, it takes one cycle.
    k_max : int
        Elements of K that the operand buffers hold, twice: one half fills while the other is used.
        Longer K runs in several passes. A multiple of ``group``, for ``opt4e`` of ``4 * group``.
    """

    kind: Literal["bit_slice"]
    mac: MacConfig = MacConfig(reduction="opt4c", encoder="en_t")
    group: Annotated[int, Field(ge=1, le=16)] = 4
    skip_empty_groups: bool = False
    k_max: Annotated[int, Field(ge=4, le=4096)] = 256

    reductions: ClassVar[tuple[Reduction, ...]] = ("opt3", "opt4c", "opt4e")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_mac(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(mac := given.get("mac"), dict):
            return {**given, "mac": {"reduction": "opt4c", "encoder": "en_t", **mac}}
        return given

    @model_validator(mode="after")
    def _has_whole_chunks(self) -> "BitSliceConfig":
        if self.k_max % self.chunk:
            raise ValueError(f"k_max must be a multiple of {self.chunk}, not {self.k_max}")
        return self

    @property
    def lanes_per_step(self) -> int:
        """Elements of K per transfer: one group."""
        return self.group

    @property
    def drain_cycles(self) -> int:
        """Cycles after a pass's last digit was chosen: select it, fetch B, compress, fuse.

        The authors' testbench waits as long after each row.
        """
        return 4

    @property
    def digit_lanes(self) -> int:
        """Digits that each sum takes per cycle, from as many groups."""
        return 4 if self.mac.reduction == "opt4e" else 1

    @property
    def chunk(self) -> int:
        """Operands of one group for each digit lane."""
        return self.group * self.digit_lanes

    @property
    def sum_bits(self) -> int:
        """Width that holds the sum of ``k_max`` digits of one bit-weight times B, in bits."""
        low, high = self.mac.b_range
        return (2 * self.k_max * max(-low, high)).bit_length() + 1

    @property
    def smallest_tile(self) -> tuple[int, int, int]:
        """(m, n, k) of the smallest tile worth a job: one fold, one pass."""
        return self.rows, self.cols, self.k_max


class LaconicConfig(SerialBase):
    """A bit-serial baseline after Laconic: pairs of nonzero digits, one pair per cycle and lane.

    Each PE adds ``pairs`` products of digits per cycle; all PEs take the same group of ``pairs`` elements
    of K, and the next one when the slowest lane of the slowest PE is done. What is Laconic's (ISCA'19,
    from memory) and what is ours: docs/serial.md.

    Parameters
    ----------
    kind : "laconic"
    mac : MacConfig
        ``reduction`` is ``mac``: the way of adding is the engine's own. A and B are recoded by
        modified Booth.
    pairs : int
        Multiplications that a PE works on at the same time.
    b_sigma : float or None
        For B what ``a_sigma`` is for A.
    """

    kind: Literal["laconic"]
    pairs: Annotated[int, Field(ge=1, le=32)] = 16
    b_sigma: Sigma | None = 30.0

    reductions: ClassVar[tuple[Reduction, ...]] = ("mac",)

    @property
    def lanes_per_step(self) -> int:
        """Elements of K per transfer."""
        return self.pairs

    @property
    def digit_lanes(self) -> int:
        """Elements of K that each PE works on."""
        return self.pairs

    @property
    def drain_cycles(self) -> int:
        """Cycles after a fold's last pair of digits was chosen: count exponents, align and add."""
        return 2

    @property
    def b_digits(self) -> int:
        """Radix-4 digits of one element of B."""
        return digit_count(self.mac.b_bits, signed=self.mac.b_range[0] < 0)

    @property
    def smallest_tile(self) -> tuple[int, int, int]:
        """(m, n, k) of the smallest tile worth a job: one fold, 16 groups."""
        return self.rows, self.cols, 16 * self.pairs
