"""Tables of what was sent, and of what is counted of it; `app.storage.tables` has them too."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.storage.schema import metadata
from app.storage.schema import model_id as _model_id
from app.storage.schema import version_id as _version_id
from app.storage.types import BigId, Number, UtcDateTime

batch = Table(
    "batch",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("predictions", Integer, nullable=False),
    Column("corrections", Integer, nullable=False),
    Column("offline_features", Integer, nullable=False, server_default="0"),
    Column("folded_at", UtcDateTime),
    Index(
        "ix_batch_unfolded", "id", sqlite_where=text("folded_at IS NULL"), postgresql_where=text("folded_at IS NULL")
    ),
)

# Folded batches of which a version's part is not counted: it could not be, and waits.
set_aside = Table(
    "set_aside",
    metadata,
    _version_id(primary_key=True),
    Column("batch_id", BigInteger, primary_key=True),
)

prediction = Table(
    "prediction",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("batch_id", BigInteger, nullable=False, index=True),
    _version_id(),
    Column("prediction_id", String(200), nullable=False),
    Column("event_time", UtcDateTime, nullable=False),
    Column("features", Text, nullable=False),  # JSON, as received
    Column("predicted_class", String(200)),
    Column("predicted_value", Number),
    Column("score", Number),
    Column("class_scores", Text),
    Column("latency_ms", Number),
    Column("request_id", String(200)),
    Column("unit_id", String(200)),
    Column("attributes", Text),
    # What the fold has counted for this row: the effective label and its source, and the review state.
    Column("label_class", String(200)),
    Column("label_value", Number),
    Column("label_source", String(20)),
    Column("shown", Boolean, nullable=False, server_default=text("false")),
    Column("corrected", Boolean, nullable=False, server_default=text("false")),
    Column("audited", Boolean, nullable=False, server_default=text("false")),
    Column("labelled_at", UtcDateTime),  # when ground truth or an audit first gave a label
    UniqueConstraint("version_id", "prediction_id"),
    Index("ix_prediction_version_id_event_time_id", "version_id", "event_time", "id"),
)

# What an offline pipeline computes for a prediction; it may come before the prediction, and never changes.
offline_feature = Table(
    "offline_feature",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("batch_id", BigInteger, nullable=False, index=True),
    _version_id(),
    Column("prediction_id", String(200), nullable=False),
    Column("features", Text, nullable=False),  # JSON, as received
    UniqueConstraint("version_id", "prediction_id"),
)

correction = Table(
    "correction",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("batch_id", BigInteger, nullable=False, index=True),
    _model_id(),
    Column("version_id", ForeignKey("version.id", ondelete="CASCADE")),  # None: every version of the model
    Column("prediction_id", String(200), nullable=False),
    Column("said_at", UtcDateTime, nullable=False),
    Column("source", String(20), nullable=False),
    Column("label_class", String(200)),
    Column("label_value", Number),
    Column("author", String(200)),
    Column("shown", Boolean, nullable=False),
    Column("withdraws", BigInteger),  # the id of the correction that this takes back; it says nothing else
    Column("probability", Double),  # with which an audit drew the prediction; None: nobody said
    Column("digest", String(32), nullable=False, unique=True),  # of all the above: the same said twice is one
    Index("ix_correction_model_id_prediction_id", "model_id", "prediction_id"),
    Index("ix_correction_model_id_said_at", "model_id", "said_at"),
)

profile = Table(
    "profile",
    metadata,
    _version_id(primary_key=True),
    Column("segment", String(200), primary_key=True, server_default=""),  # '' is the whole
    Column("window_start", UtcDateTime, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),  # counts up with every change
    Column("evaluated_revision", BigInteger, nullable=False, server_default="0"),
    Column("updated_at", UtcDateTime, nullable=False),
    # Last, because SQLite walks through a row's large values to reach what stands behind them.
    Column("outcomes", LargeBinary, nullable=False),
    Column("features", LargeBinary, nullable=False),
    Index(
        "ix_profile_unevaluated",
        "version_id",
        "window_start",
        sqlite_where=text("revision <> evaluated_revision"),
        postgresql_where=text("revision <> evaluated_revision"),
    ),
)

# Old hours of hourly models, rolled up: a day's profile each, which is never judged.
daily_profile = Table(
    "daily_profile",
    metadata,
    _version_id(primary_key=True),
    Column("segment", String(200), primary_key=True, server_default=""),
    Column("window_start", UtcDateTime, primary_key=True),  # of the day, in UTC
    Column("rows", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    Column("features", LargeBinary, nullable=False),
)

# Profiles that were sent in place of rows: kept as they came, since no row could give them again.
uploaded_profile = Table(
    "uploaded_profile",
    metadata,
    Column("id", BigId, primary_key=True),
    _version_id(),
    Column("upload", String(64), nullable=False),  # SHA-256 of what was sent: the same sent twice is one
    Column("layout_digest", String(64), nullable=False),  # only those of the version's present layout are counted
    Column("window_start", UtcDateTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("counted_at", UtcDateTime),  # None: no profile of the version holds it yet
    Column("outcomes", LargeBinary, nullable=False),
    Column("features", LargeBinary, nullable=False),
    UniqueConstraint("version_id", "upload", "window_start"),
    Index(
        "ix_uploaded_profile_uncounted",
        "version_id",
        "layout_digest",
        sqlite_where=text("counted_at IS NULL"),
        postgresql_where=text("counted_at IS NULL"),
    ),
)

# The files that uploads were made of: whose rows are in one upload must not come again in another.
uploaded_source = Table(
    "uploaded_source",
    metadata,
    _version_id(primary_key=True),
    Column("layout_digest", String(64), primary_key=True),
    Column("source", String(64), primary_key=True),  # SHA-256 of the file
    Column("upload", String(64), nullable=False),
)
