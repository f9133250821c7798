"""The trainer: asked by a signed request, it trains on what was corrected, registers a version and makes it live."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pandas as pd

from app.demo.clock import Clock
from app.demo.collector import Collector
from app.demo.flights import FEATURES
from app.demo.models import Models
from app.demo.questions import Question
from app.demo.registration import register_version
from app.demo.training import fitted, out_of_fold

AUTHOR = "demo-trainer"
EVENT = "model.retrain_requested"
SERVED = ["prediction", "score"]
FEATURE = "feature."
"""What the names of features begin with in a training set."""


class Request(msgspec.Struct, frozen=True):
    """What of a retraining request the trainer reads."""

    model: str
    version: str
    reason: str
    transition: int
    requested_at: datetime


class Retraining(msgspec.Struct, frozen=True):
    """What became of a request. Times are those of the replay, `seconds` are real ones, by step.

    `error` is the squared error of the new model on the new flights, out of fold, `served` that of what was served on
    them. `promoted`: the first is smaller, so that the version was made live. It is a check that nothing went wrong in
    training, and no forecast: out of fold, the model knows the days next to each.
    """

    request: Request
    version: str
    rows: int
    new_rows: int
    training_set: str
    error: float
    served: float
    promoted: bool
    accepted_at: datetime
    finished_at: datetime
    seconds: dict[str, float]


@dataclass(slots=True, eq=False)
class Trainer:
    """Works off requests one by one, in a thread of its own.

    `first_rows`: what version 1 was trained on, which the team has; Watchkeeper gives what came later. `references`: a
    folder for what is uploaded.
    """

    collector: Collector
    question: Question
    first_rows: pd.DataFrame
    models: Models
    clock: Clock
    references: Path
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "trainer"))
    _asked: dict[str, Future[Retraining]] = field(default_factory=dict)

    def take(self, run: str, body: bytes) -> None:
        """Begin with a request whose signature was verified; `run` is its id. One that comes again changes nothing."""
        event = msgspec.json.decode(body)
        if event["type"] == EVENT and run not in self._asked:
            request = msgspec.convert(event["data"], Request)
            self._asked[run] = self._thread.submit(self._answer, run, request)

    def wait(self) -> list[Retraining]:
        """What became of all requests, once nothing is left to do. Raises the first error."""
        return [one.result() for one in list(self._asked.values())]

    def _answer(self, run: str, request: Request) -> Retraining:
        try:
            return self._retrain(run, request)
        except Exception as error:
            self.collector.report(run, "failed", message=f"{type(error).__name__}: {error}"[:200])
            raise

    def _retrain(self, run: str, request: Request) -> Retraining:
        accepted_at, seconds = self.clock(), dict[str, float]()
        self.collector.report(run, "accepted")
        with _timed(seconds, "fetch"):
            new, content = self._new_rows(request)
        self.collector.report(run, "running", message=f"training on {len(new):,} new rows")
        version, error = self._make(pd.concat([self.first_rows, new], ignore_index=True), content, seconds)
        served = self.question.squared_error(new, new["truth"])
        found = f"squared error on the new flights, out of fold {error:.4g}, as served {served:.4g}"
        if error < served:
            self.collector.make_live(request.model, version, AUTHOR, found)
        self.collector.report(run, "succeeded", message=found, version=version, training_set=content)
        return Retraining(
            *(request, version, len(self.first_rows) + len(new), len(new), content, error, served, error < served),
            *(accepted_at, self.clock(), seconds),
        )

    def _make(self, rows: pd.DataFrame, content: str, seconds: MutableMapping[str, float]) -> tuple[str, float]:
        """Register a version that is trained on the rows, with its reference; its name, and its squared error on those
        that were served.
        """
        version = self.models.next_version()
        with _timed(seconds, "train"):
            self.models.put(version, fitted(rows, self.question))
        with _timed(seconds, "reference"):
            reference = out_of_fold(rows.drop(columns=SERVED), self.question)
        with _timed(seconds, "register"):
            about = (self.question, version, reference, self.clock(), self.references, content)
            register_version(self.collector, *about)
        new = reference[rows["prediction"].notna()]
        return version, self.question.squared_error(new, new["truth"])

    def _new_rows(self, request: Request) -> tuple[pd.DataFrame, str]:
        """What was labelled since the first rows, and the hash of the training set."""
        since = self.first_rows["departure"].max().to_pydatetime() + timedelta(minutes=1)
        file, content = self.collector.training_set(request.model, since, request.requested_at)
        return rows_of(file, self.question), content


def rows_of(file: bytes, question: Question) -> pd.DataFrame:
    """A training set as the trainer has its rows: FEATURES, `departure`, `truth`, `weight`; and what was SERVED."""
    table = pd.read_parquet(io.BytesIO(file))
    features = table[[FEATURE + name for name in FEATURES]].set_axis(FEATURES, axis=1)
    return features.assign(
        departure=table["event_time"],
        truth=table["label"].map(question.value),
        weight=table["weight"],
        prediction=table["prediction"].map(question.value),
        score=table["score"],
    )


@contextmanager
def _timed(seconds: MutableMapping[str, float], step: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - start, 1)
