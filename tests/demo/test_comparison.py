"""What other versions would have said is compared on the same flights, and only on those."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from app.core.model import Task
from app.demo.comparison import first_alone, terms
from app.demo.questions import QUESTIONS
from app.demo.serving import Service, Takeover

START = datetime(2013, 3, 31, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def service() -> Service:
    """Four days of one flight each, and one that never arrived; three versions took over, a day after another."""
    departures = [START + day * DAY for day in (0, 1, 2, 3, 3)]
    truth = [1.0, 1.0, 0.0, 1.0, None]
    flights = pd.DataFrame({"departure": pd.to_datetime(departures), "truth": truth})
    said: dict[str, Any] = {"1": [1, 0, 0, 0, 0], "2": [1, 1, 1, 1], "3": [0, 1, 0]}
    alone = {name: pd.DataFrame({"prediction": v}, index=flights.index[-len(v) :]) for name, v in said.items()}
    return Service(None, QUESTIONS[Task.BINARY], None, flights, alone)  # type: ignore[arg-type]


TAKEOVERS = [Takeover(version, START + day * DAY) for version, day in (("1", 0), ("2", 1), ("3", 2))]


def test_each_version_is_compared_while_it_was_live(service: Service) -> None:
    second, third = terms(service, TAKEOVERS, START + 4 * DAY)
    assert (second.version, second.predecessor, second.flights) == ("2", "1", 1)
    assert (second.served, second.first, second.before) == (1.0, 0.0, 0.0)
    assert (third.version, third.predecessor, third.flights) == ("3", "2", 2)
    assert (third.served, third.first, third.before) == (1.0, 0.5, 0.5)


def test_without_a_takeover_there_is_nothing_to_compare(service: Service) -> None:
    assert terms(service, TAKEOVERS[:1], START + 4 * DAY) == []


def test_version_1_alone_by_original_month(service: Service) -> None:
    # 31 March was right; of April's labelled flights (right would be 1, 0, 1) it said 0 each time.
    assert first_alone(service, timedelta(0)) == {"2013-03": 1.0, "2013-04": pytest.approx(1 / 3)}
    assert list(first_alone(service, timedelta(weeks=5))) == ["2013-02"]
