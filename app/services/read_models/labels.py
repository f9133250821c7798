"""How many of a model's predictions have a label, how late labels come, and whether the declared delay fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, func, select

from app.core.label_delay import DELAY_EDGES, QUANTILES, DelayCurve, advice, delay_curve
from app.core.labels import labelled
from app.core.model import Model, Version
from app.services.read_models.choice import choose_version
from app.storage import evaluations
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.tables import profile

LEAST_WINDOWS, MOST_WINDOWS = 90, 500
"""Windows that are looked at: twice the declared delay, but so many."""
NO_CURVE = "not known yet: fewer than 300 ground-truth or audit labels in 10 windows"
FITS = "fits what was measured"


@dataclass(frozen=True, slots=True)
class LabelWindow:
    """One window. `final`: the declared delay has passed since its end, so its labels count as complete."""

    start: datetime
    predictions: int
    labelled: int
    final: bool

    @property
    def coverage(self) -> float | None:
        """Labelled share; None without any prediction."""
        return self.labelled / self.predictions if self.predictions else None

    def as_dict(self) -> dict[str, Any]:
        counts = {"predictions": self.predictions, "labelled": self.labelled, "coverage": self.coverage}
        return {"window_start": self.start, **counts, "state": "final" if self.final else "provisional"}


@dataclass(frozen=True, slots=True, eq=False)
class ModelLabels:
    """The labels of one version. `curve` is None while too few are known; `windows` come oldest first."""

    model: Model
    version: Version
    windows: tuple[LabelWindow, ...]
    curve: DelayCurve | None

    @property
    def verdict(self) -> str:
        """What to say about the declared delay."""
        if self.curve is None:
            return NO_CURVE
        return advice(self.curve, self.model.label_delay, self.model.window.delta) or FITS

    @property
    def quantiles(self) -> dict[float, timedelta]:
        """Share of labels -> the time within which they come; empty while it is not known."""
        return {} if self.curve is None else {share: self.curve.quantile(share) for share in QUANTILES}

    def as_dict(self) -> dict[str, Any]:
        """For programs; times in seconds."""
        return {
            "model": self.model.name,
            "version": self.version.name,
            "declared_delay_seconds": self.model.label_delay.total_seconds(),
            "measured": None if self.curve is None else _measured(self.curve, self.quantiles),
            "advice": self.verdict,
            "windows": [window.as_dict() for window in self.windows],
        }


def _measured(curve: DelayCurve, quantiles: dict[float, timedelta]) -> dict[str, Any]:
    return {
        "quantiles": [{"share": share, "seconds": time.total_seconds()} for share, time in quantiles.items()],
        "observed_seconds": curve.observed.total_seconds(),
        "labels": curve.labels,
        "windows": curve.windows,
        "curve": [
            {"seconds": seconds, "share": share}
            for seconds, share in zip(DELAY_EDGES.tolist(), curve.shares.tolist(), strict=True)
            if seconds <= curve.observed.total_seconds()
        ],
    }


def model_labels(engine: Engine, model: str, version: str | None, now: datetime) -> ModelLabels:
    """The newest windows of the version; without a name, of the one that the model is shown by.

    Raises NotFoundError on an unknown name, and when the model has no version.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
        return _labels(connection, found, chosen, now)


def _labels(connection: Connection, model: Model, version: Version, now: datetime) -> ModelLabels:
    newest = connection.scalar(
        select(func.max(profile.c.window_start)).where(profile.c.version_id == version.id, profile.c.segment == "")
    )
    if newest is None:
        return ModelLabels(model, version, (), None)
    length = model.window.delta
    span = min(MOST_WINDOWS, max(LEAST_WINDOWS, 2 * model.label_delay // length))
    stored = evaluations.outcomes_between(connection, version.id, newest - (span - 1) * length, newest + length)
    starts = sorted(stored)
    windows = tuple(
        LabelWindow(start, int(counts.rows), int(labelled(counts)), start + length + model.label_delay <= now)
        for start in starts
        for _, counts in [stored[start]]
    )
    delays = np.array([stored[start][1].label_delays for start in starts])
    ages = np.array([(now - start - length).total_seconds() for start in starts])
    return ModelLabels(model, version, windows, delay_curve(delays, ages))
