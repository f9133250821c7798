"""The tables of who is told what is live, and of rollback drills."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from app.storage.schema import Json, metadata, model_id, version_id
from app.storage.types import UtcDateTime

# Targets that are told of every change of what is live.
live_subscriber = Table(
    "live_subscriber",
    metadata,
    Column("model_id", ForeignKey("model.id", ondelete="CASCADE"), primary_key=True),
    Column("target_id", ForeignKey("target.id"), primary_key=True),
    Column("author", String(200), nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
)

# Trials of going back to a version. `running` until the serving side has answered, or the deadline has passed.
drill = Table(
    "drill",
    metadata,
    Column("id", Integer, primary_key=True),
    model_id(),
    version_id(),  # the one that was to be loaded
    Column("state", String(20), nullable=False),  # running | passed | failed | called_off
    Column("author", String(200), nullable=False, server_default=""),
    Column("started_at", UtcDateTime, nullable=False),
    Column("deadline", UtcDateTime, nullable=False),
    Column("asked_at", UtcDateTime),  # when the serving side fetched the rows
    Column("answered_at", UtcDateTime),  # when it sent what the version makes of them
    Column("finished_at", UtcDateTime),
    Column("rows", Integer, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("called_off_by", String(200), nullable=False, server_default=""),
    Index("ix_drill_model_id_id", "model_id", "id"),
)

# Models that go back by themselves, where a deployment brings a critical alert of one of these checks.
rollback_policy = Table(
    "rollback_policy",
    metadata,
    Column("model_id", ForeignKey("model.id", ondelete="CASCADE"), primary_key=True),
    Column("checks", Json, nullable=False),
    Column("within_seconds", BigInteger, nullable=False),
    Column("author", String(200), nullable=False, server_default=""),
    Column("set_at", UtcDateTime, nullable=False),
)
