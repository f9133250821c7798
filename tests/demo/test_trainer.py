"""A signed request makes a version: trained on what came since, registered with its reference, live if it is better."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from app.core.model import Task
from app.demo.clock import Clock
from app.demo.errors import DemoError
from app.demo.flights import FEATURES
from app.demo.models import Models
from app.demo.questions import QUESTIONS
from app.demo.trainer import EVENT, FEATURE, Trainer
from app.demo.training import fitted

LATE = QUESTIONS[Task.BINARY]
CONTENT = "ab" * 32
END = datetime(2013, 3, 1, tzinfo=UTC)


class Watchkeeper:
    """Hands out a training set of February, and writes down what it is told."""

    def __init__(self, rows: pd.DataFrame, *, score: float) -> None:
        self.rows, self.score = rows, score
        self.reports: list[tuple[str, str, dict[str, str]]] = []
        self.posts: list[tuple[str, Any]] = []
        self.references: list[tuple[str, pd.DataFrame]] = []
        self.live = ""

    def training_set(self, _model: str, since: datetime, until: datetime) -> tuple[bytes, str]:
        rows = self.rows[(self.rows["departure"] >= since) & (self.rows["departure"] < until)].dropna(subset="late")
        said: dict[str, Any] = {
            "event_time": rows["departure"],
            "label": rows["late"].astype(int).astype(str),
            "weight": 1.0,
        }
        served: dict[str, Any] = {"prediction": str(int(self.score >= 0.5)), "score": self.score}
        table = rows[FEATURES].add_prefix(FEATURE).assign(**said, **served)
        return table.to_parquet(index=False), CONTENT

    def report(self, run: str, state: str, **said: str) -> None:
        self.reports.append((run, state, said))

    def post(self, path: str, body: Any) -> None:
        self.posts.append((path, body))

    def put_reference(self, path: str, file: Path, _columns: object) -> dict[str, Any]:
        self.references.append((path, pd.read_parquet(io.BytesIO(file.read_bytes()))))
        return {}

    def make_live(self, _model: str, version: str, _author: str, _reason: str) -> None:
        self.live = version


@pytest.fixture(scope="module")
def flights(year: pd.DataFrame) -> pd.DataFrame:
    return year[year["departure"] < END].iloc[::10].reset_index(drop=True)


def body(type_: str = EVENT) -> bytes:
    """A request as Watchkeeper makes it, made at the end of February."""
    data = {"model": "flight-delays", "version": "1", "reason": "because", "transition": 7, "requested_at": END}
    return msgspec.json.encode({"type": type_, "timestamp": END, "data": {**data, "new_labels": 5}})


def trainer(watchkeeper: Watchkeeper, folder: Path) -> Trainer:
    rows = watchkeeper.rows[watchkeeper.rows["departure"] < "2013-02-01"]
    first = rows[["departure", *FEATURES]].assign(truth=rows["late"], weight=1.0)
    clock, models = Clock(folder / "clock"), Models(folder)
    clock.set(END)
    models.put("1", fitted(first, LATE))
    return Trainer(watchkeeper, LATE, first, models, clock, folder)  # type: ignore[arg-type]


def test_a_better_version_is_registered_with_what_it_was_trained_on_and_goes_live(
    flights: pd.DataFrame, tmp_path: Path
) -> None:
    watchkeeper = Watchkeeper(flights, score=0.9)  # what was served is far from the truth
    asked = trainer(watchkeeper, tmp_path)
    asked.take("msg_1", body())
    asked.take("msg_1", body())  # a request that is sent again, as its first answer was lost
    (done,) = asked.wait()

    assert [(run, state) for run, state, _ in watchkeeper.reports] == [
        ("msg_1", state) for state in ("accepted", "running", "succeeded")
    ]
    assert watchkeeper.reports[-1][2]["version"] == "2" == watchkeeper.live
    (path, version) = watchkeeper.posts[0]
    assert path == "/v1/models/flight-delays/versions"
    assert (version["name"], version["training_set"]) == ("2", CONTENT)
    ((path, reference),) = watchkeeper.references
    assert path.endswith("/versions/2/reference")
    labelled = flights[flights["late"].notna() | (flights["departure"] < "2013-02-01")]
    assert sorted(reference["departure"]) == sorted(labelled["departure"])
    assert reference["score"].between(0, 1).all()
    assert (done.rows, done.promoted) == (len(reference), True)
    new = reference[reference["departure"] >= "2013-02-01"]
    assert done.error == pytest.approx(((new["score"] - new["truth"].astype(float)) ** 2).mean())
    assert done.error < done.served == pytest.approx(((0.9 - new["truth"].astype(float)) ** 2).mean())
    assert END <= done.accepted_at <= done.finished_at < END + timedelta(minutes=10)


def test_a_version_that_is_no_better_stays_registered(flights: pd.DataFrame, tmp_path: Path) -> None:
    new = (flights["departure"] >= "2013-02-01") & flights["late"].notna()
    watchkeeper = Watchkeeper(flights.assign(late=flights["late"].mask(new, 0.0)), score=0.0)
    asked = trainer(watchkeeper, tmp_path)  # what was served is the truth of all new flights
    asked.take("msg_1", body())
    (done,) = asked.wait()
    assert not done.promoted
    assert watchkeeper.live == ""
    assert [state for _, state, _ in watchkeeper.reports][-1] == "succeeded"


def test_a_failure_is_reported_and_not_hidden(flights: pd.DataFrame, tmp_path: Path) -> None:
    class WithoutRows(Watchkeeper):
        def training_set(self, _model: str, _since: datetime, _until: datetime) -> tuple[bytes, str]:
            raise DemoError("the collector answered 422")

    watchkeeper = WithoutRows(flights, score=0.9)
    asked = trainer(watchkeeper, tmp_path)
    asked.take("msg_1", body())
    with pytest.raises(DemoError, match="422"):
        asked.wait()
    run, state, said = watchkeeper.reports[-1]
    assert (run, state) == ("msg_1", "failed")
    assert "422" in said["message"]


def test_a_test_of_the_target_trains_nothing(flights: pd.DataFrame, tmp_path: Path) -> None:
    watchkeeper = Watchkeeper(flights, score=0.9)
    asked = trainer(watchkeeper, tmp_path)
    asked.take("msg_1", body("watchkeeper.test"))
    assert asked.wait() == []
    assert watchkeeper.reports == []
