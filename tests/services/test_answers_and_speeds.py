"""What versions answered and how fast, against numpy on the raw values that were folded."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, insert

from app.core.codec import encode_counts
from app.core.errors import NotFoundError
from app.core.fold import NEVER, UNKNOWN, Rows, Truth, fold
from app.core.layout import Layout, build_layout
from app.core.model import Model, Task, Version, WindowLength
from app.core.profile import Profile
from app.services.read_models import series
from app.services.read_models.answers import Answers, answers
from app.services.read_models.model_view import model_view
from app.services.read_models.speeds import version_speeds
from app.services.read_models.standings import Standing
from app.storage import catalogue, references, tables
from app.storage.engine import write
from tests.services.measured import DAY, START, add_version, measure
from tests.services.test_read_models import serve_rows

NOW = START + 100 * DAY
N = 4_000


def rows(scores: NDArray[np.float64], latency: float) -> Rows:
    """Predictions of one day, half of them below `latency` ms."""
    n = scores.size
    first = int(START.timestamp()) * 1_000_000
    none = np.zeros(n, np.bool_)
    truth = Truth(
        np.full(n, None, object),
        np.full(n, np.nan),
        np.full(n, UNKNOWN, np.int8),
        none,
        none.copy(),
        none.copy(),
        np.full(n, NEVER),
    )
    predicted = np.where(scores >= 0.5, "1", "0").astype(object).tolist()
    times = first + np.linspace(0, 86_399, n).astype(np.int64) * 1_000_000
    return Rows(times, predicted, [None] * n, scores, latency * np.linspace(0.5, 1.5, n), truth, {})


def serve(engine: Engine, version_id: int, part: Profile, segment: str = "") -> None:
    counts = {"features": encode_counts(part.features), "outcomes": encode_counts(part.outcomes)}
    values = {"version_id": version_id, "segment": segment, "window_start": START, "rows": part.rows, **counts}
    with write(engine) as connection:
        connection.execute(insert(tables.profile), {**values, "revision": 1, "updated_at": START})


def versions(engine: Engine, *names: str) -> list[Version]:
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model("delay", Task.BINARY), START)
        made = [Version(model.id, name, runtime="onnxruntime", hardware=f"cpu {name}") for name in names]
        return [catalogue.add_version(connection, one, START) for one in made]


def layout_of(scores: NDArray[np.float64]) -> Layout:
    return build_layout(Task.BINARY, {}, scores=scores, classes=["0", "1"], threshold=0.5, confident=0.9)


def profile(layout: Layout, scores: NDArray[np.float64], latency: float = 10.0) -> Profile:
    return fold(layout, rows(scores, latency), WindowLength.DAY)[START]


class TestAnswers:
    @staticmethod
    def found(engine: Engine, before: NDArray[np.float64], now: NDArray[np.float64]) -> Answers | None:
        [version] = versions(engine, "1")
        layout = layout_of(before)
        with write(engine) as connection:
            windows = [references.ReferenceProfile(START, profile(layout, before))]
            references.replace(
                connection, version.id, references.Reference(layout, N, True, True, "0" * 64, START), windows
            )
        serve(engine, version.id, profile(layout, now))
        serve(engine, version.id, profile(layout, np.full(N, 0.05)), "origin=JFK")
        return answers(engine, version.id, since=START, until=NOW)

    def test_scores_and_classes_are_those_of_the_raw_rows(self, engine: Engine) -> None:
        rng = np.random.default_rng(4)
        before, now = rng.beta(2, 5, N), rng.beta(4, 3, N)

        found = self.found(engine, before, now)

        assert found is not None
        assert found.scores is not None
        assert found.scores.edges is not None
        assert found.classes is not None
        for side, raw in ((found.scores.reference, before), (found.scores.now, now)):
            expected = np.histogram(raw, found.scores.edges)[0] / N
            # Where a bar ends within a bin, that bin's share is divided by guess.
            guessed = np.histogram(raw, [0.0, *layout_of(before).score_edges, 1.0])[0].max() / N
            assert np.abs(np.cumsum(side.shares) - np.cumsum(expected)).max() < guessed
            assert side.values == N
        np.testing.assert_allclose(found.classes.reference.shares, [np.mean(before < 0.5), np.mean(before >= 0.5)])
        np.testing.assert_allclose(found.classes.now.shares, [np.mean(now < 0.5), np.mean(now >= 0.5)])

    def test_a_segment_has_its_own(self, engine: Engine) -> None:
        scores = np.random.default_rng(5).beta(2, 2, N)
        self.found(engine, scores, scores)

        found = answers(engine, 1, since=START, until=NOW, segment="origin=JFK")

        assert found is not None
        assert found.classes is not None
        assert found.classes.now.shares.tolist() == [1.0, 0.0]

    def test_without_a_reference_there_is_nothing_to_compare_with(self, engine: Engine) -> None:
        assert answers(engine, add_version(engine), since=START, until=NOW) is None


class TestSpeeds:
    def test_each_version_has_the_quantiles_of_its_raw_latencies(self, engine: Engine) -> None:
        scores = np.random.default_rng(6).random(N)
        layout = layout_of(scores)
        slow, fast, _ = versions(engine, "slow", "fast", "idle")
        serve(engine, slow.id, profile(layout, scores, 80.0))
        serve(engine, fast.id, profile(layout, scores, 20.0))

        found = {one.version.name: one for one in version_speeds(engine, "delay", START, NOW)}

        assert list(found) == ["slow", "fast"]
        for name, latency in (("slow", 80.0), ("fast", 20.0)):
            raw = latency * np.linspace(0.5, 1.5, N)
            for quantile, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                assert found[name].quantiles[quantile] == pytest.approx(np.quantile(raw, q), rel=0.05)  # 5 % bins
        assert found["fast"].runs_on == "onnxruntime, cpu fast"
        assert found["fast"].per_second == pytest.approx(N / 86_400)
        assert found["fast"].shares.sum() == pytest.approx(1)

    def test_a_range_without_requests_has_no_version(self, engine: Engine) -> None:
        versions(engine, "1")

        assert version_speeds(engine, "delay", NOW, NOW + timedelta(days=1)) == []

    def test_an_unknown_model_is_not_found(self, engine: Engine) -> None:
        with pytest.raises(NotFoundError):
            version_speeds(engine, "gone", START, NOW)


class TestSegment:
    def test_a_version_stands_as_the_segment_does(self, engine: Engine) -> None:
        version = add_version(engine)
        serve_rows(engine, version, 4)
        measure(engine, version, "oooo")
        measure(engine, version, "oobb", segment="country=FI")
        measure(engine, version, "????", segment="country=SE")

        stands = {
            name: model_view(engine, "delay", segment=name) for name in ("", "country=FI", "country=SE", "country=NO")
        }

        assert [view.standing for view in stands.values()] == [
            Standing.OK,
            Standing.BREACH,
            Standing.CANNOT_TELL,
            Standing.CANNOT_TELL,
        ]
        assert [judged.since for judged in stands["country=FI"].breaches] == [START + 2 * DAY]
        assert stands["country=SE"].untold == {"training_serving_skew": "day 3 says ?"}


class TestHeatMap:
    def test_it_can_be_searched_and_knows_the_newest_verdict(self, engine: Engine) -> None:
        version = add_version(engine)
        measure(engine, version, "oo?", subject="Wind_speed", value=0.05)
        measure(engine, version, "ooo", subject="100%", value=0.02)

        def found(search: str) -> series.HeatMap:
            return series.heat_map(engine, version, "training_serving_skew", since=START, until=NOW, search=search)

        assert found("wind").subjects == ("Wind_speed",)
        assert found("%").subjects == ("100%",)
        assert found("_").subjects == ("Wind_speed",)
        assert found("wind").newest(0) == 1
        np.testing.assert_allclose(found("wind").values, [[0.05, 0.05, 0.05]])
