"""Old hours of hourly models as one profile a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("version", sa.Column("daily_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("version", sa.Column("daily_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("version", sa.Column("daily_segments", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "daily_profile",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("segment", sa.String(length=200), server_default="", nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_daily_profile_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "segment", "window_start", name=op.f("pk_daily_profile")),
    )


def downgrade() -> None:
    # A day cannot be cut into its hours again: such a version is counted anew, as by `watchkeeper rebuild`.
    op.execute("DELETE FROM profile WHERE version_id IN (SELECT id FROM version WHERE daily_until IS NOT NULL)")
    op.execute("DELETE FROM measurement WHERE version_id IN (SELECT id FROM version WHERE daily_until IS NOT NULL)")
    op.execute(
        "UPDATE uploaded_profile SET counted_at = NULL "
        "WHERE version_id IN (SELECT id FROM version WHERE daily_until IS NOT NULL)"
    )
    op.execute("UPDATE version SET rebuild_position = 0 WHERE daily_until IS NOT NULL")
    op.drop_table("daily_profile")
    op.drop_column("version", "daily_segments")
    op.drop_column("version", "daily_until")
    op.drop_column("version", "daily_since")
