"""How fast each version of a model answered over the same range, beside what it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, Engine

from app.core.checks.latency import QUANTILES
from app.core.fold import WHOLE
from app.core.model import Version, WindowLength
from app.core.profile import LATENCY_EDGES, FloatArray
from app.core.stats.quantiles import sample_quantile_from_histogram
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.evaluations import outcomes_between


@dataclass(frozen=True, slots=True, eq=False)
class VersionSpeed:
    """A version's predictions in the range: `timed` of them came with a latency.

    `quantiles` in ms, by the names of the check `latency`; empty where nothing was timed. `shares` [B] of the timed
    predictions by `LATENCY_EDGES`. `per_second` is the mean rate over the windows in which it answered.
    """

    version: Version
    predictions: int
    timed: int
    per_second: float
    quantiles: dict[str, float]
    shares: FloatArray

    @property
    def runs_on(self) -> str:
        """Format, runtime and hardware, as far as they were said."""
        known = (self.version.format, self.version.runtime, self.version.hardware, self.version.inference_mode)
        return ", ".join(part for part in known if part)


def version_speeds(
    engine: Engine, model: str, since: datetime, until: datetime, segment: str = WHOLE
) -> list[VersionSpeed]:
    """The versions that answered in the windows that start in [since, until), oldest first.

    Raises NotFoundError for the model.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        speeds = [
            _speed(connection, version, found.window, since, until, segment)
            for version in list_versions(connection, found.id)
        ]
    return [one for one in speeds if one is not None]


def _speed(
    connection: Connection, version: Version, window: WindowLength, since: datetime, until: datetime, segment: str
) -> VersionSpeed | None:
    stored = outcomes_between(connection, version.id, since, until, segment)
    served = [counts for _, counts in stored.values() if counts.rows]
    if not served:
        return None
    rows = sum(int(counts.rows) for counts in served)
    latency = np.sum([counts.latency for counts in served], axis=0)
    timed = int(latency.sum())
    quantiles = {
        name: float(sample_quantile_from_histogram(latency, LATENCY_EDGES, q)) for name, q in QUANTILES.items() if timed
    }
    per_second = rows / (len(served) * window.delta.total_seconds())
    return VersionSpeed(version, rows, timed, per_second, quantiles, latency / max(timed, 1))
