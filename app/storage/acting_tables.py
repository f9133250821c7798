"""The tables of what is asked of others: targets, retraining policies and runs, and the requests that wait."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

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
    Column("minimum_severity", String(10), nullable=False, server_default="warning"),
    Column("budget", Integer),  # requests in 30 days; None: no bound
    Column("calendar", String(200), nullable=False, server_default=""),
    Column("ask_first", Boolean, nullable=False, server_default=false()),
    Column("segments", Boolean, nullable=False, server_default=false()),
    Column("timeout_seconds", BigInteger, nullable=False, server_default="86400"),
    Column("training_window_seconds", BigInteger, nullable=False, server_default="7776000"),
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

# A request for retraining and what became of it. Once it was let go, an action of the same webhook_id sends it.
retraining_run = Table(
    "retraining_run",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("webhook_id", String(64), nullable=False, unique=True),
    model_id(),
    version_id(),
    Column("target_id", ForeignKey("target.id", ondelete="SET NULL"), index=True),
    Column("state", String(30), nullable=False),
    Column("asked_by", String(200), nullable=False),  # empty: the policy
    Column("reason", Text, nullable=False),
    Column("transition_id", ForeignKey("alert_transition.id", ondelete="SET NULL"), unique=True),
    Column("payload", Text, nullable=False),
    Column("timeout_seconds", BigInteger, nullable=False),
    Column("accepted_at", UtcDateTime),
    Column("external_id", String(200), nullable=False, server_default=""),  # what the service calls the run
    Column("next_poll_at", UtcDateTime),  # None: the service cannot be asked
    Column("poll_error", Text, nullable=False, server_default=""),
    Column("new_version", String(200), nullable=False, server_default=""),
    Column("metrics", Json),
    Column("training_set", String(200), nullable=False, server_default=""),  # the hash of what it was trained on
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index("ix_retraining_run_model_id_created_at", "model_id", "created_at"),
    Index("ix_retraining_run_state", "state"),
)

retraining_transition = Table(
    "retraining_transition",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("run_id", ForeignKey("retraining_run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("old_state", String(30), nullable=False),  # empty: the run began
    Column("new_state", String(30), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(200), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
