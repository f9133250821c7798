"""How long the simulated service took for each answer: nothing about flights can tell, so it is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd

SEED = 1303
MEDIAN_MS, SPREAD = 20.0, 0.3


def with_latency(flights: pd.DataFrame) -> pd.DataFrame:
    """The flights with `latency_ms`, log-normal around MEDIAN_MS, the same every time."""
    drawn = np.random.default_rng(SEED).lognormal(np.log(MEDIAN_MS), SPREAD, len(flights))
    return flights.assign(latency_ms=drawn.round(3))
