"""An index of the breaches alone, so that what lasted is found without reading all that was well."""

from __future__ import annotations

from alembic import op

from migrations.online import create_index

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_NAME = "ix_measurement_breach"


def upgrade() -> None:
    columns = ["version_id", "check", "window_start", "subject"]
    create_index(_NAME, "measurement", columns, where="outcome = 'breach' AND segment = ''")


def downgrade() -> None:
    op.drop_index(_NAME, "measurement")
