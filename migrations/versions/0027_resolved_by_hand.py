"""Who has resolved an alert by hand, why, and which windows cannot fire it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COLUMNS = ("closed_window", "resolved_comment", "resolved_by")


def upgrade() -> None:
    with op.batch_alter_table("alert") as batch:
        batch.add_column(sa.Column("resolved_by", sa.String(200), nullable=False, server_default=""))
        batch.add_column(sa.Column("resolved_comment", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("closed_window", sa.DateTime(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("alert") as batch:
        for name in COLUMNS:
            batch.drop_column(name)
