"""Cycles of a program under other models of the core than the one it ran with."""

from dataclasses import replace

from lockstep.sim.cycle.translation.run import TranslationRun


def with_core(
    run: TranslationRun, cycles_per_instruction: float, translation: float, data: float
) -> TranslationRun:
    """The same run, under other constants; see :class:`lockstep.arch.mmu.CoreConfig`."""
    core = run.cfg.core.model_copy(
        update={
            "cycles_per_instruction": cycles_per_instruction,
            "translation_exposed": translation,
            "data_exposed": data,
        }
    )
    return replace(run, cfg=run.cfg.model_copy(update={"core": core}))


def share_of_cycles(run: TranslationRun) -> float:
    """Of all cycles, those in translation beyond the first level."""
    return run.cfg.core.translation_exposed * run.translation_cycles / run.cycles
