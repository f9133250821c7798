"""For the same prediction, does the offline pipeline compute the same feature value?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, Case
from app.core.judgement import BEYOND_ONCE, NEEDED, NO_REFERENCE, OF, beyond_text, cannot_tell, too_few
from app.core.model import Measurement, Outcome, Task
from app.core.profile import COMPARED, DIFFERENT
from app.core.stats.limits import exceedances

STATISTIC = "differing_share"
NOTHING_SENT = (
    "no offline values for this window: send what the offline pipeline computes for some of its predictions "
    "(POST /v1/features, or watchkeeper import features)"
)


@dataclass(frozen=True, slots=True)
class FeatureParity:
    """Share of predictions for which a feature's offline value differs from the one that was served.

    No difference is normal, so nothing is learnt: the limit is the tolerated share.
    """

    name: ClassVar[str] = "feature_parity"
    question: ClassVar[str] = "For the same prediction, does the offline pipeline compute the same feature value?"
    advice: ClassVar[str] = (
        "Compute both values of one such prediction by hand: look for another unit, default, join time or code version."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    shares_budget: ClassVar[bool] = False

    tolerated: float = 0.01
    """Share of compared values that may differ, as by a value that changed between the two computations."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        names = case.layout.feature_names
        if not names:
            why = NO_REFERENCE if case.calibration is None else "the reference has no features to compare"
            yield from cannot_tell(case, self.name, STATISTIC, why)
            return
        compared = case.outcomes.parity[..., COMPARED]
        share = case.outcomes.parity[..., DIFFERENT] / np.maximum(compared, 1)
        counts = exceedances((share > self.tolerated) & (compared >= ENOUGH_ROWS), of=OF)
        for window in case.judged:
            if not compared[window].any():
                yield self._measurement(case, window, "", Outcome.NOT_EVALUATED, None, NOTHING_SENT)
            for f in np.flatnonzero(compared[window]).tolist():
                value, n = float(share[window, f]), int(compared[window, f])
                outcome, reason = self._verdict(value, n, int(counts[window, f]))
                if outcome is Outcome.BREACH:
                    reason += _largest(float(case.outcomes.parity_gaps[window, f]))
                yield self._measurement(case, window, names[f], outcome, value, reason)

    def _verdict(self, value: float, compared: int, exceeded: int) -> tuple[Outcome, str]:
        if compared < ENOUGH_ROWS:
            return Outcome.NOT_EVALUATED, too_few("compared values", compared)
        if exceeded >= NEEDED:
            return Outcome.BREACH, beyond_text(exceeded)
        return Outcome.OK, BEYOND_ONCE if value > self.tolerated else ""

    def _measurement(
        self, case: Case, window: int, subject: str, outcome: Outcome, value: float | None, reason: str
    ) -> Measurement:
        limit = None if value is None else self.tolerated
        return Measurement(
            self.name, subject, case.windows[window], STATISTIC, outcome, value, limit, reason, normal=None
        )


def _largest(gap: float) -> str:
    return f"; the largest difference is {gap:.4g}" if gap else ""


PLUGIN = FeatureParity()
