"""Tables of the way back to training; `app.storage.tables` has them too."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from app.storage.schema import Json, metadata
from app.storage.schema import model_id as _model_id
from app.storage.schema import version_id as _version_id
from app.storage.types import BigId, UtcDateTime

# What somebody trained on, so that a version can name it. Kept for good.
training_set = Table(
    "training_set",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the content
    _model_id(),
    Column("manifest", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_training_set_model_id", "model_id"),
)

# Rows that stay out of training sets. Nothing is ever changed: an exclusion is ended by a row that says so, so that
# what was excluded when a set was made can be told for good.
exclusion = Table(
    "exclusion",
    metadata,
    Column("id", Integer, primary_key=True),
    _model_id(),
    Column("ends", ForeignKey("exclusion.id", ondelete="CASCADE"), unique=True),  # None: it excludes
    Column("since", UtcDateTime),
    Column("until", UtcDateTime),
    Column("prediction_ids", Json),  # None: all of the time span
    Column("author", String(200), nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_exclusion_model_id", "model_id"),
)

# Which rows of a model are put before reviewers. Models without a row here have no queue.
review_setting = Table(
    "review_setting",
    metadata,
    Column("model_id", ForeignKey("model.id", ondelete="CASCADE"), primary_key=True),
    Column("audits_per_day", Integer, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("novel", Boolean, nullable=False),
    Column("author", String(200), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("position", BigInteger, nullable=False),  # the last batch whose predictions were considered
    # With which probability audits are drawn, since when, and how many rows came since then.
    Column("probability", Double, nullable=False),
    Column("paced_since", UtcDateTime, nullable=False),
    Column("paced_rows", BigInteger, nullable=False),
)

# The queue: bounded per model and kind, and each prediction is in it once at the most.
review_item = Table(
    "review_item",
    metadata,
    Column("id", BigId, primary_key=True),
    _model_id(),
    _version_id(),
    Column("prediction", BigInteger, nullable=False, unique=True),  # its id
    Column("kind", String(20), nullable=False),  # audit | uncertain | novel
    Column("state", String(20), nullable=False),  # waiting | answered | skipped | expired
    Column("probability", Double),  # with which an audit drew it
    Column("rank", Double, nullable=False),  # the smallest first
    Column("reason", Text, nullable=False),
    Column("drawn_at", UtcDateTime, nullable=False),
    Column("claimed_by", String(200), nullable=False, server_default=""),
    Column("claimed_until", UtcDateTime),
    Column("decided_by", String(200), nullable=False, server_default=""),
    Column("decided_at", UtcDateTime),
    Index("ix_review_item_model_id_kind_state_rank", "model_id", "kind", "state", "rank"),
    Index("ix_review_item_model_id_decided_at_id", "model_id", "decided_at", "id"),
)
