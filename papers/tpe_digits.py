"""TPE's cycles per operand (HPCA'25, arXiv 2503.06342): ours beside what the authors print."""

from typing import TYPE_CHECKING

from lockstep.papers.reproduction import Part, Progress, Table
from lockstep.papers.style import BLUE, GREEN, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tpe_cycles import DEPTHS, CyclesRow, opt4c_cycles
from lockstep.papers.tpe_published import Digits, tpe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGMAS = (10.0, 20.0, 30.0, 40.0, 50.0)
"""The spreads of the authors' README, in units of the last place of int8."""
DIGITS = 4
"""Cycles per operand of a PE that takes every digit of an int8."""


def cycles(sigmas: tuple[float, ...], progress: Progress) -> Part:
    """Cycles that OPT4C takes per operand, for K = 32 and 128 and each spread of the operands."""
    digits = tpe().digits
    progress("expected cycles of OPT4C")
    found = sorted((row for s in sigmas for row in opt4c_cycles(s)), key=lambda r: (r.k, r.sigma))
    printed = {(row.k, row.sigma): row.average for row in digits.rows}
    return Part(
        name="opt4c-cycles",
        title="OPT4C: cycles per operand, INT8 from N(0, sigma)",
        tables=(
            Table(
                name="rows",
                title="Cycles per operand, and partial products as the authors count them",
                rows=[
                    {
                        "k": row.k,
                        "sigma": row.sigma,
                        "cycles_per_operand": round(row.cycles_per_operand, 4),
                        "nonzero_digits": round(row.nonzero_digits, 4),
                        "average_by_their_count": round(row.published_average, 3),
                        "authors_average": printed.get((row.k, row.sigma)),
                        "saved_of_4_cycles": round(1 - row.cycles_per_operand / DIGITS, 3),
                    }
                    for row in found
                ],
                note=(
                    f"Authors: {digits.source}. They give the average number of partial products as "
                    "the cycles. Their RTL, and ours, also spends a cycle on a group of four operands "
                    "without a nonzero digit, and four cycles after each row; so fewer cycles are saved "
                    "than they print. Their average is a little below that of nonzero digits because "
                    "their monitor counts the last group of a row twice when it has at most one digit. "
                    "Ours are exact expectations from the cycle model that the agreement table holds to "
                    "our RTL; the authors' are samples, which explains differences of about 0.01."
                ),
            ),
        ),
        figures={"opt4c-cycles": _figure(found, digits)} if len(sigmas) > 1 else {},
    )


def _figure(rows: list[CyclesRow], digits: Digits) -> "Figure":
    figure = new_figure(8, 4.8)
    axes = figure.add_subplot()
    for k, colour in zip(DEPTHS, (VERMILION, BLUE), strict=True):
        own = [row for row in rows if row.k == k]
        sigmas = [row.sigma for row in own]
        cycles = [row.cycles_per_operand for row in own]
        averages = [row.published_average for row in own]
        axes.plot(sigmas, cycles, "o-", color=colour, label=f"cycles per operand, K = {k}")
        axes.plot(sigmas, averages, "--", color=colour, label=f"their average, computed, K = {k}")
        theirs = [row for row in digits.rows if row.k == k]
        axes.plot([row.sigma for row in theirs], [row.average for row in theirs], "x", color=GREEN)
    axes.plot([], [], "x", color=GREEN, label="average partial products, authors")
    axes.axhline(DIGITS, color=GREY, linewidth=1)
    axes.annotate("every digit: 4", (SIGMAS[0], DIGITS), (0, -12), textcoords="offset points")
    axes.set_ylim(1.5, 4.1)
    axes.set_xlabel("sigma of the INT8 operands (units of the last place)")
    axes.set_ylabel("cycles, or partial products, per operand")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(0.02, 0.72))
    tidy(axes)
    return figure
