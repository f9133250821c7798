"""Attributes that rows are watched by, and the values of them that have a segment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("model", sa.Column("segment_by", JSON, server_default="[]", nullable=False))
    op.add_column("version", sa.Column("segmented", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "segmentation",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("attribute", sa.String(length=100), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("values", JSON, nullable=False),
        sa.Column("overflow", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_segmentation_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "attribute", name=op.f("pk_segmentation")),
    )
    op.add_column("reference_profile", sa.Column("segment", sa.String(length=200), server_default="", nullable=False))
    op.create_index("ix_reference_profile_segment", "reference_profile", ["version_id", "segment"], unique=False)


def downgrade() -> None:
    # A reference's segments go with what tells them from the whole.
    op.execute("DELETE FROM reference_profile WHERE segment <> ''")
    op.execute("DELETE FROM profile WHERE segment <> ''")
    op.execute("DELETE FROM measurement WHERE segment <> ''")
    op.drop_index("ix_reference_profile_segment", table_name="reference_profile")
    op.drop_column("reference_profile", "segment")
    op.drop_table("segmentation")
    op.drop_column("version", "segmented")
    op.drop_column("model", "segment_by")
