"""Limits that people set."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "limit_override",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("segment", sa.String(length=200), server_default="", nullable=False),
        sa.Column("limit", sa.Double(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.Column("removed_at", TIME, nullable=True),
        sa.Column("removed_by", sa.String(length=200), server_default="", nullable=False),
        sa.Column("removal_reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_limit_override_model_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_override")),
    )
    op.create_index("ix_limit_override_model_id", "limit_override", ["model_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_limit_override_model_id", table_name="limit_override")
    op.drop_table("limit_override")
