"""Who is live, since when, by whom and why: every change of a version's stage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("from_stage", sa.String(length=20), nullable=True),
        sa.Column("to_stage", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=200), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_deployment_model_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_deployment_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.create_index("ix_deployment_model_id_id", "deployment", ["model_id", "id"])
    op.create_index("ix_deployment_at", "deployment", ["at"])
    # Known of the past is since when a version serves: said at its registration, or, of one that is live, no earlier
    # than that. When it was superseded or retired, and by whom, nobody wrote down.
    op.execute(
        "INSERT INTO deployment (model_id, version_id, from_stage, to_stage, at, reason, kind) "
        "SELECT model_id, id, NULL, 'live', COALESCE(deployed_at, created_at), "
        "CASE WHEN deployed_at IS NULL THEN 'live since its registration at the latest' "
        "ELSE 'the version''s deployed_at' END, 'known' "
        "FROM version WHERE stage = 'live' OR deployed_at IS NOT NULL "
        "ORDER BY COALESCE(deployed_at, created_at), id"
    )


def downgrade() -> None:
    op.drop_table("deployment")
