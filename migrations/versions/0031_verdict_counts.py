"""How many subjects of each check had which verdict in each window, so that all models are shown without reading a row
per feature; and measurements of a check stand together window by window, as pages read them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.online import create_index

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

UNIQUE = "uq_measurement_subject_window"
OLD_ORDER = ["version_id", "check", "subject", "segment", "window_start"]
NEW_ORDER = ["version_id", "check", "segment", "window_start", "subject"]
_BUILDING = f"{UNIQUE}_building"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        create_index(_BUILDING, "measurement", NEW_ORDER, unique=True)
        # From here on nothing is measured until it is counted below, so that no measurement is left out.
        op.drop_constraint(UNIQUE, "measurement", type_="unique")
        op.execute(f"ALTER TABLE measurement ADD CONSTRAINT {UNIQUE} UNIQUE USING INDEX {_BUILDING}")
    else:
        _order(NEW_ORDER)
    op.create_table(
        "verdict_count",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check", sa.String(50), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("breach", sa.Integer(), nullable=False),
        sa.Column("not_evaluated", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_verdict_count_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "window_start", "check", name=op.f("pk_verdict_count")),
    )
    op.execute(
        """
        INSERT INTO verdict_count (version_id, window_start, "check", ok, breach, not_evaluated)
        SELECT version_id, window_start, "check",
               SUM(CASE WHEN outcome = 'ok' THEN 1 ELSE 0 END),
               SUM(CASE WHEN outcome = 'breach' THEN 1 ELSE 0 END),
               SUM(CASE WHEN outcome = 'not_evaluated' THEN 1 ELSE 0 END)
        FROM measurement WHERE segment = '' GROUP BY version_id, window_start, "check"
        """
    )


def downgrade() -> None:
    op.drop_table("verdict_count")
    _order(OLD_ORDER)


def _order(columns: list[str]) -> None:
    """Which rows stand beside each other in the index."""
    with op.batch_alter_table("measurement") as batch:
        batch.drop_constraint(UNIQUE, type_="unique")
        batch.create_unique_constraint(UNIQUE, columns)
