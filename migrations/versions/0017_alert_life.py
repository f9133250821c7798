"""What people know of each alert, who has it in hand, and silences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
KNOWLEDGE = ("no_data_at", "acknowledged_at", "heard_at", "alarmed_at", "escalated_at", "told_at")


def upgrade() -> None:
    with op.batch_alter_table("alert") as table:
        for name in KNOWLEDGE:
            table.add_column(sa.Column(name, TIME, nullable=True))
        table.add_column(sa.Column("acknowledged_by", sa.String(length=200), server_default="", nullable=False))
        table.add_column(sa.Column("acknowledged_comment", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("told_state", sa.String(length=20), nullable=True))
        table.add_column(sa.Column("told_severity", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("notification_id", BIG_ID, nullable=True))
        table.create_foreign_key(
            op.f("fk_alert_notification_id"), "notification", ["notification_id"], ["id"], ondelete="SET NULL"
        )
        table.create_index("ix_alert_told_state", ["told_state"])
    op.execute(
        "UPDATE alert SET notification_id = (SELECT max(t.notification_id) FROM alert_transition t "
        "WHERE t.alert_id = alert.id)"
    )
    # Whatever fires was told when it began.
    op.execute(
        "UPDATE alert SET told_state = state, told_severity = severity, heard_at = changed_at, "
        "alarmed_at = changed_at, told_at = changed_at WHERE state = 'firing'"
    )
    op.add_column("model", sa.Column("fire_after", JSON, server_default="{}", nullable=False))
    op.create_table(
        "silence",
        sa.Column("id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.String(length=200), nullable=True)
            for name in ("project", "model", "version", "check", "subject", "segment")
        ),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("weekly_days", sa.String(length=30), server_default="", nullable=False),
        sa.Column("weekly_at", sa.String(length=5), server_default="", nullable=False),
        sa.Column("weekly_minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("zone", sa.String(length=100), server_default="", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("ended_by", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )


def downgrade() -> None:
    op.drop_table("silence")
    with op.batch_alter_table("model") as table:
        table.drop_column("fire_after")
    # The schema before knows two states: what was acknowledged fires, and what was pending has not fired.
    op.execute("UPDATE alert SET state = 'firing' WHERE state = 'acknowledged'")
    op.execute("UPDATE alert SET state = 'resolved' WHERE state = 'pending'")
    op.execute("DELETE FROM delivery WHERE state = 'superseded'")
    with op.batch_alter_table("alert") as table:
        table.drop_index("ix_alert_told_state")
        table.drop_constraint(op.f("fk_alert_notification_id"), type_="foreignkey")
        for name in (*KNOWLEDGE, "acknowledged_by", "acknowledged_comment", "told_state", "told_severity"):
            table.drop_column(name)
        table.drop_column("notification_id")
