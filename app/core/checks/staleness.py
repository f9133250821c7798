"""How old are the training data, the deployment and the labels?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from app.core.case import EVERY_TASK, Case
from app.core.labels import labelled
from app.core.model import Measurement, Outcome, Task

DAY = timedelta(days=1)
INFORMATION = "for information: no limit is kept for this age"


@dataclass(frozen=True, slots=True)
class Staleness:
    """Ages in days at the end of the window; the training data's is held against the limit that the owner declared."""

    name: ClassVar[str] = "staleness"
    question: ClassVar[str] = "How old are the training data, the deployment and the labels?"
    advice: ClassVar[str] = "Retrain on newer rows, or declare a longer limit if the measured quality allows it."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    shares_budget: ClassVar[bool] = False
    whole_only: ClassVar[bool] = True

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        deployed = case.version.deployed_at or case.version.created_at
        labels = _newest_label(case)
        for window in case.judged:
            yield self._training_data(case, window)
            yield self._age(case, window, "deployment", deployed, "unknown: give the version its deployed_at")
            yield self._age(case, window, "labels", labels[window], f"no labels in {window + 1} windows: send some")

    def _training_data(self, case: Case, window: int) -> Measurement:
        """The one age that has a limit of its owner's."""
        since, limit = case.version.newest_training_row, case.model.max_staleness
        unknown = "unknown: give the version its newest_training_row, or a reference with timestamps"
        found = self._age(case, window, "training_data", since, unknown, "no limit: give the model its max_staleness")
        if found.value is None or limit is None:
            return found
        late = found.value > limit / DAY
        return replace(
            found,
            outcome=Outcome.BREACH if late else Outcome.OK,
            limit=limit / DAY,
            reason="older than the declared limit" if late else "",
        )

    def _age(
        self, case: Case, window: int, subject: str, since: datetime | None, unknown: str, known: str = INFORMATION
    ) -> Measurement:
        """The age at the end of the window, not judged; `unknown` and `known` say why not."""
        return Measurement(
            check=self.name,
            subject=subject,
            window=case.windows[window],
            statistic="age_days",
            outcome=Outcome.NOT_EVALUATED,
            value=None if since is None else max(case.windows[window].end - since, timedelta(0)) / DAY,
            reason=unknown if since is None else known,
        )


def _newest_label(case: Case) -> list[datetime | None]:
    """[W] the end of the newest window, up to each one, that holds labels."""
    newest: datetime | None = None
    ends: list[datetime | None] = []
    for window, count in zip(case.windows, labelled(case.outcomes), strict=True):
        newest = window.end if count else newest
        ends.append(newest)
    return ends


PLUGIN = Staleness()
