"""The model in service: it learns which version is live, and answers flights with that one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from app.demo.collector import Collector
from app.demo.flights import FEATURES
from app.demo.models import Models
from app.demo.questions import Question
from app.demo.training import one_thread

SEED = 1303
ANSWER = ["prediction", "score", "latency_ms"]


@dataclass(frozen=True, slots=True)
class Takeover:
    """From `since` on `version` answers."""

    version: str
    since: datetime


class Drill(msgspec.Struct, frozen=True):
    """What Watchkeeper says of a rollback drill that the serving side took part in; `steps` are in seconds."""

    id: int
    version: str
    state: str
    rows: int
    started_at: datetime
    reason: str
    steps: dict[str, float | None]


@dataclass(slots=True, eq=False)
class Service:
    """Answers `flights` with the version that is live, and takes part in drills."""

    collector: Collector
    question: Question
    models: Models
    flights: pd.DataFrame
    """With `version` and the answers of those that are live as far as is known; a later takeover replaces them."""
    alone: dict[str, pd.DataFrame] = field(default_factory=dict)
    """What each version says of all flights since it took over first, whoever else took over after it."""
    drills: list[Drill] = field(default_factory=list)
    _etag: str = ""
    _live: str = ""

    def look(self) -> Takeover | None:
        """Ask which version is live; where that is another one, let it answer all flights from then on."""
        said = self.collector.live(self.question.model, self._etag)
        if said is None:
            return None
        state, self._etag = said
        if state.get("drill"):
            self.drills.append(self._repeat(state["drill"]["id"]))
        takeover = Takeover(state["version"], datetime.fromisoformat(state["since"]))
        if takeover.version == self._live:
            return None
        self._live = takeover.version
        self._answer(takeover)
        return takeover

    def _answer(self, takeover: Takeover) -> None:
        version, later = takeover.version, self.flights["departure"] >= takeover.since
        if version not in self.alone:
            self.alone[version] = answered(self.models.load(version), self.flights[later], self.question)
        answers = self.alone[version].loc[self.flights.index[later]]
        self.flights.loc[later, "version"] = version
        for name in answers:
            self.flights.loc[later, name] = answers[name]

    def _repeat(self, drill: int) -> Drill:
        """Load the version of a drill beside the live one, and answer what it answered before."""
        task = self.collector.get(f"/v1/drills/{drill}")
        rows = pd.DataFrame([row["features"] for row in task["rows"]], columns=FEATURES)
        answers = self.question.answers(self.models.load(task["version"]), rows)
        repeated = [
            {"id": row["id"], **answer} for row, answer in zip(task["rows"], answers.to_dict("records"), strict=True)
        ]
        said = self.collector.post(f"/v1/drills/{drill}", {"version": task["version"], "answers": repeated})
        return msgspec.convert(said, Drill)


def answered(model: Any, flights: pd.DataFrame, question: Question) -> pd.DataFrame:
    """What the model says of the flights: ANSWER, in the order of the flights."""
    with one_thread():
        return pd.concat(calls(model, flights, question)).loc[flights.index]


def calls(model: Any, flights: pd.DataFrame, question: Question) -> Iterator[pd.DataFrame]:
    """One call for the flights of each scheduled hour, with the measured `latency_ms` of the call.

    The hours come in random order. Ten months are answered within half a minute: in their own order, two seconds in
    which the machine had other things to do would be three weeks in which the model was slow.
    """
    inputs = flights[FEATURES]
    hours = list(inputs.groupby(flights["departure"].dt.floor("h")).indices.values())
    for hour in np.random.default_rng(SEED).permutation(len(hours)).tolist():
        batch = inputs.iloc[hours[hour]]
        start = time.perf_counter()
        answers = question.answers(model, batch)
        milliseconds = 1_000 * (time.perf_counter() - start)
        yield answers.assign(latency_ms=round(milliseconds, 3))
