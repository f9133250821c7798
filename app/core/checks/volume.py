"""Does the model get as many requests as usual?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.judgement import Harm, Readings, Rule, judge, learn, normal_windows
from app.core.model import Measurement, Stage, Task
from app.core.profile import FloatArray

STANDS_BY = "the version is not live, so that no requests are expected"


@dataclass(frozen=True, slots=True)
class Volume:
    """Predictions per window, against the model's own first windows in production; silence is a breach at once.

    The silence of a version that is only registered, not live, in shadow or a canary, is expected.
    """

    name: ClassVar[str] = "volume"
    question: ClassVar[str] = "Does the model get as many requests as usual?"
    advice: ClassVar[str] = "Check the callers and the logging path: was the traffic lost, doubled or moved elsewhere?"
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor_share: float = 0.1
    """Part of the usual volume below which a change is never worth an alarm."""
    margin: float = 1.2
    """How much further than thirty days show volume is taken to stray: one number from days that resemble their
    neighbours shows little of it (benchmarks/trust.py: with a correlation of .8 it took twice its share of the budget).
    """

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        # Empty windows count too: where they are usual (no traffic on Sundays), silence is no news. The very first
        # window does not: production hardly ever began at its beginning.
        windows = normal_windows(case, lambda series: np.arange(len(series)) > 0, production=True)
        usual = windows.series.outcomes.rows.astype(np.float64)[:, None]
        expected = (case.rows == 0) & (case.version.stage is Stage.REGISTERED)
        readings = Readings(
            self.name,
            "predictions",
            [""],
            values=case.rows.astype(np.float64)[:, None],
            why_not=lambda window, _subject: STANDS_BY if expected[window] else "",
            withheld=expected[:, None],
        )
        floor = self.floor_share * float(usual.mean()) if usual.size else np.nan
        silent = (case.rows == 0)[:, None] & bool(usual.size and usual.min() > 0)
        normal = learn(windows, _stretched(usual, self.margin))
        yield from judge(case, readings, normal, Rule(floor, Harm.EITHER, silent=silent))


def _stretched(values: FloatArray, by: float) -> FloatArray:
    """The same mean, and deviations `by` times as large."""
    if not len(values):
        return values
    mean = values.mean(axis=0)
    return np.asarray(mean + by * (values - mean))


PLUGIN = Volume()
