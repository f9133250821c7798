"""Training sets, what stays out of them, and which one a version was trained on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("version", sa.Column("training_set", sa.String(length=64), server_default="", nullable=False))
    op.create_table(
        "training_set",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("manifest", Json, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_training_set_model_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_training_set")),
    )
    op.create_index("ix_training_set_model_id", "training_set", ["model_id"])
    op.create_table(
        "exclusion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("prediction_ids", Json, nullable=True),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_exclusion_model_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["ends"], ["exclusion.id"], name=op.f("fk_exclusion_ends"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusion")),
        sa.UniqueConstraint("ends", name=op.f("uq_exclusion_ends")),
    )
    op.create_index("ix_exclusion_model_id", "exclusion", ["model_id"])


def downgrade() -> None:
    op.drop_table("exclusion")
    op.drop_table("training_set")
    op.drop_column("version", "training_set")
