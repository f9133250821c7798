"""How many false alarms a month a model may cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model", sa.Column("false_alarms_per_month", sa.Double(), nullable=False, server_default="1"))


def downgrade() -> None:
    with op.batch_alter_table("model") as table:
        table.drop_column("false_alarms_per_month")
