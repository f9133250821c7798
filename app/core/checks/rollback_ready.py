"""Can the model go back to an earlier version?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from app.core.case import EVERY_TASK, Case
from app.core.drills import Recovery
from app.core.model import Measurement, Outcome, Stage, Task, Window

DAY = timedelta(days=1)
NOT_LIVE = "the version is not live: nothing has to be gone back from"
UNKNOWN = "what was live before is not looked at here"
NO_PREVIOUS = "no version was live before this one"
NEVER = "never tried: run `watchkeeper drill`"


@dataclass(frozen=True, slots=True)
class RollbackReady:
    """Is there an earlier version with its reference, and did a drill show, lately enough, that it can be restored?

    `previous_version` counts the earlier versions that are ready; `drill_age` is the age of the last drill that passed,
    of the version that a rollback leads to; `failed_drills` are those since. Until a drill has ended, none of it is ok.
    """

    name: ClassVar[str] = "rollback_ready"
    question: ClassVar[str] = "Can the model go back to an earlier version?"
    advice: ClassVar[str] = "Run `watchkeeper drill --model MODEL`, and mend what it names before a rollback is needed."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    shares_budget: ClassVar[bool] = False
    whole_only: ClassVar[bool] = True

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        known = case.recovery
        for at in case.judged:
            window = case.windows[at]
            if known is None or case.version.stage is not Stage.LIVE:
                reason = UNKNOWN if case.version.stage is Stage.LIVE else NOT_LIVE
                for subject, statistic in _STATISTICS.items():
                    yield self._untold(window, subject, statistic, reason)
            else:
                yield self._previous(window, known)
                yield self._age(window, known, case.model.max_drill_age)
                yield self._failures(window, known)

    def _previous(self, window: Window, known: Recovery) -> Measurement:
        if not known.earlier:
            return self._untold(window, "previous_version", reason=NO_PREVIOUS)
        found = replace(self._untold(window, "previous_version"), value=float(known.ready), limit=1.0)
        if not known.ready:
            return replace(found, outcome=Outcome.BREACH, reason=f"no earlier version is ready: {known.why_not}")
        return replace(found, outcome=Outcome.OK) if known.tried else replace(found, reason=NEVER)

    def _age(self, window: Window, known: Recovery, longest: timedelta) -> Measurement:
        if known.passed_at is None:
            why = "no drill has passed yet" if known.tried else NEVER
            return self._untold(window, "drill_age", reason=why if known.ready else "there is no version to try")
        age = max(window.end - known.passed_at, timedelta(0)) / DAY
        late = age > longest / DAY
        return replace(
            self._untold(window, "drill_age"),
            value=age,
            limit=longest / DAY,
            outcome=Outcome.BREACH if late else Outcome.OK,
            reason=f"version {known.fallback} was last shown to be restorable longer ago than declared" if late else "",
        )

    def _failures(self, window: Window, known: Recovery) -> Measurement:
        if not known.tried:
            return self._untold(window, "failed_drills", reason=NEVER if known.ready else "there is no version to try")
        found = replace(self._untold(window, "failed_drills"), value=float(known.failures), limit=0.0)
        if known.failures:
            return replace(found, outcome=Outcome.BREACH, reason=f"version {known.fallback}: {known.failure}")
        return replace(found, outcome=Outcome.OK)

    def _untold(self, window: Window, subject: str, statistic: str = "", reason: str = "") -> Measurement:
        return Measurement(
            check=self.name,
            subject=subject,
            window=window,
            statistic=statistic or _STATISTICS[subject],
            outcome=Outcome.NOT_EVALUATED,
            reason=reason,
        )


_STATISTICS = {"previous_version": "ready_versions", "drill_age": "age_days", "failed_drills": "drills"}

PLUGIN = RollbackReady()
