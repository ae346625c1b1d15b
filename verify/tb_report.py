"""What testbenches count, and what they complain of."""

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

    def compare(self, what: str, job: object, measured: object, modelled: object) -> None:
        """Complain if the two differ; ``job`` is shown as a string."""
        if measured != modelled:
            self.complain(f"{what} of {job}: {measured}, model {modelled}")

    def cycles(self, what: str, job: object, measured: int, modelled: int) -> None:
        """Note the difference of two cycle counts."""
        self.cycle_errors.append(measured - modelled)
        self.compare(what, job, measured, modelled)
