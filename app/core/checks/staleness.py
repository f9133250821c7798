"""How old are the training data, the deployment and the labels?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.labels import labelled
from app.core.model import Measurement, Outcome, Task

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Staleness:
    """Ages in days at the end of the window; the training data's is held against the limit that the owner declared."""

    name: ClassVar[str] = "staleness"
    question: ClassVar[str] = "How old are the training data, the deployment and the labels?"
    advice: ClassVar[str] = "Retrain on newer rows, or declare a longer limit if the measured quality allows it."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        deployed = case.version.deployed_at or case.version.created_at
        declared = case.model.max_staleness
        newest_label = _newest_label(case)
        unknown = "the version does not say its newest training row: give it, or a reference with timestamps"
        for window in case.judged:
            yield self._age(case, window, "training_data", case.version.newest_training_row, declared, unknown)
            yield self._age(case, window, "deployment", deployed, None, "the version was not deployed yet")
            yield self._age(case, window, "labels", newest_label[window], None, "no labels yet")

    def _age(
        self, case: Case, window: int, subject: str, since: datetime | None, limit: timedelta | None, unknown: str
    ) -> Measurement:
        end = case.windows[window].end
        age = max(end - since, timedelta(0)) if since else None
        reason = unknown if age is None else "no limit was declared" if limit is None else ""
        late = age is not None and limit is not None and age > limit
        return Measurement(
            check=self.name,
            subject=subject,
            window=case.windows[window],
            statistic="age_days",
            outcome=Outcome.NOT_EVALUATED if reason else Outcome.BREACH if late else Outcome.OK,
            value=None if age is None else age / DAY,
            limit=None if limit is None else limit / DAY,
            reason=reason or ("older than the declared limit" if late else ""),
        )


def _newest_label(case: Case) -> list[datetime | None]:
    """[W] the end of the newest window, up to each one, that holds labels."""
    newest: datetime | None = None
    ends: list[datetime | None] = []
    for window, count in zip(case.windows, np.atleast_1d(labelled(case.outcomes)), strict=True):
        newest = window.end if count else newest
        ends.append(newest)
    return ends


PLUGIN = Staleness()
