"""From instructions to DRAM commands that keep every gap."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import (
    DATA_COMMANDS,
    RESULT_COMMANDS,
    ROW_COMMANDS,
    Command,
    gaps,
)
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.pim.bank_mac import accumulator_index
from lockstep.rtl.pim.timer import GapTimer, GapTimerConfig

COMMAND_BITS = (len(Command) - 1).bit_length()


def command_layout(cfg: PimChannelConfig) -> data.StructLayout:
    """A command: what, to all banks or to one, and where."""
    return data.StructLayout({
        "command": COMMAND_BITS,
        "all_banks": 1,
        "bank": range(max(2, cfg.banks)),
        "row": range(max(2, cfg.rows)),
        "column": range(max(2, cfg.columns)),
        "entry": range(max(2, cfg.buffer_entries)),
        "accumulator": accumulator_index(cfg.mac),
    })


def instruction_layout(cfg: PimChannelConfig) -> data.StructLayout:
    """An instruction: its first column command, and how many there are."""
    counts = range(max(cfg.columns, cfg.buffer_entries) + 1)
    return data.StructLayout({"first": command_layout(cfg), "count": counts})


class PimSequencer(wiring.Component):
    """Runs instructions in order; at most one command per cycle, each as soon as it is legal.

    A row stays open until another one, or a refresh, needs its bank. MAC_ABK opens its row in all
    banks at once, and closes all before unless they have it open. A refresh that is due comes before any
    other command: it closes all rows, and the instruction in hand opens its own again. An instruction is
    accepted in the cycle that issues the last command of the one before, and its first command comes
    in the next cycle at the earliest. A command that needs data, or room for a result, waits for it;
    refreshes do not.

    Members
    -------
    i : In(stream of instruction_layout)
    data_valid : In(1)
        A word of data is there; the command that needs it takes it.
    result_taken : In(1)
        A result left its queue.
    command_valid : Out(1)
        A DRAM command is issued in this cycle.
    command : Out(command_layout)
        What it does not need is whatever the instruction said.
    done : Out(1)
        An EOC ends in this cycle: all results left, all writes and sums complete.
    """

    i: stream.Interface
    data_valid: Signal
    result_taken: Signal
    command_valid: Signal
    command: data.View
    done: Signal

    def __init__(self, cfg: PimChannelConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "i": In(stream.Signature(instruction_layout(cfg))),
            "data_valid": In(1),
            "result_taken": In(1),
            "command_valid": Out(1),
            "command": Out(command_layout(cfg)),
            "done": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        banks = self.cfg.banks
        busy, refresh = Signal(), Signal()
        now = data.View(instruction_layout(self.cfg), Signal(instruction_layout(self.cfg).size))
        is_open = Signal(banks)
        rows = [Signal(range(max(2, self.cfg.rows)), name=f"row_{b}") for b in range(banks)]

        # Which command comes next, and to which banks.
        want, select, mine, hit = Signal(COMMAND_BITS), Signal(banks), Signal(banks), Signal()
        mine_only = Mux(now.first.all_banks, ~0, 1 << now.first.bank)
        has_row = Cat(is_open[b] & (rows[b] == now.first.row) for b in range(banks))
        m.d.comb += [
            mine.eq(mine_only),
            hit.eq((has_row | ~mine).all() | ~_is_in(now.first.command, ROW_COMMANDS)),
            select.eq(Mux(refresh, ~0, mine)),
        ]
        with m.If(refresh):
            m.d.comb += want.eq(Mux(is_open.any(), Command.PRE, Command.REF))
        with m.Elif(hit):
            m.d.comb += want.eq(now.first.command)
        with m.Else():
            m.d.comb += want.eq(Mux((is_open & mine).any(), Command.PRE, Command.ACT))

        # It is issued as soon as gaps, data and room allow it.
        issue = Signal()
        is_column = ~refresh & hit
        allowed = self._gaps_kept(m, platform, issue, want, select)
        m.d.comb += issue.eq(
            (refresh | busy) & allowed & (~is_column | self._resources(m, issue, want))
        )
        is_eoc = want == Command.EOC
        m.d.comb += [
            self.command_valid.eq(issue & ~is_eoc),
            self.done.eq(issue & is_eoc),
            self.command.eq(now.first),
            self.command.command.eq(want),
            self.command.all_banks.eq(refresh | now.first.all_banks),
        ]
        for b in range(banks):
            with m.If(issue & select[b]):
                with m.If(want == Command.ACT):
                    m.d.sync += [is_open[b].eq(1), rows[b].eq(now.first.row)]
                with m.Elif(want == Command.PRE):
                    m.d.sync += is_open[b].eq(0)

        last = issue & is_column & (now.count == 1)
        m.d.comb += self.i.ready.eq(~busy | last)
        with m.If(self.i.ready):
            m.d.sync += [busy.eq(self.i.valid), now.eq(self.i.p)]
        with m.Elif(issue & is_column):
            m.d.sync += [
                now.count.eq(now.count - 1),
                now.first.column.eq(now.first.column + 1),
                now.first.entry.eq(now.first.entry + 1),
            ]
        if self.cfg.refresh:
            self._refresh_clock(m, refresh, issue & (want == Command.REF))
        return m

    def _gaps_kept(
        self, m: Module, platform: object, issue: Signal, want: Signal, select: Signal
    ) -> Value:
        """Whether all timers allow ``want``; they hear of what is issued."""
        found = gaps(self.cfg)
        m.submodules.timer = timer = GapTimer(GapTimerConfig(gaps=found.channel))
        one_hot = Signal(len(Command))
        m.d.comb += [one_hot.eq(issue << want), timer.issued.eq(one_hot)]
        ready = [timer.ready.bit_select(want, 1)]
        for b in range(self.cfg.banks):
            of_bank = GapTimer(GapTimerConfig(gaps=found.bank))
            m.submodules[f"timer_{b}"] = shared(platform, of_bank)
            m.d.comb += of_bank.issued.eq(Mux(select[b], one_hot, 0))
            ready.append(of_bank.ready.bit_select(want, 1) | ~select[b])
        return Cat(*ready).all()

    def _resources(self, m: Module, issue: Signal, want: Signal) -> Value:
        """Whether the column command ``want`` has its data, or room for its result."""
        depth = self.cfg.result_queue
        room = Signal(range(depth + 1), init=depth)
        m.d.sync += room.eq(room + self.result_taken - (issue & _is_in(want, RESULT_COMMANDS)))
        return (
            (self.data_valid | ~_is_in(want, DATA_COMMANDS))
            & (room.any() | ~_is_in(want, RESULT_COMMANDS))
            & ((room == depth) | (want != Command.EOC))
        )

    def _refresh_clock(self, m: Module, refresh: Signal, refreshed: Value) -> None:
        interval = self.cfg.timing.refi
        cycle = Signal(range(interval))
        ends = cycle == interval - 1
        m.d.sync += cycle.eq(Mux(ends, 0, cycle + 1))
        with m.If(ends):
            m.d.sync += refresh.eq(1)
        with m.Elif(refreshed):
            m.d.sync += refresh.eq(0)


def _is_in(command: Value, commands: tuple[Command, ...]) -> Value:
    return Cat(command == each for each in commands).any()
