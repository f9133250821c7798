"""Corrections that take an earlier one back, and the probability with which an audit drew a prediction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("correction", sa.Column("withdraws", sa.BigInteger(), nullable=True))
    op.add_column("correction", sa.Column("probability", sa.Double(), nullable=True))


def downgrade() -> None:
    # Who does not know of withdrawals would take what was withdrawn for the truth.
    op.execute(
        "DELETE FROM correction WHERE withdraws IS NOT NULL "
        "OR id IN (SELECT withdraws FROM correction WHERE withdraws IS NOT NULL)"
    )
    op.drop_column("correction", "probability")
    op.drop_column("correction", "withdraws")
