"""Matrix times vector on a channel whose units keep several sums, as Samsung's HBM-PIM does.

As many outputs of a bank as it has accumulators make a tile. While a chunk of the vector is in the
global buffer all of a tile's outputs use it, and sums stay where they are until the vector is through;
so a small global buffer (HBM-PIM's eight GRF_A registers) costs no partial sums.
"""

from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import Instruction, Op


def tiled_gemv_program(cfg: PimChannelConfig, outputs: int, inputs: int) -> list[Instruction]:
    """The program: tile by tile, in each the vector chunk by chunk, in each output by output.

    A unit works a whole tile through, whether or not all of its outputs are wanted, as the kernel of
    PIMSimulator does. A tile's bursts of a chunk follow each other in a row, rows in the order of use.

    Parameters
    ----------
    cfg : PimChannelConfig
        The channel.
    outputs, inputs : int
        Matrix rows on this channel, and their length.

    Raises
    ------
    ValueError
        If the matrix is empty or does not fit.
    """
    if min(outputs, inputs) < 1:
        raise ValueError(f"a matrix of {outputs} x {inputs} has no elements")
    bursts = -(-inputs // cfg.mac.lanes)
    sums = range(cfg.mac.accumulators)
    slot = 0
    program = []
    for _ in range(-(-outputs // (cfg.banks * cfg.mac.accumulators))):
        program += [Instruction(Op.WR_BIAS, accumulator=a) for a in sums]
        for first in range(0, bursts, cfg.buffer_entries):
            count = min(cfg.buffer_entries, bursts - first)
            program.append(Instruction(Op.WR_GB, count=count))
            for accumulator in sums:
                entry = 0
                while entry < count:  # a run of columns ends where its row does
                    row, column = divmod(slot, cfg.columns)
                    run = min(count - entry, cfg.columns - column)
                    place = {"row": row, "column": column, "entry": entry, "count": run}
                    program.append(Instruction(Op.MAC_ABK, **place, accumulator=accumulator))
                    entry, slot = entry + run, slot + run
        program += [Instruction(Op.RD_MAC, accumulator=a) for a in sums]
    if slot > cfg.rows * cfg.columns:
        raise ValueError(
            f"{cfg.name} has {cfg.rows} rows per bank; {-(-slot // cfg.columns)} do not fit: "
            "use more channels"
        )
    return [*program, Instruction(Op.EOC)]
