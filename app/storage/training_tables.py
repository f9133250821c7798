"""Tables of the way back to training; `app.storage.tables` has them too."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from app.storage.schema import Json, metadata
from app.storage.schema import model_id as _model_id
from app.storage.types import UtcDateTime

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
