"""When each API key was used last; of the keys that there are, what was before this upgrade is not known."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

COLUMNS = ("uses_known_since", "last_used_at")


def upgrade() -> None:
    with op.batch_alter_table("api_key") as batch:
        for name in reversed(COLUMNS):
            batch.add_column(sa.Column(name, sa.DateTime(timezone=True)))
    known_since = sa.table("api_key", sa.column("uses_known_since", sa.DateTime(timezone=True)))
    op.execute(known_since.update().values(uses_known_since=datetime.now(UTC)))


def downgrade() -> None:
    with op.batch_alter_table("api_key") as batch:
        for name in COLUMNS:
            batch.drop_column(name)
