"""A storm: everything breaches at once, and people get one message per model, check and channel."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy import Engine, insert

from app.core.block_kit import blocks_of
from app.core.messages import MOST_LINES, from_json
from app.core.model import Outcome
from app.services.alerting import AlertSummary, alert
from app.storage import tables
from app.storage.engine import write
from tests.services.measured import DAY, START, add_channels, add_version, rows_of

MODELS, FEATURES = 20, 500
NOW = START + 30 * DAY
MINUTE = timedelta(minutes=1)


def breach(engine: Engine, version_ids: list[int], features: range) -> None:
    """One measurement of each feature of each version, in its first window."""
    rows = [
        {
            "version_id": version_id,
            "check": "training_serving_skew",
            "subject": f"feature_{n}",
            "segment": "",
            "window_start": START,
            "window_end": START + DAY,
            "value": 0.2 + n / 1000,
            "limit": 0.1,
            "outcome": Outcome.BREACH.value,
            "reason": "beyond the limit in 2 of the last 3 windows",
            "statistic": "normed Wasserstein",
            "evaluated_at": START,
        }
        for version_id in version_ids
        for n in features
    ]
    with write(engine) as connection:
        connection.execute(insert(tables.measurement), rows)


def test_a_storm_is_one_message_per_model_check_and_channel(engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS"), ("oncall", "ONCALL")])
    version_ids = [add_version(engine, f"model_{n}") for n in range(MODELS)]
    breach(engine, version_ids, range(FEATURES))

    assert alert(engine, NOW) == AlertSummary(fired=MODELS * FEATURES, notifications=MODELS)
    deliveries = rows_of(engine, "delivery")
    assert set(Counter((row["channel_id"], row["notification_id"]) for row in deliveries).values()) == {1}
    assert len(deliveries) == 2 * MODELS

    messages = [from_json(row["message"]) for row in rows_of(engine, "notification")]  # type: ignore[arg-type]
    assert {(message.model, message.check) for message in messages} == {
        (f"model_{n}", "training_serving_skew") for n in range(MODELS)
    }
    for message in messages:
        assert (len(message.lines), message.more, message.remaining) == (MOST_LINES, FEATURES - MOST_LINES, FEATURES)
        assert message.lines[0].subject == "feature_499"
        assert len(str(blocks_of(message))) < 16_000

    # What joins while the storm goes on waits for more of it, and nothing is repeated before its time.
    breach(engine, version_ids, range(FEATURES, FEATURES + 1))
    assert alert(engine, NOW + MINUTE) == AlertSummary(fired=MODELS)
