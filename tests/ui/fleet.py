"""A fleet to look at: four models' profiles, judged and alerted by the real services.

`arrival-delay` drifts from day DRIFT on, `churn` is healthy, `house-price` is still learning, and the last one has a
name that tries to be markup, and no data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, insert, update

from app.core.codec import encode_counts
from app.core.fold import NEVER, UNKNOWN, Rows, Truth, fold
from app.core.importance import importance_of
from app.core.layout import Layout, build_layout, default_layout
from app.core.model import Model, Source, Task, Version
from app.core.profile import Profile
from app.core.records import Scalar
from app.core.retraining import Policy
from app.core.sample import Sample, feature_values, finite_numbers
from app.services.alerting import alert
from app.services.catalogue import register_model, register_version
from app.services.channels import add_channel
from app.services.delivery import deliver
from app.services.evaluate import evaluate
from app.services.policies import set_policy
from app.services.retraining import act
from app.settings import Settings
from app.storage import references, tables
from app.storage.engine import write
from app.storage.samples import PackedSample, replace_sample

HOSTILE = "<img src=x onerror=alert(1)> **bold** :smile: $x^2$"
HOSTILE_FEATURE = "<b>wind</b>"
REFERENCE_DAYS, SERVED_DAYS, DRIFT = 60, 75, 45
ROWS = 400
CLOSED_PORT = 9  # of the discard service, which nobody runs
SECRET = "env:WATCHKEEPER_TEST_WEBHOOK_SECRET"
ENVIRONMENT = {"WATCHKEEPER_TEST_WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 4}

Columns = dict[str, Sequence[Scalar]]


def build(engine: Engine, now: datetime) -> None:
    """Fill a migrated, empty database as of `now`."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first_served = today - timedelta(days=SERVED_DAYS)
    add_channel(engine, now, "on-call", "email", _mail())
    delay = _model(engine, now, Model("arrival-delay", Task.BINARY, owner="flights", max_staleness=timedelta(days=60)))
    _policy(engine, now)
    version = _version(engine, now, delay, "2", first_served)
    _fill(engine, delay, version, first_served, drift=True, seed=1)
    churn = _model(engine, now, Model("churn", Task.BINARY, owner="growth"))
    _fill(engine, churn, _version(engine, now, churn, "2026.10", first_served), first_served, drift=False, seed=2)
    price = _model(engine, now, Model("house-price", Task.REGRESSION))
    _fill_prices(engine, price, _version(engine, now, price, "1", today - timedelta(days=6)), today)
    hostile = _model(engine, now, Model(HOSTILE, Task.BINARY))
    _version(engine, now, hostile, "v1 *<i>*", today)
    work(engine, now)


def work(engine: Engine, now: datetime) -> None:
    """What the worker does in a round, without the fold: the profiles are here already."""
    settings = Settings(allow_private_targets=True)
    evaluate(engine, now)
    alert(engine, now, public_url="http://127.0.0.1:8601")
    deliver(engine, now, settings, environment=ENVIRONMENT)
    act(engine, now, settings, environment=ENVIRONMENT)


def _mail() -> Mapping[str, object]:
    return {"host": "127.0.0.1", "port": CLOSED_PORT, "sender": "w@example.org", "recipients": "ops@example.org"}


def _policy(engine: Engine, now: datetime) -> None:
    set_policy(
        engine,
        now,
        "arrival-delay",
        Policy(("performance", "training_serving_skew"), timedelta(days=7), 0),
        webhook_url=f"http://127.0.0.1:{CLOSED_PORT}/retrain",
        secret=SECRET,
    )


def _model(engine: Engine, now: datetime, model: Model) -> Model:
    return register_model(engine, model, now)


def _version(engine: Engine, now: datetime, model: Model, name: str, deployed: datetime) -> Version:
    trained = deployed - timedelta(days=1)
    new = Version(model.id, name, newest_training_row=trained, deployed_at=deployed, framework="scikit-learn")
    return register_version(engine, model.name, new, now)


def _fill(engine: Engine, model: Model, version: Version, served: datetime, *, drift: bool, seed: int) -> None:
    """A reference of REFERENCE_DAYS before `served`, and SERVED_DAYS of production from there on."""
    rng = np.random.default_rng(seed)
    start = served - timedelta(days=REFERENCE_DAYS)
    columns, scores, _, labels = _flights(rng, REFERENCE_DAYS, drift=0)
    layout = build_layout(
        Task.BINARY, columns, scores=scores, classes=["0", "1"], threshold=0.5, confident=model.confident_threshold
    )
    _store_reference(engine, model, version, layout, _rows(rng, columns, scores, labels, _times(start, REFERENCE_DAYS)))
    columns, scores, _, labels = _flights(rng, SERVED_DAYS, drift=SERVED_DAYS - DRIFT if drift else 0)
    profiles = fold(layout, _rows(rng, columns, scores, labels, _times(served, SERVED_DAYS), truth=True), model.window)
    _store_profiles(engine, version, profiles, served)


