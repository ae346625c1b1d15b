"""The multi-precision SIMD unit: words of 1x16, 2x8 or 4x4 bits on one split multiplier."""

from functools import reduce
from operator import or_

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.formats import PositFormat
from lockstep.arch.simd import MODES, SLOTS, WORD_BITS, SimdConfig, SimdMode, modes_of_slot
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.mac.multiplier import unpacked
from lockstep.rtl.mac.posit.lane import decoded, registered, structure
from lockstep.rtl.mac.posit.quire import PositQuire
from lockstep.rtl.mac.split import SplitMultiplier, isolated
from lockstep.rtl.mac.unit import advances

SPLITS = (SLOTS - 1).bit_length()
SCALE = Shape.cast(
    range(min(mode.min_scale for mode in MODES), 1 - min(mode.min_scale for mode in MODES))
)


def slot_layout() -> data.StructLayout:
    """A number without its significand; ``one`` is the whole significand where it has one bit."""
    return data.StructLayout({"nar": 1, "negative": 1, "scale": SCALE, "one": 1})


def operand_layout() -> data.StructLayout:
    """Significands as the multiplier takes them, and the rest of each number."""
    return data.StructLayout({
        "significands": WORD_BITS,
        "slots": data.ArrayLayout(slot_layout(), SLOTS),
    })


