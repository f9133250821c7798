"""What of folded batches waits, because a version could not be counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_set_aside_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "batch_id", name=op.f("pk_set_aside")),
    )


def downgrade() -> None:
    # The program of before does not know that rows wait: it counts such a version anew, as by `watchkeeper rebuild`.
    for statement in (
        "DELETE FROM profile WHERE version_id",
        "DELETE FROM daily_profile WHERE version_id",
        "DELETE FROM measurement WHERE version_id",
        "UPDATE uploaded_profile SET counted_at = NULL WHERE version_id",
        "UPDATE version SET daily_since = NULL, daily_until = NULL, daily_segments = '{}' WHERE id",
        "UPDATE version SET rebuild_position = 0 WHERE id",
    ):
        op.execute(f"{statement} IN (SELECT version_id FROM set_aside)")  # noqa: S608  names of ours, never values
    op.drop_table("set_aside")
