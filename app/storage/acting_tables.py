"""The tables of what is asked of others: targets, retraining policies and the requests that wait to be sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from app.storage.schema import Json, metadata, model_id, version_id
from app.storage.types import BigId, UtcDateTime

# Where requests go that a machine is to act on.
target = Table(
    "target",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("preset", String(50), nullable=False),
    Column("config", Json, nullable=False),  # secrets stand here only as references: env:NAME or file:PATH
    Column("created_at", UtcDateTime, nullable=False),
)

retraining_policy = Table(
    "retraining_policy",
    metadata,
    Column("model_id", ForeignKey("model.id", ondelete="CASCADE"), primary_key=True),
    Column("checks", Json, nullable=False),
    Column("cooldown_seconds", BigInteger, nullable=False),
    Column("minimum_new_labels", Integer, nullable=False),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

action = Table(
    "action",
    metadata,
    Column("id", BigId, primary_key=True),
    model_id(),
    version_id(),
    Column("kind", String(50), nullable=False),  # what it asks for or tells, such as retraining
    Column("target_id", ForeignKey("target.id", ondelete="SET NULL"), index=True),
    Column("webhook_id", String(64), nullable=False, unique=True),
    Column("transition_id", ForeignKey("alert_transition.id", ondelete="SET NULL")),
    Column("payload", Text, nullable=False),  # the exact body, so that every retry signs the same bytes
    Column("reason", Text, nullable=False),
    Column("state", String(20), nullable=False),  # pending | delivered | dead
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("delivered_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("kind", "transition_id"),
    Index("ix_action_state_next_attempt_at", "state", "next_attempt_at"),
)
