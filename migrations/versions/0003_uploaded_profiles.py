"""Profiles that are sent in place of rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "uploaded_profile",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("upload", sa.String(length=64), nullable=False),
        sa.Column("layout_digest", sa.String(length=64), nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("counted_at", TIME, nullable=True),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_uploaded_profile_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploaded_profile")),
        sa.UniqueConstraint(
            "version_id", "upload", "window_start", name=op.f("uq_uploaded_profile_version_id_upload_window_start")
        ),
    )
    op.create_index(
        "ix_uploaded_profile_uncounted",
        "uploaded_profile",
        ["version_id", "layout_digest"],
        unique=False,
        sqlite_where=sa.text("counted_at IS NULL"),
        postgresql_where=sa.text("counted_at IS NULL"),
    )
    op.create_table(
        "uploaded_source",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("layout_digest", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("upload", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_uploaded_source_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "layout_digest", "source", name=op.f("pk_uploaded_source")),
    )


def downgrade() -> None:
    op.drop_table("uploaded_source")
    op.drop_index(
        "ix_uploaded_profile_uncounted",
        table_name="uploaded_profile",
        sqlite_where=sa.text("counted_at IS NULL"),
        postgresql_where=sa.text("counted_at IS NULL"),
    )
    op.drop_table("uploaded_profile")