class SimdDecoder(wiring.Component):
    """Takes a word's numbers apart; combinational.

    Every format has its decoders. Those of the formats that are not selected see zeros, and what
    they make of them is dropped.

    Members
    -------
    word : In(WORD_BITS)
    selected : In(len(MODES))
        One bit per mode.
    o : Out(operand_layout)
    """

    o: data.View

    def __init__(self) -> None:
        super().__init__({
            "word": In(WORD_BITS),
            "selected": In(len(MODES)),
            "o": Out(operand_layout()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        significands: list[Value] = []
        slots: list[list[Value]] = [[] for _ in range(SLOTS)]
        for mode, selected in zip(MODES, self.selected, strict=True):
            bits = mode.format.element_bits
            for lane in range(mode.lanes):
                name = f"{mode.format.name}_{lane}"
                code = Signal(bits, name=name)
                m.d.comb += code.eq(isolated(self.word[lane * bits :][:bits], selected))
                number = structure(slot_layout(), name=f"number_{name}")
                significand = _take_apart(m, mode, code, number)
                if mode.fraction_bits == 0:
                    m.d.comb += number.one.eq(significand)
                else:
                    significands.append(isolated(significand, selected) << lane * bits)
                slots[mode.slot(lane)].append(isolated(number.as_value(), selected))
        m.d.comb += self.o.significands.eq(reduce(or_, significands))
        m.d.comb += [self.o.slots[k].as_value().eq(reduce(or_, slots[k])) for k in range(SLOTS)]
        return m


def _take_apart(m: Module, mode: SimdMode, code: Signal, number: data.View) -> Value:
    """Drive ``number`` by a code; its significand."""
    if isinstance(mode.format, PositFormat):
        fields = decoded(m, mode.format, code, name=code.name)
        significand: Value = fields.significand
        m.d.comb += [
            number.nar.eq(fields.nar),
            number.negative.eq(fields.negative),
            number.scale.eq(fields.scale),
        ]
        return significand
    parts = unpacked(mode.format, code)
    m.d.comb += [
        number.nar.eq(parts.inf | parts.nan),
        number.negative.eq(parts.sign),
        number.scale.eq(parts.shift + mode.min_scale),
    ]
    return parts.significand


class SimdDot(wiring.Component):
    """One dot product of words, each in a mode of its own; summed exactly, rounded once.

    Operands of what a mode does not use are isolated: the decoders of the other formats, the cross
    products of a split multiplier, and the whole multiplier where a product of significands is but
    an AND. Without a valid word the multiplier's operands hold.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    take : In(1)
        There is a word.
    mode, first, last, a, b : In
        ``first`` starts a sum, ``last`` ends it.
    valid : Out(1)
        A sum has ended,
    code : Out(n)
        rounded, ``SimdConfig.latency_cycles`` enabled edges after its last word.
    """

    def __init__(self, cfg: SimdConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "advance": In(1),
            "take": In(1),
            "mode": In(range(len(MODES))),
            "first": In(1),
            "last": In(1),
            "a": In(WORD_BITS),
            "b": In(WORD_BITS),
            "valid": Out(1),
            "code": Out(cfg.result.n),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = self.advance
        valid = Signal(3)
        with m.If(advance):
            m.d.sync += valid.eq(Cat(self.take, valid))

        # Cycle 0: decode.
        load = Signal()
        selected = Signal(len(MODES))
        m.d.comb += [load.eq(advance & self.take), selected.eq(1 << self.mode)]
        operands = []
        for name, word in (("a", self.a), ("b", self.b)):
            m.submodules[f"decode_{name}"] = decoder = SimdDecoder()
            m.d.comb += [decoder.word.eq(word), decoder.selected.eq(selected)]
            operands.append(registered(m, decoder.o, load, name=name))
        active = delayed(m, selected, 1, enable=load, name="active")

        # Cycle 1: multiply.
        m.submodules.multiplier = multiplier = SplitMultiplier(WORD_BITS, SPLITS)
        m.d.comb += [
            multiplier.a.eq(operands[0].significands),
            multiplier.b.eq(operands[1].significands),
        ]
        m.d.comb += [
            multiplier.split[level].eq(
                Cat(
                    s for s, mode in zip(active, MODES, strict=True) if mode.lanes > 1 << level
                ).any()
            )
            for level in range(SPLITS)
        ]
        products = [
            registered(
                m,
                _product(m, slot, operands, multiplier.product, active),
                advance,
                name=f"product_{slot}",
            )
            for slot in range(SLOTS)
        ]

        # Cycle 2: align and sum.
        total = Signal(signed(self.cfg.result.quire_bits))
        m.d.comb += total.eq(
            sum(_in_quire(self.cfg.result, slot, product) for slot, product in enumerate(products))
        )
        m.submodules.quire = quire = PositQuire(self.cfg.result)
        nar = Cat(product.nar for product in products).any()
        m.d.comb += [
            quire.advance.eq(advance),
            quire.i.valid.eq(valid[-1]),
            quire.i.first.eq(delayed(m, self.first, 3, enable=advance, name="first")),
            quire.i.last.eq(delayed(m, self.last, 3, enable=advance, name="last")),
            quire.i.nar.eq(delayed(m, nar, 1, enable=advance, name="sum_nar")),
            quire.i.sum.eq(delayed(m, total, 1, enable=advance, name="sum")),
            self.valid.eq(quire.valid),
            self.code.eq(quire.code),
        ]
        return m


def _slot_fraction_bits(slot: int) -> int:
    return 2 * max(mode.fraction_bits for mode in modes_of_slot(slot))


def _slot_min_scale(slot: int) -> int:
    return 2 * min(mode.min_scale for mode in modes_of_slot(slot))


def _product(
    m: Module, slot: int, operands: list[data.View], word: Value, active: Value
) -> data.View:
    """A slot's exact product; ``shift`` counts from the least scale, of any mode, of the slot."""
    a, b = (operand.slots[slot] for operand in operands)
    fraction_bits = _slot_fraction_bits(slot)
    layout = data.StructLayout({
        "nar": 1,
        "negative": 1,
        "significand": fraction_bits + 2,
        "shift": range(1 - 2 * _slot_min_scale(slot)),
    })
    product = structure(layout, name=f"exact_{slot}")
    start = slot * 2 * WORD_BITS // SLOTS
    # Every mode's significand moves to where the binary point of the widest one is.
    significands = [
        isolated(word[start:][: 2 * mode.fraction_bits + 2], active[MODES.index(mode)])
        << fraction_bits - 2 * mode.fraction_bits
        for mode in modes_of_slot(slot)
        if mode.fraction_bits
    ]
    m.d.comb += [
        product.nar.eq(a.nar | b.nar),
        product.negative.eq(a.negative ^ b.negative),
        product.significand.eq(reduce(or_, significands) | (a.one & b.one) << fraction_bits),
        product.shift.eq(a.scale + b.scale - _slot_min_scale(slot)),
    ]
    return product


def _in_quire(quire: PositFormat, slot: int, product: data.View) -> Value:
    """A slot's product in units of the quire; what leaves at the right is zeros."""
    least = quire.quire_fraction_bits + _slot_min_scale(slot)
    magnitude = (product.significand << product.shift << least) >> _slot_fraction_bits(slot)
    return Mux(product.negative, -magnitude, magnitude)


class SimdUnit(wiring.Component):
    """Dot products of words in four formats; see :class:`SimdDot`.

    Latency is ``cfg.latency_cycles`` from a sum's last word, throughput one word per dot product and
    cycle, with no gap between sums or modes. Back-pressure on ``o`` stalls the whole unit in the same
    cycle. Sums keep their order.

    Members
    -------
    i : In(stream of {mode, first: 1, last: 1, a: dots x WORD_BITS, b: dots x WORD_BITS})
        ``mode`` is an index of ``MODES``; it may change from word to word of a sum. Lane 0 of a word
        is in its least significant bits.
    o : Out(stream of dots x n bits)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: SimdConfig) -> None:
        self.cfg = cfg
        words = data.ArrayLayout(WORD_BITS, cfg.dots)
        beat = data.StructLayout({
            "mode": range(len(MODES)),
            "first": 1,
            "last": 1,
            "a": words,
            "b": words,
        })
        super().__init__({
            "i": In(stream.Signature(beat)),
            "o": Out(stream.Signature(data.ArrayLayout(cfg.result.n, cfg.dots))),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = Signal()
        m.d.comb += [advance.eq(advances(self.o)), self.i.ready.eq(advance)]
        for k in range(self.cfg.dots):
            dot = SimdDot(self.cfg)
            m.submodules[f"dot_{k}"] = shared(platform, dot)
            m.d.comb += [
                dot.advance.eq(advance),
                dot.take.eq(self.i.valid),
                dot.mode.eq(self.i.p.mode),
                dot.first.eq(self.i.p.first),
                dot.last.eq(self.i.p.last),
                dot.a.eq(self.i.p.a[k]),
                dot.b.eq(self.i.p.b[k]),
                self.o.p[k].eq(dot.code),
            ]
            if k == 0:  # all dots end together
                m.d.comb += self.o.valid.eq(dot.valid)
        return m
