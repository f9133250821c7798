"""Channels can be off: since when, who switched them off, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

COLUMNS = ("off_reason", "off_by", "off_since")


def upgrade() -> None:
    with op.batch_alter_table("channel") as batch:
        batch.add_column(sa.Column("off_since", sa.DateTime(timezone=True)))
        batch.add_column(sa.Column("off_by", sa.String(200), nullable=False, server_default=""))
        batch.add_column(sa.Column("off_reason", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("channel") as batch:
        for name in COLUMNS:
            batch.drop_column(name)
