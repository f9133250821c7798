"""An index on the time of predictions, so that people can look at them in the order of their events, a page at a time.

Without it the newest fifty of a version are found by reading all of its rows.
"""

from __future__ import annotations

from alembic import op

from migrations.online import create_index

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_NAME = "ix_prediction_version_id_event_time_id"


def upgrade() -> None:
    create_index(_NAME, "prediction", ["version_id", "event_time", "id"])


def downgrade() -> None:
    op.drop_index(_NAME, "prediction")
