"""Models that served something: rows put into the database as the collector does, and what they must amount to.

What they must amount to is computed here the plain way, with a dictionary per prediction and one fold of everything,
so that it can judge the incremental fold and the rebuild alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import count
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Row, Table, select

from app.core.codec import decode_counts
from app.core.fold import NEVER, UNKNOWN, Rows, Truth, fold
from app.core.layout import Layout, build_layout
from app.core.model import Model, Source, Task, Version, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.storage import ingest, references, tables
from app.storage.catalogue import add_model, add_version
from app.storage.engine import read, write

START = datetime(2026, 3, 1, 22, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCES = list(Source)
_names = count(1)


@dataclass(frozen=True)
class Served:
    """A model with versions, each with a layout of one number `x` and one category `kind`."""

    model: Model
    version_ids: list[int]
    layout: Layout = field(repr=False)


def serve(
    engine: Engine,
    task: Task,
    versions: int = 2,
    window: WindowLength = WindowLength.HOUR,
    segment_by: tuple[str, ...] = (),
) -> Served:
    """Register a model with a reference for each version."""
    layout = layout_of(task)
    with write(engine) as connection:
        name = f"{task.value}-{next(_names)}"
        new = Model(name, task, window, positive_label="yes", segment_by=segment_by)
        model = add_model(connection, new, START)
        ids = []
        for number in range(versions):
            version_id = add_version(connection, Version(model.id, str(number + 1)), START).id
            refer(connection, version_id, layout, START)
            ids.append(version_id)
    return Served(model, ids, layout)


def refer(connection: Connection, version_id: int, layout: Layout, now: datetime) -> None:
    """Give the version a reference of that layout."""
    counts = Profile(FeatureCounts.empty(layout), OutcomeCounts.empty(layout))
    whole = references.ReferenceProfile(None, counts)
    new = references.Reference(layout, 0, False, True, f"digest of {len(layout.score_edges)}", now)
    references.replace(connection, version_id, new, [whole])


def layout_of(task: Task, shift: float = 0.0) -> Layout:
    values = np.random.default_rng(1).normal(shift, 1, 300)
    return build_layout(
        task,
        {"x": values.tolist(), "kind": ["a"] * 200 + ["b"] * 100},
        scores=values if task is Task.REGRESSION else np.linspace(0.01, 0.99, 300),
        classes=["no", "yes"] if task is Task.BINARY else ["no", "yes", "perhaps"],
        threshold=0.5,
        confident=0.9,
    )


def prediction(
    version_id: int,
    key: str,
    said: Any = "yes",
    *,
    minutes: float = 0,
    features: dict[str, object] | None = None,
    score: float | None = 0.7,
    latency_ms: float | None = 5.0,
    attributes: dict[str, str] | None = None,
) -> ingest.PredictionRow:
    """A prediction row; `said` is the class or the number."""
    number = isinstance(said, float)
    at = START + timedelta(minutes=minutes)
    text = json.dumps({"x": 0.5, "kind": "a"} if features is None else features)
    answer = (None, said) if number else (said, None)
    given = None if attributes is None else json.dumps(attributes)
    return (version_id, key, at, text, *answer, score, None, latency_ms, None, None, given)


def correction(
    model: Model,
    key: str,
    label: Any,
    source: Source = Source.GROUND_TRUTH,
    *,
    version_id: int | None = None,
    at: int = 0,
    shown: bool = False,
    author: str | None = None,
    withdraws: int | None = None,
    probability: float | None = None,
) -> ingest.CorrectionRow:
    """A correction row, said `at` seconds after the start; `label` is the class, the number or None."""
    answer = (None, label) if isinstance(label, float) else (label, None)
    said_at = START + timedelta(seconds=at)
    said = (model.id, version_id, key, at, source, label, shown, author, withdraws)
    digest = blake2b(repr(said).encode(), digest_size=16).hexdigest()
    return (model.id, version_id, key, said_at, source.value, *answer, author, shown, withdraws, probability, digest)


def offline(version_id: int, key: str, features: dict[str, object] | None = None) -> ingest.OfflineRow:
    """What the offline pipeline computed for a prediction."""
    return (version_id, key, json.dumps({"x": 0.5, "kind": "a"} if features is None else features))


def store(engine: Engine, rows: Iterable[tuple[Any, ...]]) -> None:
    """Store the rows as one batch, as the collector does."""
    rows = list(rows)
    computed = [row for row in rows if len(row) == len(OFFLINE)]
    predictions = [row for row in rows if len(row) != len(OFFLINE) and isinstance(row[FEATURES], str)]
    corrections = [row for row in rows if len(row) != len(OFFLINE) and not isinstance(row[FEATURES], str)]
    with write(engine) as connection:
        ingest.insert_rows(connection, [ingest.Rows(predictions, corrections, computed)], NOW)


FEATURES = 3
"""Their place in a prediction row; a correction has its time there."""
OFFLINE = offline(0, "")


def stored_profiles(
    engine: Engine, version_id: int, segment: str = "", table: Table = tables.profile
) -> dict[datetime, Profile]:
    mine = (table.c.version_id == version_id, table.c.segment == segment)
    with read(engine) as connection:
        found = connection.execute(select(table).where(*mine)).all()
    profiles = {
        row.window_start: Profile(
            decode_counts(FeatureCounts, row.features), decode_counts(OutcomeCounts, row.outcomes)
        )
        for row in found
    }
    assert {row.window_start: row.rows for row in found} == {start: one.rows for start, one in profiles.items()}
    return profiles


def expected_profiles(
    engine: Engine, served: Served, version_id: int, chosen: Callable[[Row[Any]], bool] = lambda row: True
) -> dict[datetime, Profile]:
    """One fold of everything that the database holds of the version, or of its chosen predictions."""
    p, c = tables.prediction.c, tables.correction.c
    with read(engine) as connection:
        rows = connection.execute(select(tables.prediction).where(p.version_id == version_id)).all()
        said = connection.execute(select(tables.correction).where(c.model_id == served.model.id)).all()
        o = tables.offline_feature
        computed = connection.execute(select(o).where(o.c.version_id == version_id)).all()
    rows = [row for row in rows if chosen(row)]
    if not rows:
        return {}
    about = [
        _standing(
            [one for one in said if one.prediction_id == row.prediction_id and one.version_id in (None, version_id)]
        )
        for row in rows
    ]
    features = [json.loads(row.features) for row in rows]
    columns = Rows(
        np.array([_microseconds(row.event_time) for row in rows]),
        [row.predicted_class for row in rows],
        [row.predicted_value for row in rows],
        [row.score for row in rows],
        np.array([math.nan if row.latency_ms is None else row.latency_ms for row in rows]),
        _truth(served.model.task, rows, about),
        {name: [one.get(name) for one in features] for name in ("x", "kind")},
        [row.features for row in rows],
        np.array([len(one.keys() - {"x", "kind"}) for one in features]),
    )
    profiles = fold(served.layout, columns, served.model.window)
    _add_parity(profiles, served, {row.prediction_id: row for row in rows}, computed)
    return profiles


def _add_parity(
    profiles: dict[datetime, Profile], served: Served, rows: dict[str, Row[Any]], computed: Sequence[Row[Any]]
) -> None:
    """Each pair of a prediction and its offline values, one by one, into the profile of its window."""
    scale = served.layout.numeric[0].scale
    for one in computed:
        row = rows.get(one.prediction_id)
        if row is None:
            continue
        found = profiles[served.model.window.start_of(row.event_time)].outcomes
        mine, theirs = json.loads(row.features), json.loads(one.features)
        for f, name in enumerate(("x", "kind")):
            if name in theirs:
                a, b = mine.get(name), theirs[name]
                numbers = name == "x" and all(type(value) in (int, float) for value in (a, b))
                found.parity[f, 0] += 1
                found.parity[f, 1] += abs(a - b) > 1e-6 * max(abs(a), abs(b), scale) if numbers else a != b
                found.parity_gaps[f] = max(found.parity_gaps[f], abs(a - b) if numbers else 0)


def _truth(task: Task, rows: Sequence[Row[Any]], about: Sequence[list[Row[Any]]]) -> Truth:
    labels = [_newest(said, _strongest(said)) for said in about]
    users = [_newest(said, "user") for said in about]
    return Truth(
        np.array([label and label.label_class for label in labels], object),
        np.array([math.nan if label is None or label.label_value is None else label.label_value for label in labels]),
        np.array([UNKNOWN if label is None else SOURCES.index(Source(label.source)) for label in labels], np.int8),
        np.array([any(one.shown for one in said) for said in about]),
        np.array([user is not None and _differs(task, row, user) for row, user in zip(rows, users, strict=True)]),
        np.array([_newest(said, "audit") is not None for said in about]),
        np.array([min((_microseconds(one.said_at) for one in _judging(said)), default=NEVER) for said in about]),
    )


def _microseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _judging(said: list[Row[Any]]) -> list[Row[Any]]:
    """The labels that quality is measured by."""
    return [one for one in _labels(said) if one.source != "user"]


def _standing(said: list[Row[Any]]) -> list[Row[Any]]:
    """Without what was taken back, and without the taking back."""
    return [one for one in said if one.withdraws is None and one.id not in {other.withdraws for other in said}]


def _labels(said: list[Row[Any]]) -> list[Row[Any]]:
    return [
        one
        for one in said
        if one.label_class is not None or (one.label_value is not None and math.isfinite(one.label_value))
    ]


def _strongest(said: list[Row[Any]]) -> str:
    present = {one.source for one in _labels(said)}
    return next((source for source in ("ground_truth", "audit", "user") if source in present), "")


def _newest(said: list[Row[Any]], source: str) -> Row[Any] | None:
    mine = [one for one in _labels(said) if one.source == source]
    return max(mine, key=lambda one: (one.said_at, one.id)) if mine else None


def _differs(task: Task, row: Row[Any], user: Row[Any]) -> bool:
    if task is Task.REGRESSION:
        return row.predicted_value is not None and row.predicted_value != user.label_value
    if row.predicted_class is None:
        return False
    same: Callable[[str], str | bool] = (lambda name: name == "yes") if task is Task.BINARY else str
    return same(row.predicted_class) != same(user.label_class)


def assert_same(
    found: dict[datetime, Profile], expected: dict[datetime, Profile], *, but: frozenset[str] = frozenset()
) -> None:
    """Equal to the last count, save the arrays of `but`; sums of regression errors to 1e-9 of their size."""
    assert found.keys() == expected.keys()
    for start, profile in expected.items():
        for mine, theirs in ((found[start].features, profile.features), (found[start].outcomes, profile.outcomes)):
            for name, array in theirs.arrays().items():
                if name not in {"errors", *but}:
                    np.testing.assert_array_equal(mine.arrays()[name], array, err_msg=f"{name} of {start}")
        np.testing.assert_allclose(found[start].outcomes.errors, profile.outcomes.errors, rtol=1e-9, atol=1e-9)


def assert_counted(engine: Engine, served: Served) -> None:
    """Every version's profiles are what one fold of everything gives."""
    for version_id in served.version_ids:
        assert_same(stored_profiles(engine, version_id), expected_profiles(engine, served, version_id))
