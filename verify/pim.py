"""Hold the RTL of PIM units to their golden and cycle models, over many configs."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from lockstep.arch.config import Config
from lockstep.arch.pim import PimChannelConfig, PimMacConfig, PimSequencerConfig
from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.lut import verify_lut
from lockstep.verify.pim_configs import channels, macs, sequencers
from lockstep.verify.pim_jobs import mapped_jobs, random_jobs
from lockstep.verify.pim_mutants import mutants
from lockstep.verify.pim_traffic import KINDS
from lockstep.verify.pool import Pool, Progress, agreement_row
from lockstep.verify.verilator import TOP

TESTBENCH = "lockstep.verify.tb_pim"
MAC_TESTBENCH = "lockstep.verify.tb_pim_mac"

_QUICK_CONFIGS = 2
_QUICK_EVERY = 4
"""Configs, and one of so many mutants, that a quick run tries."""

_SCALED = {"banks": 4, "rows": 8, "columns": 8, "buffer_entries": 8}
"""What a machine's own channel is cut down to; the whole would take minutes to build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row to be: configs, and how each is put to the test; the first is put bugs into."""

    unit: str
    testbench: str
    configs: Sequence[Config]
    names: Sequence[str]
    has_banks: bool = False

    @classmethod
    def sequencers(
        cls, configs: Sequence[PimSequencerConfig], unit: str = "PIM, sequencer"
    ) -> "_Row":
        """Sequencers alone."""
        return cls(
            unit=unit, testbench=TESTBENCH, configs=configs, names=[cfg.name for cfg in configs]
        )

    @classmethod
    def channels(cls, configs: Sequence[PimChannelConfig], unit: str = "PIM, channel") -> "_Row":
        """Whole channels."""
        names = [cfg.name for cfg in configs]
        return cls(unit=unit, testbench=TESTBENCH, configs=configs, names=names, has_banks=True)

    def plan(self, cfg: Config, effort: int) -> dict[str, object]:
        """What the testbench is to run: ``effort`` 1 for mutants, more to find disagreements."""
        if isinstance(cfg, PimMacConfig):
            chances = (1.0, 0.6)
            batches = [[100 * effort, kind, chance] for kind in KINDS for chance in chances]
            return {"cfg": cfg.model_dump(), "batches": batches}
        assert isinstance(cfg, PimChannelConfig)
        mapped = mapped_jobs(cfg) if effort > 1 else []
        return {
            "cfg": cfg.model_dump(),
            "banks": self.has_banks,
            "unstalled": random_jobs(6 * effort, 30) + mapped,
            "stalled": random_jobs(6 * effort, 30) + mapped,
        }


def _rows(count: int | None) -> list[_Row]:
    units = macs()[:count]
    return [
        _Row(
            unit="PIM, bank MAC",
            testbench=MAC_TESTBENCH,
            configs=units,
            names=[f"{cfg.element}, {cfg.lanes} lanes" for cfg in units],
        ),
        _Row.sequencers([
            PimSequencerConfig.model_validate(c.model_dump()) for c in sequencers()[:count]
        ]),
        _Row.channels(channels()[:count]),
    ]


def verify_pim(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """Rows of a DRAM bank's unit, of the sequencer, of the whole channel, and of the LUT slice.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs and mutants.
    progress : callable or None
        Told of each simulation that is done.
    seed : int
        Of programs, data and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    rows = verify_banks(quick=quick, progress=progress, seed=seed)
    return [*rows, *verify_lut(quick=quick, progress=progress, seed=seed)]


def verify_banks(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """Those of :func:`verify_pim` that belong to the DRAM channel."""
    with Pool(progress, seed) as pool:
        # Everything is queued before anything is waited for.
        waiting = [
            (row, _reports(pool, row, quick), _missed(pool, row, quick))
            for row in _rows(_QUICK_CONFIGS if quick else None)
        ]
        return [
            agreement_row(row.unit, row.names, _results(reports), _results(bugs))
            for row, reports, bugs in waiting
        ]


def verify_machine_pim(
    cfg: PimChannelConfig, *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """Two rows for a machine's own channel: its sequencer as it is, and all of it scaled down.

    Banks, rows, columns and buffer shrink; gaps and units stay. Parameters and errors as of
    :func:`verify_pim`.
    """
    small = {name: min(getattr(cfg, name), most) for name, most in _SCALED.items()}
    tried = cfg.model_copy(update=small)
    alone = PimSequencerConfig.model_validate(cfg.model_dump())
    rows = (
        _Row.sequencers([alone], f"PIM, sequencer, {cfg.name}"),
        _Row.channels([tried], f"PIM, channel, {cfg.name}"),
    )
    # Not every channel has room for every bug to show: those go into the one of the unit's own rows.
    mutated = _rows(1)[1:]
    with Pool(progress, seed) as pool:
        waiting = [
            (row, _reports(pool, row, quick), _missed(pool, other, quick))
            for row, other in zip(rows, mutated, strict=True)
        ]
        size = f"{cfg.banks} banks of {cfg.rows} rows"
        return [
            agreement_row(
                row.unit,
                row.names,
                _results(reports),
                _results(bugs),
                size if row.has_banks and tried != cfg else None,
            )
            for row, reports, bugs in waiting
        ]


def _reports(pool: Pool, row: _Row, quick: bool) -> list[Future[dict[str, Any]]]:
    return [
        pool.submit(name, to_verilog(cfg, TOP), row.testbench, row.plan(cfg, 2 if quick else 4))
        for name, cfg in zip(row.names, row.configs, strict=True)
    ]


def _missed(pool: Pool, row: _Row, quick: bool) -> list[Future[str | None]]:
    cfg, plan = row.configs[0], row.plan(row.configs[0], 1)
    texts = mutants(cfg, has_banks=row.has_banks, every=_QUICK_EVERY if quick else 1)
    return [
        pool.mutant(row.names[0], bug, text, row.testbench, plan) for bug, text in texts.items()
    ]


def _results(futures: list[Future[Any]]) -> list[Any]:
    return [future.result() for future in futures]
