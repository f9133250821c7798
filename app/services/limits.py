"""The limits that hold for a model now, and the false alerts that they let us expect, beside the model's budget."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from app.core.backtest import per_month
from app.core.case import ENOUGH_WINDOWS
from app.core.distances import DISTANCES
from app.core.errors import NotFoundError
from app.core.fold import WHOLE
from app.core.model import Measurement, Model
from app.services.baselines import known_seasons
from app.services.read_models.choice import choose_version
from app.services.read_models.false_alarms import FalseAlarms, false_alarms
from app.storage import evaluations
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.references import reference_windows


@dataclass(frozen=True, slots=True)
class LimitRow:
    """The limit of one subject in the newest judged window.

    `cannot_detect_below`: the smallest shift that a distance's limit lets pass as one, None for what is no distance.
    `false_alarms_per_month` are new false alerts of this subject to expect.
    """

    check: str
    subject: str
    segment: str
    statistic: str
    limit: float | None
    normal: float | None
    cannot_detect_below: float | None
    false_alarms_per_month: float | None
    state: str


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """All limits of one version, for all rows or in a segment, as of its newest judged window (None: none is yet).

    `seasons` says whether they are those of its season, or of all windows, and then why.
    """

    model: str
    version: str
    window_start: datetime | None
    false_alarms: FalseAlarms
    seasons: str
    checks: dict[str, float]
    limits: tuple[LimitRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """The limits for programs."""
        return asdict(self)


def model_limits(engine: Engine, model: str, version: str | None = None, segment: str = WHOLE) -> ModelLimits:
    """The limits of that version, for all rows or in a segment; without a version, of the one that
    the model is shown by.

    Raises NotFoundError on an unknown name.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
        newest = evaluations.judged(connection, chosen.id, None, segment=segment)
        known = evaluations.judged_segments(connection, chosen.id) if segment != WHOLE and not newest else []
        expected = false_alarms(connection, found, chosen.id)
        seasons = known_seasons(reference_windows(connection, chosen.id), found.window)
    if known:
        raise NotFoundError("segment", segment, known)
    by_check: dict[str, float] = defaultdict(float)
    for one in newest:
        if one.expected_rate is not None:
            by_check[one.check] += per_month(one.expected_rate, found.window.delta)
    return ModelLimits(
        found.name,
        chosen.name,
        newest[0].window.start if newest else None,
        expected,
        seasons.words(found.window, ENOUGH_WINDOWS),
        dict(by_check),
        tuple(_row(found, one) for one in newest),
    )


def _row(model: Model, one: Measurement) -> LimitRow:
    rate = one.expected_rate
    return LimitRow(
        one.check,
        one.subject,
        one.segment or "",
        one.statistic,
        one.limit,
        one.normal,
        one.limit if one.statistic in DISTANCES else None,
        None if rate is None else per_month(rate, model.window.delta),
        one.reason,
    )
