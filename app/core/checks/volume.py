"""Does the model get as many requests as usual?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.judgement import Harm, Normal, Readings, Rule, judge, normal_windows
from app.core.model import Measurement, Task


@dataclass(frozen=True, slots=True)
class Volume:
    """Predictions per window, against the model's own first windows in production; silence is a breach at once."""

    name: ClassVar[str] = "volume"
    question: ClassVar[str] = "Does the model get as many requests as usual?"
    advice: ClassVar[str] = "Check the callers and the logging path: was the traffic lost, doubled or moved elsewhere?"
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor_share: float = 0.1
    """Part of the usual volume below which a change is never worth an alarm."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        # Empty windows count too: where they are usual (no traffic on Sundays), silence is no news.
        series, learnt_until = normal_windows(case, lambda w: np.ones(len(w), np.bool_), production=True)
        usual = series.outcomes.rows.astype(np.float64)[:, None]
        readings = Readings(
            self.name,
            "predictions",
            [""],
            values=case.rows.astype(np.float64)[:, None],
            why_not=lambda _window, _subject: "",
        )
        floor = self.floor_share * float(usual.mean()) if usual.size else np.nan
        silent = (case.rows == 0)[:, None] & bool(usual.size and usual.min() > 0)
        normal = Normal(usual, np.zeros(1), learnt_until)
        yield from judge(case, readings, normal, Rule(floor, Harm.EITHER, at_once=silent))


PLUGIN = Volume()
