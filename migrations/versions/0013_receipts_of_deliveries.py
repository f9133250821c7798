"""What a channel wants back with the next message of a thread, and when it is to be told again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("receipt", sa.Text(), server_default="", nullable=False))
    op.add_column("delivery", sa.Column("resend_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_delivery_resend_at", "delivery", ["resend_at"])


def downgrade() -> None:
    op.drop_index("ix_delivery_resend_at", table_name="delivery")
    op.drop_column("delivery", "resend_at")
    op.drop_column("delivery", "receipt")
