"""Routes: ordered rules for who hears of what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PATTERNS = ("project", "model", "check", "owner", "segment")


def upgrade() -> None:
    op.create_table(
        "route",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(length=200), nullable=True) for name in PATTERNS),
        sa.Column("severity", sa.String(length=10), nullable=True),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("digest", sa.Boolean(), nullable=False),
        sa.Column("go_on", sa.Boolean(), nullable=False),
        sa.Column("repeat_seconds", sa.BigInteger(), nullable=True),
        sa.Column("escalate_seconds", sa.BigInteger(), nullable=True),
        sa.Column("escalate_to", JSON, nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route")),
    )


def downgrade() -> None:
    op.drop_table("route")