def _flights(
    rng: np.random.Generator, days: int, *, drift: int
) -> tuple[Columns, NDArray[np.float64], NDArray[np.float64], NDArray[np.object_]]:
    """Features, scores, true probabilities and labels of `days` days, of which the last `drift` move away."""
    n, since = days * ROWS, np.repeat(np.arange(days) - (days - drift), ROWS)
    shift = np.clip(since / 12, 0, 1) if drift else np.zeros(n)
    day = np.repeat(rng.normal(0, 0.12, days), ROWS)
    temperature = rng.normal(12, 6, n) + 4 * day + 5 * shift
    wind = rng.gamma(3, 3, n) * (1 + 0.35 * shift)
    distance = rng.lognormal(6.8, 0.6, n)
    hour = np.minimum(rng.binomial(23, 0.55 + 0.03 * shift), 23).astype(float)
    carrier = np.where(
        rng.random(n) < 0.3 * shift, "NK", rng.choice(["UA", "DL", "AA", "B6"], n, p=[0.4, 0.3, 0.2, 0.1])
    )
    logit = 0.5 * (wind - 9) / 3 + 0.6 * (hour - 12.6) + day - 0.4
    score = 1 / (1 + np.exp(-logit))
    truth = 1 / (1 + np.exp(-(logit * (1 - 0.5 * shift) - 0.7 * shift)))
    labels = np.where(rng.random(n) < truth, "1", "0").astype(object)
    visibility: list[Scalar] = [
        None if gone else float(v)
        for gone, v in zip(rng.random(n) < 0.02 + 0.2 * shift, rng.uniform(1, 10, n), strict=True)
    ]
    columns: Columns = {
        "temperature": temperature.tolist(),
        HOSTILE_FEATURE: wind.tolist(),
        "distance": distance.tolist(),
        "hour": hour.tolist(),
        "visibility": visibility,
        "humidity": (rng.beta(4, 3, n) * 100).tolist(),
        "pressure": rng.normal(1013, 7, n).tolist(),
        "carrier": carrier.tolist(),
        "origin": rng.choice(["EWR", "JFK", "LGA"], n).tolist(),
    }
    return columns, score, truth, labels


def _times(start: datetime, days: int) -> NDArray[np.int64]:
    microseconds = int(start.timestamp()) * 1_000_000
    offsets = np.tile(np.linspace(0, 86_399, ROWS), days) + np.repeat(np.arange(days), ROWS) * 86_400
    return microseconds + (offsets * 1_000_000).astype(np.int64)


def _rows(
    rng: np.random.Generator,
    columns: Columns,
    scores: NDArray[np.float64],
    labels: NDArray[np.object_],
    times: NDArray[np.int64],
    *,
    truth: bool = False,
) -> Rows:
    n = times.size
    predicted = np.where(scores >= 0.5, "1", "0").astype(object)
    ground = list(Source).index(Source.GROUND_TRUTH)
    shown = rng.random(n) < 0.2 if truth else np.zeros(n, np.bool_)
    corrected = shown & (predicted != labels) & (rng.random(n) < 0.6)
    source = np.where(rng.random(n) < 0.95, ground, UNKNOWN).astype(np.int8)
    known = Truth(labels, np.full(n, np.nan), source, shown, corrected, np.zeros(n, np.bool_), times + 3_600_000_000)
    return Rows(times, predicted.tolist(), [None] * n, scores, rng.lognormal(2.5, 0.3, n), known, columns)


def _fill_prices(engine: Engine, model: Model, version: Version, today: datetime) -> None:
    """Six days without a reference: too few to know what is normal."""
    rng = np.random.default_rng(3)
    n = 6 * ROWS
    price = rng.lognormal(12.6, 0.3, n)
    truth = Truth(
        np.full(n, None, object),
        price * rng.normal(1, 0.1, n),
        np.full(n, list(Source).index(Source.GROUND_TRUTH), np.int8),
        *(np.zeros(n, np.bool_),) * 3,
        np.full(n, NEVER),
    )
    rows = Rows(_times(today - timedelta(days=6), 6), [None] * n, price, [None] * n, np.full(n, np.nan), truth, {})
    layout = default_layout(Task.REGRESSION, positive_label="1", threshold=0.5, confident=0.9)
    _store_profiles(engine, version, fold(layout, rows, model.window), today)


def _store_reference(engine: Engine, model: Model, version: Version, layout: Layout, rows: Rows) -> None:
    windows = [references.ReferenceProfile(start, part) for start, part in fold(layout, rows, model.window).items()]
    stored = references.Reference(layout, rows.times.size, True, True, "0" * 64, datetime.now(UTC))
    sample = Sample(
        rows.times.size,
        feature_values(layout, rows.features),
        list(rows.predicted_class),
        finite_numbers(rows.score),
        rows.truth.label_class.tolist(),
    )
    with write(engine) as connection:
        references.replace(connection, version.id, stored, windows)
        replace_sample(connection, version.id, PackedSample.of(sample, importance_of(sample, model.task)))


def _store_profiles(engine: Engine, version: Version, profiles: Mapping[datetime, Profile], now: datetime) -> None:
    values = [
        {
            "version_id": version.id,
            "segment": "",
            "window_start": start,
            "rows": part.rows,
            "features": encode_counts(part.features),
            "outcomes": encode_counts(part.outcomes),
            "revision": 1,
            "updated_at": now,
        }
        for start, part in profiles.items()
    ]
    counted = update(tables.version).where(tables.version.c.id == version.id).values(rebuild_position=None)
    with write(engine) as connection:
        connection.execute(insert(tables.profile), values)
        connection.execute(counted)  # the new reference asked for a rebuild from raw rows, and there are none
