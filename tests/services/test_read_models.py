"""What pages and programs read, against rows put into real databases by hand or through the real fold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, insert, update

from app.core.codec import encode_counts
from app.core.errors import InvalidError, NotFoundError
from app.core.fold import Rows, Truth, fold
from app.core.layout import OTHER, Layout, build_layout, default_layout
from app.core.model import Model, Outcome, Stage, Task, Version, WindowLength
from app.core.profile import OutcomeCounts
from app.core.records import Scalar
from app.services.alerting import alert
from app.services.delivery import deliver
from app.services.read_models import (
    activity,
    alerts,
    cursor,
    fleet,
    histogram,
    measurements,
    model_view,
    overview,
    series,
)
from app.services.read_models.standings import Standing, check_standings, overall, stand
from app.settings import Settings
from app.storage import catalogue, references, tables
from app.storage.engine import read, write
from tests.services.measured import DAY, START, add_channels, add_version, measure

NOW = START + 100 * DAY


def serve_rows(engine: Engine, version_id: int, days: int, rows: int = 50) -> None:
    """Profiles of `rows` predictions a day, without features."""
    layout = default_layout(Task.BINARY, positive_label="1", threshold=0.5, confident=0.9)
    outcomes = encode_counts(OutcomeCounts.empty(layout))
    values = [
        {
            "version_id": version_id,
            "window_start": START + day * DAY,
            "rows": rows + day,
            "features": b"",
            "outcomes": outcomes,
            "revision": 1,
            "updated_at": START + (day + 1) * DAY,
        }
        for day in range(days)
    ]
    with write(engine) as connection:
        connection.execute(insert(tables.profile), values)


def set_stage(engine: Engine, version_id: int, stage: Stage) -> None:
    with write(engine) as connection:
        catalogue.set_stage(connection, version_id, stage)


class TestMeasurements:
    def test_a_row_says_what_was_measured_where_and_when(self, engine: Engine) -> None:
        measure(engine, add_version(engine), "b")

        (row,) = measurements(engine, model="delay")

        assert row.pop("id") > 0
        assert row == {
            "model": "delay",
            "version": "1",
            "check": "training_serving_skew",
            "subject": "age",
            "segment": None,
            "window_start": START,
            "window_end": START + DAY,
            "value": 0.2,
            "limit": 0.1,
            "lower": None,
            "upper": None,
            "normal": None,
            "outcome": "breach",
            "reason": "day 0 says b",
            "statistic": "W1",
            "expected_rate": 0.003,
        }
        assert row["window_start"].tzinfo is UTC

    def test_rows_are_ordered_by_window_check_and_subject(self, engine: Engine) -> None:
        version = add_version(engine)
        measure(engine, version, "oo", check="volume", subject="")
        measure(engine, version, "oo", subject="wind")
        measure(engine, version, "oo", subject="age")

        found = [(row["window_start"], row["check"], row["subject"]) for row in measurements(engine, model="delay")]

        assert found == sorted(found)
        assert len(found) == 6

    @pytest.mark.parametrize(
        ("wanted", "rows"),
        [
            ({"version": "2"}, 3),
            ({"check": "volume"}, 4),
            ({"subject": "age"}, 6),
            ({"segment": "carrier=UA"}, 2),
            ({"segment": ""}, 11),
            ({"outcome": "breach"}, 2),
            ({"since": START + 2 * DAY}, 4),
            ({"until": START + 2 * DAY}, 9),
            ({"since": START + DAY, "until": START + 2 * DAY}, 4),
            ({"limit": 5}, 5),
        ],
    )
    def test_each_filter_narrows(self, engine: Engine, wanted: dict[str, object], rows: int) -> None:
        first, second = add_version(engine), add_version(engine, version="2")
        measure(engine, first, "oobb")
        measure(engine, first, "oooo", check="volume", subject="")
        measure(engine, first, "oo", segment="carrier=UA", subject="wind")
        measure(engine, second, "oo", subject="age")
        measure(engine, second, "o", subject="wind")

        assert len(measurements(engine, model="delay", **wanted)) == rows  # type: ignore[arg-type]

    @pytest.mark.parametrize("page", [1, 2, 3, 7, 100])
    def test_pages_of_any_size_give_every_row_once(self, engine: Engine, page: int) -> None:
        version = add_version(engine)
        for subject in ("a", "B", "ä", ""):
            measure(engine, version, "oob", subject=subject)
        measure(engine, version, "oob", subject="a", segment="carrier=UA")
        everything = measurements(engine, model="delay")

        found: list[dict[str, object]] = []
        while part := measurements(engine, model="delay", limit=page, after=cursor(found[-1]) if found else None):
            found += part

        assert found == everything
        assert len(everything) == 15

    def test_a_cursor_holds_when_its_row_was_measured_anew(self, engine: Engine) -> None:
        version = add_version(engine)
        measure(engine, version, "ooo")
        first = measurements(engine, model="delay", limit=1)[0]
        measure(engine, version, "b")

        assert [row["outcome"] for row in measurements(engine, model="delay", after=cursor(first))][-2:] == ["ok", "ok"]

    @pytest.mark.parametrize(
        ("wanted", "error"),
        [
            ({"model": "unknown"}, NotFoundError),
            ({"model": "delay", "version": "9"}, NotFoundError),
            ({"model": "delay", "check": "unknown"}, NotFoundError),
            ({"model": "delay", "outcome": "fine"}, InvalidError),
            ({"model": "delay", "limit": 0}, InvalidError),
            ({"model": "delay", "after": "nonsense"}, InvalidError),
            ({"model": "delay", "after": "ä"}, InvalidError),
            ({"model": "delay", "after": "WzEsMiwzLDRd"}, InvalidError),  # [1,2,3,4]
        ],
    )
    def test_what_is_not_there_or_not_allowed_is_named(
        self, engine: Engine, wanted: dict[str, str], error: type[Exception]
    ) -> None:
        add_version(engine)

        with pytest.raises(error):
            measurements(engine, **wanted)  # type: ignore[arg-type]


class TestAlerts:
    def test_open_alerts_say_why_what_to_do_and_who_was_not_told(self, engine: Engine) -> None:
        version = add_version(engine)
        add_channels(engine, [("ops", "NO_SUCH_VARIABLE")])
        measure(engine, version, "oobb")
        alert(engine, NOW)
        deliver(engine, NOW, Settings(), environment={})

        (row,) = alerts(engine)

        assert (row["model"], row["version"], row["check"], row["subject"], row["segment"]) == (
            "delay",
            "1",
            "training_serving_skew",
            "age",
            None,
        )
        assert row["state"] == "firing"
        assert row["since"] == START + 2 * DAY
        assert row["transitions"] == 1
        assert row["advice"]
        (delivery,) = row["deliveries"]
        assert delivery["channel"] == "ops"
        assert delivery["state"] != "delivered"
        assert "NO_SUCH_VARIABLE" in delivery["last_error"]

    def test_resolved_alerts_are_history(self, engine: Engine) -> None:
        version = add_version(engine)
        measure(engine, version, "bb")
        alert(engine, NOW)
        measure(engine, version, "o", first_day=2)
        alert(engine, NOW + DAY)

        assert alerts(engine) == []
        (row,) = alerts(engine, all_=True)
        assert (row["state"], row["transitions"]) == ("resolved", 2)

    def test_one_model_alone(self, engine: Engine) -> None:
        for model in ("delay", "churn"):
            measure(engine, add_version(engine, model), "bb")
        alert(engine, NOW)

        assert [row["model"] for row in alerts(engine, model="churn")] == ["churn"]
        with pytest.raises(NotFoundError):
            alerts(engine, model="unknown")


class TestStandings:
    @pytest.mark.parametrize(
        ("outcomes", "standing", "since_day", "why"),
        [
            ("ooo", Standing.OK, None, "nothing is wrong"),
            ("oob", Standing.BREACH, 2, "the newest window is in breach"),
            ("obb", Standing.BREACH, 1, "the run of breaches began a window ago"),
            ("bob", Standing.BREACH, 2, "an older run has ended"),
            ("ob?", Standing.BREACH, 1, "a window without a verdict does not end a breach"),
            ("b?b", Standing.BREACH, 0, "nor does it split one"),
            ("bo?", Standing.OK, None, "it was within limits when last judged"),
            ("???", Standing.CANNOT_TELL, None, "nothing was ever judged"),
        ],
    )
    def test_a_check_stands_as_its_newest_judged_window(
        self, outcomes: str, standing: Standing, since_day: int | None, why: str
    ) -> None:
        names = {"b": Outcome.BREACH, "o": Outcome.OK, "?": Outcome.NOT_EVALUATED}
        found = stand("volume", {START + day * DAY: {names[letter]: 1} for day, letter in enumerate(outcomes)})

        assert found.standing is standing, why
        assert found.since == (None if since_day is None else START + since_day * DAY), why

    def test_no_verdict_is_never_shown_as_healthy(self) -> None:
        untold = stand("volume", {START: {Outcome.NOT_EVALUATED: 3}})

        assert overall([untold], served=True, open_alerts=0) is Standing.CANNOT_TELL
        assert overall([], served=True, open_alerts=0) is Standing.CANNOT_TELL
        assert overall([], served=False, open_alerts=0) is Standing.NO_DATA


class TestOverview:
    def test_a_model_in_breach_comes_first_and_says_since_when(self, engine: Engine) -> None:
        measure(engine, add_version(engine, "healthy"), "oooo")
        add_version(engine, "idle")
        worst = add_version(engine, "worst")
        serve_rows(engine, worst, 4)
        measure(engine, worst, "oobb", subject="age")
        measure(engine, worst, "oooo", subject="wind")
        measure(engine, worst, "oobb", check="performance", subject="accuracy", value=0.7, limit=0.8)
        alert(engine, NOW)

        first, *others = overview(engine, NOW)

        assert [card.model.name for card in (first, *others)] == ["worst", "idle", "healthy"]
        assert [card.standing for card in (first, *others)] == [Standing.BREACH, Standing.NO_DATA, Standing.OK]
        assert first.since == START + 2 * DAY
        assert first.open_alerts == 2
        assert (first.predictions, first.traffic) == (53, (50, 51, 52, 53))
        assert first.newest_window == START + 3 * DAY
        skew = first.checks["training_serving_skew"]
        assert (skew.breaches, skew.judged, skew.trend) == (1, 2, (0, 0, 1, 1))
        quality = first.readings["performance"]
        assert (quality.subject, quality.value, quality.limit) == ("accuracy", 0.7, 0.8)
        assert quality.outcome is Outcome.BREACH

    def test_the_names_come_with_those_that_have_the_most_alerts_first(self, engine: Engine) -> None:
        add_version(engine, "calm")
        for name, subjects in (("one alert", ["age"]), ("two alerts", ["age", "wind"])):
            version = add_version(engine, name)
            for subject in subjects:
                measure(engine, version, "bb", subject=subject)
        alert(engine, NOW)

        assert fleet.model_names(engine, "another project") == []
        assert fleet.model_names(engine) == ["two alerts", "one alert", "calm"]

    def test_a_thousand_models_are_no_more_than_the_database_takes(self, engine: Engine) -> None:
        since = dict.fromkeys(range(1, 2001), START)
        with read(engine) as connection:
            assert check_standings(connection, since) == {}
            assert fleet._readings(connection, since) == {}
            assert fleet._traffic(connection, since) == {}

    def test_a_day_without_predictions_is_a_zero_in_the_trend(self, engine: Engine) -> None:
        version = add_version(engine)
        serve_rows(engine, version, 3)
        with write(engine) as connection:
            rows = tables.profile.c
            connection.execute(tables.profile.delete().where(rows.window_start == START + DAY))

        (card,) = overview(engine, NOW)

        assert card.traffic == (50, 0, 52)
        assert card.standing is Standing.CANNOT_TELL

    def test_the_newest_version_with_data_stands_for_the_model(self, engine: Engine) -> None:
        measure(engine, add_version(engine, version="1"), "oo")
        measure(engine, add_version(engine, version="2"), "bb")
        add_version(engine, version="3")

        (card,) = overview(engine, NOW)

        assert card.version is not None
        assert (card.version.name, card.standing) == ("2", Standing.BREACH)

    def test_after_a_rollback_the_live_version_stands_for_the_model(self, engine: Engine) -> None:
        live, taken_back = add_version(engine, version="2"), add_version(engine, version="3")
        measure(engine, live, "oooo")
        measure(engine, taken_back, "bb")
        serve_rows(engine, live, 4)
        serve_rows(engine, taken_back, 2)
        set_stage(engine, taken_back, Stage.RETIRED)

        (card,) = overview(engine, NOW)

        assert card.version is not None
        assert (card.version.name, card.standing) == ("2", Standing.OK)
        assert model_view.model_view(engine, "delay").version.name == "2"

    def test_a_shadow_that_is_fine_hides_no_alert_of_the_live_version_and_the_other_way_round(
        self, engine: Engine
    ) -> None:
        live, shadow = add_version(engine, version="2"), add_version(engine, version="4")
        set_stage(engine, shadow, Stage.SHADOW)
        measure(engine, live, "oobb")
        measure(engine, shadow, "oooo")
        alert(engine, NOW)

        (card,) = overview(engine, NOW)

        assert card.version is not None
        assert (card.version.name, card.standing, card.open_alerts) == ("2", Standing.BREACH, 1)

        measure(engine, shadow, "oobb", subject="wind")
        alert(engine, NOW)
        (card,) = overview(engine, NOW)
        assert (card.standing, card.open_alerts) == (Standing.BREACH, 2)


class TestModelView:
    def test_what_is_in_breach_and_what_cannot_be_told(self, engine: Engine) -> None:
        version = add_version(engine)
        serve_rows(engine, version, 4)
        measure(engine, version, "oobb", check="performance", subject="accuracy", value=0.7, limit=0.8)
        measure(engine, version, "oooo", check="performance", subject="auc")
        measure(engine, version, "????", check="concept_drift", subject="")

        view = model_view.model_view(engine, "delay")

        assert view.standing is Standing.BREACH
        assert [(judged.check, judged.subject, judged.since) for judged in view.breaches] == [
            ("performance", "accuracy", START + 2 * DAY)
        ]
        assert view.untold == {"concept_drift": "day 3 says ?"}
        assert (view.first_window, view.newest_window) == (START, START + 3 * DAY)
        assert view.reference is None

    def test_an_alert_counts_for_each_segment_and_breaches_are_as_old_as_those_of_all_rows(
        self, engine: Engine
    ) -> None:
        version = add_version(engine)
        serve_rows(engine, version, 4)
        measure(engine, version, "oobb")
        measure(engine, version, "bbbb", segment="country=FI")
        alert(engine, NOW)

        view = model_view.model_view(engine, "delay")

        assert view.open_alerts == 2
        assert [(judged.subject, judged.since) for judged in view.breaches] == [("age", START + 2 * DAY)]

    def test_unknown_names_are_not_found(self, engine: Engine) -> None:
        add_version(engine)

        for names in (("unknown",), ("delay", "9")):
            with pytest.raises(NotFoundError):
                model_view.model_view(engine, *names)


class TestSeries:
    def test_the_band_is_as_wide_on_both_sides_of_normal_and_starts_at_zero_for_a_distance(
        self, engine: Engine
    ) -> None:
        version = add_version(engine)
        measure(engine, version, "o?b", check="performance", subject="accuracy", value=0.7, limit=0.8)
        measure(engine, version, "ob", value=0.2, limit=0.1)
        with write(engine) as connection:
            quality = tables.measurement.c.check == "performance"
            connection.execute(update(tables.measurement).where(quality).values(normal=0.9))

        (accuracy,) = series.series(engine, version, "performance", since=START, until=NOW)
        (skew,) = series.series(engine, version, "training_serving_skew", since=START, until=NOW)

        np.testing.assert_allclose(accuracy.low, 0.8)
        np.testing.assert_allclose(accuracy.high, 1.0)
        assert accuracy.outcomes == (Outcome.OK, Outcome.NOT_EVALUATED, Outcome.BREACH)
        assert (skew.low[0], skew.high[0]) == (0.0, 0.1)

    def test_the_heat_map_puts_breaches_first_and_counts_what_it_hides(self, engine: Engine) -> None:
        version = add_version(engine)
        measure(engine, version, "oo", subject="calm", value=0.01)
        measure(engine, version, "oo", subject="near", value=0.09)
        measure(engine, version, "ob", subject="moved", value=0.05)
        measure(engine, version, "bo", subject="was", value=0.01)
        measure(engine, version, " ?", subject="silent", value=None, limit=None)

        found = series.heat_map(engine, version, "training_serving_skew", since=START, until=NOW, most=4)

        assert found.subjects == ("moved", "was", "near", "calm")
        assert found.hidden == 1
        np.testing.assert_allclose(found.ratio[2], [0.9, 0.9])
        assert found.outcomes[0].tolist() == ["ok", "breach"]

    def test_an_empty_range_is_an_empty_picture(self, engine: Engine) -> None:
        version = add_version(engine)

        assert series.series(engine, version, "volume", since=START, until=NOW) == []
        assert series.heat_map(engine, version, "volume", since=START, until=NOW).subjects == ()


class TestHistogram:
    """The oracle is numpy on the raw values."""

    @staticmethod
    def compare(engine: Engine, feature: str, before: Sequence[Scalar], now: Sequence[Scalar]) -> histogram.Comparison:
        layout = build_layout(
            Task.BINARY, {feature: before}, scores=np.array([]), classes=["0", "1"], threshold=0.5, confident=0.9
        )
        with write(engine) as connection:
            model = catalogue.add_model(connection, Model("delay", Task.BINARY), START)
            version = catalogue.add_version(connection, Version(model.id, "1"), START)
            stored = references.Reference(layout, len(before), True, True, "0" * 64, START)
            windows = [
                references.ReferenceProfile(start, part)
                for start, part in fold(layout, _rows(layout, feature, before, 3), WindowLength.DAY).items()
            ]
            references.replace(connection, version.id, stored, windows)
            served = fold(layout, _rows(layout, feature, now, 2), WindowLength.DAY) if now else {}
            connection.execute(
                insert(tables.profile),
                [
                    {
                        "version_id": version.id,
                        "window_start": start,
                        "rows": part.rows,
                        "features": encode_counts(part.features),
                        "outcomes": encode_counts(part.outcomes),
                        "revision": 1,
                        "updated_at": START,
                    }
                    for start, part in served.items()
                ],
            ) if served else None
        return histogram.compare(engine, version.id, feature, since=START, until=NOW)

    def test_a_number_falls_into_the_bars_that_its_raw_values_fall_into(self, engine: Engine) -> None:
        rng = np.random.default_rng(1)
        before, now = rng.normal(10, 2, 6000), rng.normal(12, 2, 3000)

        found = self.compare(engine, "wind", before.tolist(), now.tolist())

        assert found.edges is not None
        for side, raw in ((found.reference, before), (found.now, now)):
            exact = np.histogram(np.clip(raw, found.edges[0], found.edges[-1]), found.edges)[0] / raw.size
            # A bin holds 1/128 of the reference, and only where it straddles two bars is its share divided by guess.
            np.testing.assert_allclose(side.shares, exact, atol=0.012)
            assert side.shares.sum() == pytest.approx(1)
            assert side.mean == pytest.approx(raw.mean(), rel=1e-3)
        assert found.windows == 2

    def test_few_values_get_a_bar_each(self, engine: Engine) -> None:
        rng = np.random.default_rng(2)
        before, now = rng.integers(0, 6, 3000), rng.integers(2, 8, 2000)

        found = self.compare(engine, "stops", before.tolist(), now.tolist())

        assert found.edges is None
        assert found.labels[:6] == ("0", "1", "2", "3", "4", "5")
        np.testing.assert_allclose(found.reference.shares[:6], np.bincount(before, minlength=6) / before.size)
        np.testing.assert_allclose(found.now.shares[:6], np.bincount(now, minlength=8)[:6] / now.size)
        assert found.now.shares.sum() == pytest.approx(1)

    def test_new_categories_are_others_and_missing_values_stand_apart(self, engine: Engine) -> None:
        before: list[Scalar] = [*["UA"] * 60, *["DL"] * 40]
        now: list[Scalar] = [*["UA"] * 30, *["NK"] * 50, *[None] * 20]

        found = self.compare(engine, "carrier", before, now)

        assert found.labels == ("UA", "DL", OTHER)
        np.testing.assert_allclose(found.reference.shares, [0.6, 0.4, 0.0])
        np.testing.assert_allclose(found.now.shares, [30 / 80, 0.0, 50 / 80], atol=1e-12)
        assert found.now.missing == pytest.approx(0.2)
        assert found.now.mean is None

    def test_one_wild_value_does_not_squeeze_the_picture(self, engine: Engine) -> None:
        rng = np.random.default_rng(3)
        before = rng.normal(0, 1, 3000)
        now: list[Scalar] = [*rng.normal(0, 1, 1999).tolist(), 1e9]

        found = self.compare(engine, "wind", before.tolist(), now)

        assert found.edges is not None
        assert found.edges[-1] - found.edges[0] < 30

    @pytest.mark.parametrize("served", [[], [None] * 5, [float("nan")] * 5])
    def test_nothing_served_is_no_error(self, engine: Engine, served: list[Scalar]) -> None:
        found = self.compare(engine, "wind", np.linspace(0, 1, 200).tolist(), served)

        assert not found.now.shares.any()
        assert found.now.mean is None
        assert found.now.values == len(served)

    def test_an_unknown_feature_is_not_found(self, engine: Engine) -> None:
        self.compare(engine, "wind", [1.0, 2.0], [1.0])

        with pytest.raises(NotFoundError):
            histogram.compare(engine, 1, "rain", since=START, until=NOW)


def _rows(layout: Layout, feature: str, values: Sequence[Scalar], days: int) -> Rows:
    """The values spread evenly over some days, with nothing predicted."""
    n = len(values)
    times: NDArray[np.int64] = int(START.timestamp() * 1e6) + np.arange(n) * (days * 86_400_000_000 // max(n, 1))
    return Rows(times, [None] * n, [None] * n, [None] * n, np.full(n, np.nan), Truth.unknown(n), {feature: values})


class TestActivity:
    def test_requests_and_messages_that_did_not_arrive(self, engine: Engine) -> None:
        version = add_version(engine)
        add_channels(engine, [("ops", "NO_SUCH_VARIABLE")])
        measure(engine, version, "bb")
        alert(engine, NOW)
        assert activity.undelivered(engine, "delay") == []  # not tried yet is no trouble

        deliver(engine, NOW, Settings(), environment={})
        (trouble,) = activity.undelivered(engine, "delay")
        assert (trouble.channel, trouble.kind) == ("ops", "slack")
        assert "NO_SUCH_VARIABLE" in trouble.last_error
        assert activity.undelivered(engine)[0] == trouble


def test_times_of_any_zone_are_understood(engine: Engine) -> None:
    measure(engine, add_version(engine), "ooo")
    local = datetime(2026, 3, 2, 3, tzinfo=UTC).astimezone().astimezone(tz=None)

    assert len(measurements(engine, model="delay", since=local - timedelta(hours=3))) == 2
