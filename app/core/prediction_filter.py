"""Which predictions somebody looks for, beside the version and the time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import InvalidError
from app.core.feature_condition import FeatureCondition
from app.core.model import Source, Task

BEGINNING = "*"
"""Behind a prediction id: every id that begins like this."""


class Verdict(StrEnum):
    """What the effective label says of a prediction."""

    CORRECT = "correct"
    WRONG = "wrong"


class Labelled(StrEnum):
    """Whether there is a label, and whose the effective one is."""

    ANY = "any"
    NONE = "none"
    GROUND_TRUTH = Source.GROUND_TRUTH.value
    AUDIT = Source.AUDIT.value
    USER = Source.USER.value


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """All that is given has to hold; "" and None let everything through.

    `segment`: as segments are named, such as `origin=JFK`. The score of a regression is the predicted value.
    """

    prediction_id: str = ""
    request_id: str = ""
    predicted: str = ""
    score_from: float | None = None
    score_to: float | None = None
    verdict: Verdict | None = None
    labelled: Labelled | None = None
    corrected: bool | None = None
    segment: str = ""
    features: tuple[FeatureCondition, ...] = ()

    def check(self, task: Task) -> None:
        """Raise InvalidError where what is asked for cannot be said of a model of that task."""
        for name, score in (("score_from", self.score_from), ("score_to", self.score_to)):
            if score is not None and math.isnan(score):
                raise InvalidError(name, "NaN", "a score is a number, such as 0.8")
        if self.score_from is not None and self.score_to is not None and self.score_from > self.score_to:
            raise InvalidError("score_from", self.score_from, f"allowed is at most score_to, {self.score_to:g}")
        if self.segment and "=" not in self.segment:
            raise InvalidError("segment", self.segment, "a segment is ATTRIBUTE=VALUE, such as country=FI")
        if task is Task.REGRESSION and self.verdict is not None:
            raise InvalidError(
                "verdict", self.verdict.value, "a regression's predictions are not simply right or wrong"
            )
        if task is Task.REGRESSION and self.predicted:
            raise InvalidError(
                "predicted", self.predicted, "a regression predicts no class; use score_from and score_to"
            )

    def words(self) -> list[str]:
        """What is asked for, one condition each."""
        said = [f"{name} {value}" for name, value in self._texts() if value]
        if self.score_from is not None:
            said.append(f"score from {self.score_from:g}")
        if self.score_to is not None:
            said.append(f"score to {self.score_to:g}")
        if self.verdict is not None:
            said.append(self.verdict.value)
        if self.labelled is not None:
            said.append({Labelled.ANY: "labelled", Labelled.NONE: "no label"}.get(self.labelled, self._source()))
        if self.corrected is not None:
            said.append("corrected" if self.corrected else "not corrected")
        return said + [str(condition) for condition in self.features]

    def _source(self) -> str:
        return f"label from {self.labelled.value.replace('_', ' ')}" if self.labelled else ""

    def _texts(self) -> list[tuple[str, str]]:
        return [
            ("id", self.prediction_id),
            ("request", self.request_id),
            ("predicted", self.predicted),
            ("segment", self.segment),
        ]
