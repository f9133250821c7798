"""The model in service: one call answers the flights of one scheduled hour, and what it takes is their latency."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from app.demo.questions import Question

SEED = 1303


def served(
    model: Any, inputs: pd.DataFrame, departures: pd.Series[pd.Timestamp], question: Question
) -> Iterator[pd.DataFrame]:
    """What the model says, hour by hour, with the measured `latency_ms` of the call that a flight was answered in.

    `departures`: when each flight of `inputs` is scheduled. The hours come in random order. Ten months are answered
    within half a minute: in their own order, two seconds in which the machine had other things to do would be three
    weeks in which the model was slow.
    """
    hours = list(inputs.groupby(departures.dt.floor("h")).indices.values())
    for hour in np.random.default_rng(SEED).permutation(len(hours)).tolist():
        batch = inputs.iloc[hours[hour]]
        start = time.perf_counter()
        answers = question.answers(model, batch)
        milliseconds = 1_000 * (time.perf_counter() - start)
        yield answers.assign(latency_ms=round(milliseconds, 3))
