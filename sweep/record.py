"""The record of a sweep in an Optuna storage: which points are done, with what result.

A trial is a point. It is RUNNING from when a worker is given it to when its result is stored, so that
one that is still RUNNING when a sweep starts was cut off: it is marked FAIL and ``stale``, and its
point runs again. Every other trial has the attribute ``result``; infeasible points are COMPLETE, with the constraints
in ``reason``; failed ones are FAIL. What a search asks next does not come from here: it is
asked anew from the first point, and answered from this record; see :mod:`lockstep.sweep.search`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from pydantic import JsonValue

from lockstep.arch.error import InputError, show
from lockstep.sweep.cache import data_of, result_of
from lockstep.sweep.point import Outcome, Point, Result
from lockstep.sweep.space import Dimension

_DIRECTIONS = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}


class Record:
    """A study of one sweep.

    Parameters
    ----------
    url : str
        Of a database, as SQLAlchemy takes it.
    name : str
        Of the study; sweeps that differ have different names.
    objectives : mapping of metric to "min" or "max"
    dimensions : sequence of Dimension

    Raises
    ------
    InputError
        If the database cannot be opened.
    """

    def __init__(
        self,
        url: str,
        name: str,
        objectives: Mapping[str, str],
        dimensions: Sequence[Dimension],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._storage = optuna.storages.RDBStorage(url)
            if url.startswith("sqlite:"):
                sqlalchemy.event.listen(self._storage.engine, "connect", _quicken)
                self._storage.engine.dispose()
            study = optuna.create_study(
                study_name=name,
                storage=self._storage,
                directions=[_DIRECTIONS[direction] for direction in objectives.values()],
                sampler=optuna.samplers.RandomSampler(),  # never asked
                load_if_exists=True,
            )
            study.set_user_attr("objectives", list(objectives))
            self._study_id = self._storage.get_study_id_from_name(name)
        except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError, RuntimeError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise InputError(
                f"--storage: {show(url)} cannot be opened: {reason}; "
                f"give a database URL such as sqlite:///sweep.db"
            ) from None
        self._objectives = tuple(objectives)
        self._distributions: dict[str, BaseDistribution] = {
            d.name: CategoricalDistribution([_scalar(choice.label) for choice in d.choices])
            for d in dimensions
        }
        self._running: dict[int, int] = {}

    def finished(self) -> dict[int, tuple[str, Result]]:
        """Key and result by point number; what was cut off is marked FAIL."""
        found: dict[int, tuple[str, Result]] = {}
        for trial in self._storage.get_all_trials(self._study_id, deepcopy=False):
            if trial.state == TrialState.RUNNING:
                self._give_up(trial._trial_id)
            elif "result" in trial.user_attrs and "stale" not in trial.user_attrs:
                attributes = trial.user_attrs
                found[attributes["point"]] = (
                    attributes["key"],
                    result_of(json.loads(attributes["result"])),
                )
        return found

    def start(self, points: Sequence[Point]) -> None:
        """Note that the points are being evaluated."""
        for point in points:
            trial = create_trial(
                state=TrialState.RUNNING,
                params={name: _scalar(label) for name, label in point.labels.items()},
                distributions=self._distributions,
                user_attrs={"point": point.number, "key": point.key},
            )
            self._running[point.number] = self._storage.create_new_trial(self._study_id, trial)

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Store the outcomes, of points that were started or known otherwise."""
        self.start([o.point for o in outcomes if o.point.number not in self._running])
        for outcome in outcomes:
            trial = self._running.pop(outcome.point.number)
            result = json.dumps(data_of(outcome.result))
            self._storage.set_trial_user_attr(trial, "result", result)
            if outcome.reason:
                self._storage.set_trial_user_attr(trial, "reason", outcome.reason)
            if outcome.status == "failed":
                self._storage.set_trial_state_values(trial, TrialState.FAIL)
            else:
                values = [outcome.result.metrics[metric] for metric in self._objectives]
                self._storage.set_trial_state_values(
                    trial, TrialState.COMPLETE, [value for value in values if value is not None]
                )

    def close(self) -> None:
        """Give up what is still running, and close the database."""
        for trial in self._running.values():
            self._give_up(trial)
        self._running.clear()
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _give_up(self, trial: int) -> None:
        """Its point does not count; a result that it may have had is not looked at."""
        self._storage.set_trial_user_attr(trial, "stale", True)
        self._storage.set_trial_state_values(trial, TrialState.FAIL)


def sqlite_url(path: Path) -> str:
    """URL of a SQLite file."""
    return f"sqlite:///{path.resolve()}"


def _quicken(connection: object, _record: object) -> None:
    """A write-ahead log needs no wait for the disk at every commit, and survives any kill as well."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("pragma journal_mode=wal")
    cursor.execute("pragma synchronous=normal")
    cursor.close()


def _scalar(label: JsonValue) -> bool | int | float | str | None:
    """A label as Optuna's storages take one."""
    return json.dumps(label) if isinstance(label, dict | list) else label
