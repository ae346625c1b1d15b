"""What counts: constraints, objectives, and the points that none other is better than."""

from collections.abc import Iterable

from lockstep.sweep.config import SweepConfig
from lockstep.sweep.point import Outcome, Point, Result

Costs = tuple[float, ...]


def judge(config: SweepConfig, point: Point, result: Result) -> Outcome:
    """Hold a result to the sweep's constraints and objectives."""
    reason = result.reason
    needed = [*config.objectives, *(bound.metric for bound in config.bounds)]
    if not reason:
        reason = "; ".join(
            f"{metric} is not known for this point"
            for metric in dict.fromkeys(needed)
            if result.metrics.get(metric) is None
        )
    if reason:
        return Outcome(
            point=point, result=result, status="failed", reason=reason, costs=(), violations=()
        )
    value = {metric: result.metrics[metric] or 0.0 for metric in needed}
    violations = tuple(bound.violation(value[bound.metric]) for bound in config.bounds)
    broken = [
        f"{bound.metric} {value[bound.metric]:.4g} is not {bound.sense} {bound.limit:g}"
        for bound, violation in zip(config.bounds, violations, strict=True)
        if violation > 0
    ]
    return Outcome(
        point=point,
        result=result,
        status="infeasible" if broken else "ok",
        reason="; ".join(broken),
        costs=tuple(
            value[metric] if direction == "min" else -value[metric]
            for metric, direction in config.objectives.items()
        ),
        violations=violations,
    )


def dominates(a: Costs, b: Costs) -> bool:
    """Whether ``a`` is no worse than ``b`` in all costs, and better in one."""
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


class Front:
    """The Pareto front of the points added so far; of points that are the same, the first added."""

    def __init__(self) -> None:
        self._members: dict[str, Outcome] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> list[Outcome]:
        """In order of point numbers."""
        return sorted(self._members.values(), key=lambda outcome: outcome.point.number)

    def add(self, outcome: Outcome) -> None:
        """Take a point in, if it is ok and no member dominates it."""
        key, costs = outcome.point.key, outcome.costs
        if outcome.status != "ok" or key in self._members:
            return
        if any(dominates(member.costs, costs) for member in self._members.values()):
            return
        self._members = {
            k: member for k, member in self._members.items() if not dominates(costs, member.costs)
        }
        self._members[key] = outcome


def pareto(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The Pareto front of outcomes that come in the order of their numbers."""
    front = Front()
    for outcome in outcomes:
        front.add(outcome)
    return front.members
