"""What predictions turned out to be worth, from stored profiles and a bounded number of rows."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix
from sqlalchemy import Engine

from app.core.model import Source, Task
from app.services.fold import fold
from app.services.read_models.quality_view import errors_view, quality_view, residual_view
from tests.services.served import NOW, START, Served, correction, prediction, serve, store

HOUR = timedelta(hours=1)
N = 240


@pytest.fixture
def served(engine: Engine) -> Served:
    """Four hours of predictions, a minute apart; from the third hour on, high scores are wrong."""
    found = serve(engine, Task.BINARY, versions=1)
    scores = np.random.default_rng(1).uniform(0.05, 0.95, N)
    rows: list[tuple[object, ...]] = []
    for m, score in enumerate(scores.tolist()):
        said = "yes" if score >= 0.5 else "no"
        late = m >= 120 and score >= 0.5
        rows.append(prediction(found.version_ids[0], f"p{m}", said, minutes=m, score=score))
        if m % 10:
            rows.append(correction(found.model, f"p{m}", "no" if late else said))
        elif m % 20:
            rows.append(correction(found.model, f"p{m}", "yes", source=Source.USER))
    store(engine, rows)
    fold(engine, NOW)
    return found


def test_both_sides_are_what_the_labelled_rows_say(engine: Engine, served: Served) -> None:
    found = quality_view(engine, served.version_ids[0], START, START + 4 * HOUR)
    assert (found.windows, found.labels.predictions, found.labels.judged) == (4, N, N * 9 // 10)
    assert found.labels.by_source == {Source.USER: 12, Source.AUDIT: 0, Source.GROUND_TRUTH: N * 9 // 10}
    assert found.reliability[0] is None  # the reference has no labels
    curve, matrix = found.reliability[1], found.confusion[1]
    assert curve is not None
    assert matrix is not None
    assert curve.rows.sum() == matrix.counts.sum() == N * 9 // 10
    assert matrix.classes == ("no", "yes")
    scores = np.random.default_rng(1).uniform(0.05, 0.95, N)
    chosen = np.arange(N) % 10 > 0
    said = scores >= 0.5
    true = said & (np.arange(N) < 120)
    assert matrix.counts.tolist() == confusion_matrix(true[chosen], said[chosen]).tolist()


def test_only_the_asked_windows_and_segment_count(engine: Engine, served: Served) -> None:
    first = quality_view(engine, served.version_ids[0], START, START + HOUR)
    assert (first.windows, first.labels.predictions) == (1, 60)
    nothing = quality_view(engine, served.version_ids[0], START, START + HOUR, "country=FI")
    assert (nothing.windows, nothing.reliability[1], nothing.confusion[1]) == (0, None, None)


def test_errors_part_where_the_truth_has_changed(engine: Engine, served: Served) -> None:
    middle = START + 2 * HOUR
    found = errors_view(engine, served.version_ids[0], (START, middle), (middle, START + 4 * HOUR))
    assert found is not None
    assert found.before is not None
    assert found.after is not None
    assert found.before.share.tolist() == [0.0] * found.before.share.size
    assert found.after.share[found.after.score < 0.45].max() == 0.0
    assert found.after.share[found.after.score > 0.6].min() == 1.0
    none = errors_view(engine, served.version_ids[0], (START - 2 * HOUR, START), (START, middle))
    assert none is not None
    assert none.before is None


def test_a_regression_s_residuals_come_from_labelled_rows(engine: Engine) -> None:
    found = serve(engine, Task.REGRESSION, versions=1)
    rows: list[tuple[object, ...]] = []
    for m in range(120):
        rows.append(prediction(found.version_ids[0], f"p{m}", float(m), minutes=m, score=None))
        if m % 2:
            rows.append(correction(found.model, f"p{m}", float(m) - 5.0))
    store(engine, rows)
    fold(engine, NOW)
    view = residual_view(engine, found.version_ids[0], START, START + 2 * HOUR)
    assert view.reference is None  # there is no sample of it
    assert view.now is not None
    assert view.now.rows.sum() == 60
    assert view.now.bias == pytest.approx(np.full(view.now.rows.size, 5.0))
    assert residual_view(engine, found.version_ids[0], NOW, NOW + HOUR).now is None
    assert errors_view(engine, found.version_ids[0], (START, NOW), (START, NOW)) is None
    assert quality_view(engine, found.version_ids[0], START, NOW).confusion == (None, None)
