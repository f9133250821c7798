"""Reports are asked for, made once by whoever claims them, kept, and fail with a reason."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError, WatchkeeperError
from app.core.importance import importance_of
from app.core.model import Source, Task
from app.core.reports import ReportOrder
from app.core.sample import Sample, Values
from app.reports.child import Made, ReportError
from app.services import report_runs
from app.services.alerting import alert
from app.services.fold import fold
from app.services.report_runs import ABANDONED_AFTER, NO_SAMPLE, ReportSummary, make_reports
from app.services.reports import find_report, list_reports, report_contents, request_report
from app.storage import reports as stored
from app.storage.engine import write
from app.storage.samples import PackedSample, replace_sample
from tests.services import measured
from tests.services.measured import DAY, add_channels, measure, rows_of
from tests.services.served import NOW, START, Served, correction, prediction, serve, store

UNTIL = START + timedelta(days=1)


@pytest.fixture
def served(engine: Engine) -> Served:
    """A binary model with a sample of 200 reference rows, and 120 predictions, of which 60 are labelled."""
    found = serve(engine, Task.BINARY, versions=1)
    features: dict[str, Values] = {"x": [i / 100 for i in range(200)], "kind": ["a", "b"] * 100}
    answers = ["yes" if i % 3 else "no" for i in range(200)]
    sample = Sample(5000, features, [*answers], [0.3] * 200, [*reversed(answers)])
    with write(engine) as connection:
        replace_sample(connection, found.version_ids[0], PackedSample.of(sample, importance_of(sample, Task.BINARY)))
    version_id, keys = found.version_ids[0], [f"p{i}" for i in range(120)]
    store(
        engine, [prediction(version_id, key, minutes=i, features={"x": i, "kind": "b"}) for i, key in enumerate(keys)]
    )
    store(engine, [correction(found.model, key, "no" if i % 4 else "yes") for i, key in enumerate(keys[:60])])
    store(engine, [correction(found.model, "p100", "no", Source.USER)])
    fold(engine, NOW)
    return found


def ask(engine: Engine, served: Served, kind: str = "drift") -> int:
    row = request_report(engine, NOW, served.model.name, kind=kind, since=START, until=UNTIL)
    assert isinstance(row["id"], int)
    return row["id"]


def test_from_the_request_to_the_page(engine: Engine, served: Served) -> None:
    """With the real child process, on rows from a real database."""
    report_id = ask(engine, served, "quality")
    with pytest.raises(WatchkeeperError, match="waits for the worker"):
        report_contents(engine, report_id)

    assert make_reports(engine, NOW, environment=os.environ) == ReportSummary(made=1)

    row = find_report(engine, report_id)
    assert (row["state"], row["reference_rows"], row["current_rows"], row["error"]) == ("done", 200, 60, "")
    assert "200 of 5,000 rows" in row["sampling"]
    contents = report_contents(engine, report_id)
    figures = json.loads(contents.json)
    assert figures["watchkeeper"]["current_rows"] == {"sampled": 60, "of": 60}
    assert row["sampling"] in contents.html
    [accuracy] = [one["value"] for one in figures["evidently"]["metrics"] if one["metric_name"].startswith("Accuracy(")]
    assert accuracy == pytest.approx(15 / 60)  # all were called yes; every fourth was


def test_unlabelled_rows_take_part_in_drift(engine: Engine, served: Served, quick: list[ReportOrder]) -> None:
    ask(engine, served)
    make_reports(engine, NOW, environment={})
    [order] = quick
    assert (order.current.rows, order.current.labelled, order.reference.rows) == (120, 60, 200)
    assert set(order.current.features["x"]) == {float(i) for i in range(120)}
    assert order.current.features["kind"] == ["b"] * 120


def test_a_version_without_a_sample_says_what_to_do(engine: Engine) -> None:
    bare = serve(engine, Task.BINARY, versions=1)
    report_id = ask(engine, bare)
    assert make_reports(engine, NOW, environment=os.environ) == ReportSummary(failed=1)
    assert find_report(engine, report_id)["error"] == NO_SAMPLE
    with pytest.raises(WatchkeeperError, match="could not be made: no rows of the reference are kept"):
        report_contents(engine, report_id)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[ReportOrder]:
    """Reports made without Evidently, to look at everything around it; the orders that came."""
    orders: list[ReportOrder] = []

    def made(order: ReportOrder, environment: Mapping[str, str]) -> Made:
        orders.append(order)
        if order.kind == "summary":
            raise ReportError("it took longer than 300 seconds")
        return Made("<html>é</html>", "{}")

    monkeypatch.setattr(report_runs, "make", made)
    return orders


def test_several_workers_make_each_report_once(engine: Engine, served: Served, quick: list[ReportOrder]) -> None:
    asked = [ask(engine, served) for _ in range(6)]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: make_reports(engine, NOW, environment={}), range(3)))
    assert sum(one.made for one in done) == 6
    assert sorted(order.id for order in quick) == asked


def test_a_failure_is_kept_and_the_next_one_is_made(engine: Engine, served: Served, quick: list[ReportOrder]) -> None:
    failing, fine = ask(engine, served, "summary"), ask(engine, served)
    assert make_reports(engine, NOW, environment={}) == ReportSummary(made=1, failed=1)
    assert find_report(engine, failing)["error"] == "it took longer than 300 seconds"
    assert report_contents(engine, fine).html == "<html>é</html>"
    assert [row["id"] for row in list_reports(engine, served.model.name)] == [fine, failing]


def test_a_report_whose_worker_died_is_given_up(engine: Engine, served: Served, quick: list[ReportOrder]) -> None:
    report_id = ask(engine, served)
    with write(engine) as connection:
        assert stored.claim(connection, NOW) is not None
    assert make_reports(engine, NOW + ABANDONED_AFTER, environment={}) == ReportSummary()
    assert find_report(engine, report_id)["state"] == "running"
    make_reports(engine, NOW + 2 * ABANDONED_AFTER, environment={})
    assert "has ended; ask for it again" in find_report(engine, report_id)["error"]


def test_old_reports_make_room(
    engine: Engine, served: Served, quick: list[ReportOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_runs, "KEPT_REPORTS", 2)
    asked = [ask(engine, served) for _ in range(4)]
    make_reports(engine, NOW, environment={})
    assert [row["id"] for row in list_reports(engine)] == asked[:1:-1]
    with pytest.raises(NotFoundError, match=f"no report '{asked[0]}'; known are"):
        report_contents(engine, asked[0])


def test_wrong_orders_are_refused(engine: Engine, served: Served) -> None:
    name = served.model.name
    with pytest.raises(InvalidError, match="allowed are drift, summary, quality"):
        request_report(engine, NOW, name, kind="poem", since=START, until=UNTIL)
    with pytest.raises(InvalidError, match="must be after since"):
        request_report(engine, NOW, name, since=START, until=START)
    with pytest.raises(NotFoundError, match="no model"):
        request_report(engine, NOW, "nobody", since=START, until=UNTIL)
    assert list_reports(engine) == []


class TestAlerts:
    """An alert about quality or skew asks for a report where that is wanted."""

    def test_one_of_each_kind_a_day(self, engine: Engine) -> None:
        now, version_id = measured.START + 10 * DAY, measured.add_version(engine)
        add_channels(engine, [("ops", "URL")])
        measure(engine, version_id, "obb", subject="age")
        measure(engine, version_id, "obb", check="performance", subject="accuracy")
        measure(engine, version_id, "obb", check="estimated_performance", subject="accuracy")
        measure(engine, version_id, "obb", check="staleness", subject="training_data")

        alert(engine, now, public_url="https://watch.example.org", reports=True)

        asked = {(row["kind"], row["since"], row["until"]) for row in list_reports(engine)}
        span = (measured.START + DAY, measured.START + 3 * DAY)
        assert asked == {("drift", *span), ("quality", *span)}
        ids = {row["kind"]: row["id"] for row in list_reports(engine)}
        linked = {str(row["check"]): row["message"]["report"] for row in rows_of(engine, "notification")}  # type: ignore[index]
        assert linked["performance"] == f"https://watch.example.org/reports?id={ids['quality']}"
        assert linked["staleness"] == ""
        measure(engine, version_id, "obbb", subject="wind")
        alert(engine, now + timedelta(hours=23), reports=True)
        assert len(list_reports(engine)) == 2
        measure(engine, version_id, "obbb", subject="snow")
        alert(engine, now + timedelta(hours=25), reports=True)
        assert len(list_reports(engine)) == 3

    def test_none_unless_wanted(self, engine: Engine) -> None:
        measure(engine, measured.add_version(engine), "obb")
        alert(engine, NOW)
        assert list_reports(engine) == []
