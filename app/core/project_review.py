"""The review of a project as values: what was aimed at, what happened, how good it was, and who decided what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.incidents import Incident, time_in_breach
from app.core.scorecard import Scorecard
from app.core.svg_charts import Line
from app.core.timeline import Event


@dataclass(frozen=True, slots=True)
class Chart:
    """One measure over time, a line for each version that has values; `title` says what it is."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class ReviewedIncident:
    """An incident with its likely causes, the likeliest first."""

    incident: Incident
    causes: Sequence[str]


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """A version as the review names it: `quality` is in words, "cannot tell" included."""

    name: str
    stage: str
    trained_on: str
    runs_on: str
    predictions: int
    quality: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What the head of a review counts, whether or not all of it is listed; `in_breach` is a share of the time."""

    incidents: int
    going_on: int
    in_breach: float | None
    decisions: int


def figures_of(found: Sequence[Incident], decisions: int, since: datetime, until: datetime) -> Figures:
    """The figures of [since, until); no share where none of that time has passed yet."""
    spent = time_in_breach(found, since, until) / (until - since) if until > since else None
    return Figures(len(found), sum(one.ended is None for one in found), spent, decisions)


@dataclass(frozen=True, slots=True)
class ModelReview:
    """One model. `goals` are (what, value) pairs, `takeovers` are changes of what is live; `left_out` says what is not
    listed, "" where all is.
    """

    name: str
    owner: str
    task: str
    goals: Sequence[tuple[str, str]]
    figures: Figures
    versions: Sequence[VersionSummary]
    charts: Sequence[Chart]
    incidents: Sequence[ReviewedIncident]
    decisions: Sequence[Event]
    history: Sequence[Event]
    takeovers: Sequence[Event]
    scorecard: Scorecard | None
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class ProjectReview:
    """The models over [since, until), as of `at`."""

    at: datetime
    since: datetime
    until: datetime
    program: str
    models: Sequence[ModelReview]
