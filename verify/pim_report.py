"""What the testbenches of a PIM channel count and complain of."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Report:
    """What all jobs came to. ``complaints`` names the first few disagreements."""

    jobs: int = 0
    vectors: int = 0
    stalled_vectors: int = 0
    mismatches: int = 0
    cycle_errors: list[int] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    driven_cycles: int = 0
    driven_s: float = 0.0

    def complain(self, what: str) -> None:
        """Note a disagreement."""
        if len(self.complaints) < 20:
            self.complaints.append(what)
