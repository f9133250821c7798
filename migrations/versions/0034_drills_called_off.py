"""Drills can be called off, and by whom is kept; an index on when reviewers decided, to page them far back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

DECIDED = "ix_review_item_model_id_decided_at_id"

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("drill") as batch:
        batch.add_column(sa.Column("called_off_by", sa.String(200), nullable=False, server_default=""))
    op.create_index(DECIDED, "review_item", ["model_id", "decided_at", "id"])


def downgrade() -> None:
    op.drop_index(DECIDED, "review_item")
    op.execute("UPDATE drill SET state = 'failed', reason = 'called off' WHERE state = 'called_off'")
    with op.batch_alter_table("drill") as batch:
        batch.drop_column("called_off_by")
