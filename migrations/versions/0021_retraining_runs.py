"""The life of retraining requests, and what else a policy may say. Requests of the past become runs that have ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _policy_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("minimum_severity", sa.String(length=10), server_default="warning", nullable=False),
        sa.Column("budget", sa.Integer(), nullable=True),
        sa.Column("calendar", sa.String(length=200), server_default="", nullable=False),
        sa.Column("ask_first", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("segments", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("timeout_seconds", sa.BigInteger(), server_default="86400", nullable=False),
        sa.Column("training_window_seconds", sa.BigInteger(), server_default="7776000", nullable=False),
    ]


def upgrade() -> None:
    for column in _policy_columns():
        op.add_column("retraining_policy", column)
    op.create_table(
        "retraining_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("transition_id", BIG_ID, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("timeout_seconds", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", TIME, nullable=True),
        sa.Column("external_id", sa.String(length=200), server_default="", nullable=False),
        sa.Column("next_poll_at", TIME, nullable=True),
        sa.Column("poll_error", sa.Text(), server_default="", nullable=False),
        sa.Column("new_version", sa.String(length=200), server_default="", nullable=False),
        sa.Column("metrics", JSON, nullable=True),
        sa.Column("training_set", sa.String(length=200), server_default="", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_retraining_run_model_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_retraining_run_version_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["target.id"], name=op.f("fk_retraining_run_target_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["transition_id"],
            ["alert_transition.id"],
            name=op.f("fk_retraining_run_transition_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining_run")),
        sa.UniqueConstraint("webhook_id", name=op.f("uq_retraining_run_webhook_id")),
        sa.UniqueConstraint("transition_id", name=op.f("uq_retraining_run_transition_id")),
    )
    op.create_index("ix_retraining_run_model_id_created_at", "retraining_run", ["model_id", "created_at"])
    op.create_index("ix_retraining_run_state", "retraining_run", ["state"])
    op.create_index(op.f("ix_retraining_run_target_id"), "retraining_run", ["target_id"])
    op.create_table(
        "retraining_transition",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("old_state", sa.String(length=30), nullable=False),
        sa.Column("new_state", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["retraining_run.id"], name=op.f("fk_retraining_transition_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining_transition")),
    )
    op.create_index(op.f("ix_retraining_transition_run_id"), "retraining_transition", ["run_id"])
    _requests_become_runs()


def _requests_become_runs() -> None:
    # Nobody followed what became of a request that was taken: such a run has ended, and nobody knows how.
    op.execute(
        "INSERT INTO retraining_run (webhook_id, model_id, version_id, target_id, state, asked_by, reason, "
        "transition_id, payload, timeout_seconds, accepted_at, created_at, changed_at) "
        "SELECT webhook_id, model_id, version_id, target_id, CASE state WHEN 'pending' THEN 'requested' "
        "WHEN 'delivered' THEN 'timed_out' ELSE 'failed' END, '', reason, transition_id, payload, 86400, "
        "delivered_at, created_at, COALESCE(delivered_at, created_at) FROM action WHERE kind = 'retraining' ORDER BY id"
    )
    op.execute(
        'INSERT INTO retraining_transition (run_id, old_state, new_state, reason, "by", at) '
        "SELECT id, '', state, CASE state WHEN 'timed_out' THEN 'asked for before runs were followed' "
        "ELSE reason END, 'worker', changed_at FROM retraining_run"
    )


def downgrade() -> None:
    op.drop_table("retraining_transition")
    op.drop_table("retraining_run")
    for column in reversed(_policy_columns()):
        op.drop_column("retraining_policy", column.name)
