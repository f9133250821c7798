"""How long ago a rollback may have been tried at the most, declared per model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NINETY_DAYS = "7776000"


def upgrade() -> None:
    op.add_column(
        "model", sa.Column("max_drill_age_seconds", sa.BigInteger(), server_default=NINETY_DAYS, nullable=False)
    )


def downgrade() -> None:
    op.drop_column("model", "max_drill_age_seconds")
