"""Features that an offline pipeline computed, to compare with those that were served."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("batch", sa.Column("offline_features", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "offline_feature",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.String(length=200), nullable=False),
        sa.Column("features", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_offline_feature_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offline_feature")),
        sa.UniqueConstraint("version_id", "prediction_id", name=op.f("uq_offline_feature_version_id_prediction_id")),
    )
    op.create_index(op.f("ix_offline_feature_batch_id"), "offline_feature", ["batch_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_offline_feature_batch_id"), table_name="offline_feature")
    op.drop_table("offline_feature")
    op.drop_column("batch", "offline_features")
