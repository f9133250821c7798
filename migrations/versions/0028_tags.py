"""Tags of models: words that the fleet is filtered by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("model", sa.Column("tags", JSON, server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("model", "tags")
