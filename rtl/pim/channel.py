"""A PIM channel: sequencer, banks with their units, global buffer, queue of results."""

from amaranth.hdl import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from lockstep.arch.pim import GROUP_BANKS, PimChannelConfig
from lockstep.arch.pim_isa import DATA_COMMANDS, Command
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.pim.array import BankArray, BankArrayConfig
from lockstep.rtl.pim.bank_mac import BankMac, chosen
from lockstep.rtl.pim.elementwise import BurstProduct
from lockstep.rtl.pim.sequencer import PimSequencer, command_layout, instruction_layout


class PimChannel(wiring.Component):
    """Runs programs on data in its banks; see :class:`PimSequencer` for the order of commands.

    Data arrive in the cycle of their command and are in place one cycle later; a result is offered
    ``cl + burst`` cycles after its RD, or ``cl_register + burst`` after its RDMAC, in order. While
    ``o`` is not taken results queue up, then reads wait.

    Members
    -------
    i : In(stream of instruction_layout)
    i_data : In(stream of word_bits)
        Bursts, and sums of all banks (bank 0 in the least significant bits), as instructions need them.
    o : Out(stream of word_bits)
        The same of results.
    command_valid : Out(1)
    command : Out(command_layout)
        The DRAM commands, for whoever checks them.
    done : Out(1)
        An EOC ends.
    """

    i: stream.Interface
    i_data: stream.Interface
    o: stream.Interface
    command_valid: Signal
    command: data.View
    done: Signal

    def __init__(self, cfg: PimChannelConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "i": In(stream.Signature(instruction_layout(cfg))),
            "i_data": In(stream.Signature(cfg.word_bits)),
            "o": Out(stream.Signature(cfg.word_bits)),
            "command_valid": Out(1),
            "command": Out(command_layout(cfg)),
            "done": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        burst = self.cfg.mac.burst_bits
        m.submodules.sequencer = sequencer = PimSequencer(self.cfg)
        wiring.connect(m, wiring.flipped(self.i), sequencer.i)
        m.d.comb += [
            sequencer.data_valid.eq(self.i_data.valid),
            sequencer.result_taken.eq(self.o.valid & self.o.ready),
            self.command_valid.eq(sequencer.command_valid),
            self.command.eq(sequencer.command),
            self.done.eq(sequencer.done),
            self.i_data.ready.eq(self._is_now(*DATA_COMMANDS)),
        ]

        # Cycle 0: a command, and its data. Cycle 1: what was read is there, what is written goes in.
        late_data = delayed(m, self.i_data.p, 1, enable=C(1), name="late_data")
        buffer_data, buffer_write = Signal(burst), Signal(burst)
        late_copy = self._is_late(m, Command.RDCP)
        late_load = self._is_late(m, Command.WRGB)
        self._buffer(m, late_load | late_copy, buffer_write, buffer_data)
        to_banks = Mux(self._is_late(m, Command.WRCP), buffer_data, late_data[:burst])
        bank_data = self._banks(m, platform, to_banks)
        sums = self._units(m, platform, bank_data, buffer_data)

        late_bank = delayed(m, self.command.bank, 1, enable=C(1), name="late_bank")
        from_bank = chosen(bank_data, late_bank)
        m.d.comb += buffer_write.eq(Mux(late_copy, from_bank, late_data[:burst]))
        late_sums = delayed(m, sums, 1, enable=C(1), name="late_sums")
        is_sums = self._is_late(m, Command.RDMAC)
        is_burst = self._is_late(m, Command.RD)
        self._results(m, is_burst | is_sums, Mux(is_sums, late_sums, from_bank))
        return m

    def _is_now(self, *commands: Command) -> Value:
        """Whether one of them is issued."""
        return self.command_valid & Cat(self.command.command == each for each in commands).any()

    def _is_late(self, m: Module, command: Command) -> Value:
        """Whether it was, in the cycle before."""
        name = f"late_{command.name}"
        return delayed(m, self._is_now(command), 1, enable=C(1), name=name, reset_less=False)

    def _banks(self, m: Module, platform: object, write_data: Value) -> list[Signal]:
        """The DRAM; what each bank read in the cycle before."""
        cfg, command, burst = self.cfg, self.command, self.cfg.mac.burst_bits
        cells = BankArrayConfig(rows=cfg.rows, columns=cfg.columns, burst_bits=burst)
        found = [Signal(burst, name=f"bank_data_{b}") for b in range(cfg.banks)]
        multiplies = self._is_now(Command.EWMUL)
        late_multiplies = self._is_late(m, Command.EWMUL)
        for b in range(cfg.banks):
            meant = command.all_banks | (command.bank == b)
            place = b % GROUP_BANKS
            bank = BankArray(cells)
            m.submodules[f"bank_{b}"] = shared(platform, bank)
            reads = self._is_now(Command.RD, Command.MAC, Command.RDCP) & meant
            writes = self._is_now(Command.WR, Command.WRCP) & meant
            m.d.comb += [
                bank.activate.eq(self._is_now(Command.ACT) & meant),
                bank.read.eq(reads | (multiplies if place < 2 else 0)),
                bank.write.eq(writes | (multiplies if place == 2 else 0)),
                bank.row.eq(command.row),
                bank.column.eq(command.column),
                bank.write_data.eq(write_data),
                found[b].eq(bank.read_data),
            ]
            if place == 2 and cfg.has_ewmul:
                product = BurstProduct(cfg.mac)
                m.submodules[f"product_{b}"] = shared(platform, product)
                m.d.comb += [product.a.eq(found[b - 2]), product.b.eq(found[b - 1])]
                with m.If(late_multiplies):
                    m.d.comb += bank.write_data.eq(product.o)
        return found

    def _units(
        self, m: Module, platform: object, bank_data: list[Signal], buffer_data: Value
    ) -> Value:
        """The multiply-accumulate units; all banks' sums in the accumulator that is named."""
        cfg, accumulator = self.cfg, self.command.accumulator
        late_accumulator = delayed(m, accumulator, 1, enable=C(1), name="late_accumulator")
        sums = []
        for b in range(cfg.banks):
            unit, starts = BankMac(cfg.mac), Signal(name=f"starts_{b}")
            m.submodules[f"mac_{b}"] = shared(platform, unit)
            meant = self.command.all_banks | (self.command.bank == b)
            m.d.sync += starts.eq(self._is_now(Command.MAC) & meant)
            m.d.comb += [
                unit.take.eq(starts),
                unit.operands.a.eq(bank_data[b]),
                unit.operands.b.eq(buffer_data),
                unit.operands.accumulator.eq(late_accumulator),
                unit.load.eq(self._is_now(Command.WRMAC)),
                unit.initial.value.eq(self.i_data.p.word_select(b, cfg.mac.acc_bits)),
                unit.initial.accumulator.eq(accumulator),
            ]
            sums.append(chosen([unit.sums[k] for k in range(cfg.mac.accumulators)], accumulator))
        return Cat(*sums)

    def _buffer(self, m: Module, write: Value, write_data: Value, read_data: Signal) -> None:
        """The global buffer: read with the command, written in the cycle after it."""
        cfg, entry = self.cfg, self.command.entry
        buffer: memory.Memory = memory.Memory(
            memory.MemoryData(shape=cfg.mac.burst_bits, depth=cfg.buffer_entries, init=[])
        )
        m.submodules.buffer = buffer
        reading, writing = buffer.read_port(), buffer.write_port()
        m.d.comb += [
            reading.addr.eq(entry),
            reading.en.eq(self.command_valid),
            read_data.eq(reading.data),
            writing.en.eq(write),
            writing.addr.eq(delayed(m, entry, 1, enable=C(1), name="late_entry")),
            writing.data.eq(write_data),
        ]

    def _results(self, m: Module, arrives: Value, result: Value) -> None:
        """Queue results as they arrive, and offer them when the data bus would have brought them."""
        read, read_sums = self._is_now(Command.RD), self._is_now(Command.RDMAC)
        t = self.cfg.timing
        m.submodules.queue = queue = SyncFIFO(
            width=self.cfg.word_bits, depth=max(2, self.cfg.result_queue)
        )
        due = delayed(m, read, t.read_latency - 1, enable=C(1), name="read", reset_less=False)
        due_sums = delayed(
            m, read_sums, t.register_latency - 1, enable=C(1), name="sums", reset_less=False
        )
        offered = Signal(range(self.cfg.result_queue + 1))
        m.d.sync += offered.eq(offered + (due | due_sums) - (self.o.valid & self.o.ready))
        m.d.comb += [
            queue.w_en.eq(arrives),
            queue.w_data.eq(result),
            self.o.valid.eq(offered.any()),
            self.o.p.eq(queue.r_data),
            queue.r_en.eq(self.o.valid & self.o.ready),
        ]
