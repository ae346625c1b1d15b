"""What Victima (MICRO'23) decides by: the cost of a page's walks, and misses per instruction."""

from lockstep.arch.tlb import PredictorConfig, VictimaConfig


class Pressure:
    """Misses per thousand instructions over the last whole window (both rates start at none)."""

    def __init__(self, rules: VictimaConfig) -> None:
        self.rules = rules
        self.instructions = self.tlb_misses = self.cache_misses = 0
        self.tlb_high = self.cache_high = False

    def retire(self, instructions: int) -> None:
        """Count instructions; at the end of a window, decide both flags and start anew."""
        self.instructions += instructions
        n = self.instructions
        if n < self.rules.window_instructions:
            return
        bypass = self.rules.bypass_rate
        self.tlb_high = _exceeds(self.tlb_misses, n, self.rules.pressure_rate)
        self.cache_high = bypass is not None and _exceeds(self.cache_misses, n, bypass)
        self.instructions = self.tlb_misses = self.cache_misses = 0


def _exceeds(misses: int, instructions: int, rate: tuple[int, int]) -> bool:
    return misses * rate[1] > rate[0] * instructions


def counted(
    predictor: PredictorConfig, counters: tuple[int, int], from_dram: bool
) -> tuple[int, int]:
    """Frequency and cost of a page after one more demand walk."""
    frequency, cost = counters
    return (
        min(frequency + 1, predictor.limit("frequency")),
        min(cost + from_dram, predictor.limit("cost")),
    )


def costly(predictor: PredictorConfig, counters: tuple[int, int]) -> bool:
    """Whether frequency and cost lie in the predictor's box."""
    bounds = (predictor.limits("frequency"), predictor.limits("cost"))
    return all(
        least <= value <= most for value, (least, most) in zip(counters, bounds, strict=True)
    )
