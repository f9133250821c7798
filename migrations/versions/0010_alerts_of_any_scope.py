"""Alerts and messages about Watchkeeper itself, the severity of an alert, and the thread of a message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NOTIFICATION = sa.table(
    "notification", sa.column("version_id", sa.Integer), sa.column("message", sa.JSON), sa.column("thread", sa.String)
)


def upgrade() -> None:
    with op.batch_alter_table("alert") as table:
        table.alter_column("version_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("severity", sa.String(length=10), server_default="warning", nullable=False))
    with op.batch_alter_table("notification") as table:
        table.alter_column("version_id", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("thread", sa.String(length=64), server_default="", nullable=False))
    op.execute(NOTIFICATION.update().values(thread=NOTIFICATION.c.message["thread"].as_string()))
    op.create_index("ix_notification_thread", "notification", ["thread"])


def downgrade() -> None:
    # The schema before has no room for what is about no version.
    op.execute("DELETE FROM alert WHERE version_id IS NULL")
    op.execute("DELETE FROM notification WHERE version_id IS NULL")
    op.drop_index("ix_notification_thread", table_name="notification")
    with op.batch_alter_table("notification") as table:
        table.drop_column("thread")
        table.alter_column("version_id", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("alert") as table:
        table.drop_column("severity")
        table.alter_column("version_id", existing_type=sa.Integer(), nullable=False)
