"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=12), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_table(
        "batch",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("predictions", sa.Integer(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("folded_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(
        "ix_batch_unfolded",
        "batch",
        ["id"],
        unique=False,
        sqlite_where=sa.text("folded_at IS NULL"),
        postgresql_where=sa.text("folded_at IS NULL"),
    )
    op.create_table(
        "channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_channel_name")),
    )
    op.create_table(
        "import_progress",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_import_progress")),
    )
    op.create_table(
        "job_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("job", sa.String(length=50), nullable=False),
        sa.Column("slot", TIME, nullable=False),
        sa.Column("worker", sa.String(length=200), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
        sa.UniqueConstraint("job", "slot", name=op.f("uq_job_run_job_slot")),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=100), server_default="default", nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("task", sa.String(length=20), nullable=False),
        sa.Column("window", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=200), server_default="", nullable=False),
        sa.Column("positive_label", sa.String(length=200), server_default="1", nullable=False),
        sa.Column("confident_threshold", sa.Double(), nullable=False),
        sa.Column("label_delay_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("max_staleness_seconds", sa.BigInteger(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("task IN ('binary', 'multiclass', 'regression')", name=op.f("ck_model_task")),
        sa.CheckConstraint("\"window\" IN ('hour', 'day')", name=op.f("ck_model_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("project", "name", name=op.f("uq_model_project_name")),
    )
    op.create_table(
        "retraining_policy",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("checks", JSON, nullable=False),
        sa.Column("cooldown_seconds", sa.BigInteger(), nullable=False),
        sa.Column("minimum_new_labels", sa.Integer(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_retraining_policy_model_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_retraining_policy")),
    )
    op.create_table(
        "version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("decision_threshold", sa.Double(), nullable=False),
        sa.Column("newest_training_row", TIME, nullable=True),
        sa.Column("deployed_at", TIME, nullable=True),
        sa.Column("framework", sa.String(length=200), server_default="", nullable=False),
        sa.Column("format", sa.String(length=200), server_default="", nullable=False),
        sa.Column("runtime", sa.String(length=200), server_default="", nullable=False),
        sa.Column("hardware", sa.String(length=200), server_default="", nullable=False),
        sa.Column("inference_mode", sa.String(length=200), server_default="", nullable=False),
        sa.Column("deployment_target", sa.String(length=200), server_default="", nullable=False),
        sa.Column("dependencies", JSON, nullable=False),
        sa.Column("rebuild_position", sa.BigInteger(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_version_model_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("model_id", "name", name=op.f("uq_version_model_id_name")),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("segment", sa.String(length=200), server_default="", nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", TIME, nullable=True),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("judged_window", TIME, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_alert_version_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_alert_fingerprint")),
    )
    op.create_index("ix_alert_state", "alert", ["state"], unique=False)
    op.create_table(
        "correction",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("prediction_id", sa.String(length=200), nullable=False),
        sa.Column("said_at", TIME, nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("label_class", sa.String(length=200), nullable=True),
        sa.Column("label_value", sa.Double(), nullable=True),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_correction_model_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_correction_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        sa.UniqueConstraint("digest", name=op.f("uq_correction_digest")),
    )
    op.create_index(op.f("ix_correction_batch_id"), "correction", ["batch_id"], unique=False)
    op.create_index("ix_correction_model_id_prediction_id", "correction", ["model_id", "prediction_id"], unique=False)
    op.create_index("ix_correction_model_id_said_at", "correction", ["model_id", "said_at"], unique=False)
    op.create_table(
        "measurement",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("segment", sa.String(length=200), server_default="", nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("window_end", TIME, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.Column("lower", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("normal", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("statistic", sa.String(length=100), nullable=False),
        sa.Column("expected_rate", sa.Double(), nullable=True),
        sa.Column("evaluated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_measurement_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement")),
        sa.UniqueConstraint(
            "version_id", "check", "subject", "segment", "window_start", name="uq_measurement_subject_window"
        ),
    )
    op.create_index(
        "ix_measurement_version_id_window_start", "measurement", ["version_id", "window_start"], unique=False
    )
    op.create_table(
        "notification",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("message", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_notification_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_table(
        "prediction",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.String(length=200), nullable=False),
        sa.Column("event_time", TIME, nullable=False),
        sa.Column("features", sa.Text(), nullable=False),
        sa.Column("predicted_class", sa.String(length=200), nullable=True),
        sa.Column("predicted_value", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("class_scores", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("unit_id", sa.String(length=200), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.Column("label_class", sa.String(length=200), nullable=True),
        sa.Column("label_value", sa.Double(), nullable=True),
        sa.Column("label_source", sa.String(length=20), nullable=True),
        sa.Column("shown", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("corrected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("audited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_prediction_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction")),
        sa.UniqueConstraint("version_id", "prediction_id", name=op.f("uq_prediction_version_id_prediction_id")),
    )
    op.create_index(op.f("ix_prediction_batch_id"), "prediction", ["batch_id"], unique=False)
    op.create_table(
        "profile",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("segment", sa.String(length=200), server_default="", nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("evaluated_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_profile_version_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("version_id", "segment", "window_start", name=op.f("pk_profile")),
    )
    op.create_index(
        "ix_profile_unevaluated",
        "profile",
        ["version_id", "window_start"],
        unique=False,
        sqlite_where=sa.text("revision <> evaluated_revision"),
        postgresql_where=sa.text("revision <> evaluated_revision"),
    )
    op.create_table(
        "reference",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("has_timestamps", sa.Boolean(), nullable=False),
        sa.Column("out_of_sample", sa.Boolean(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_reference_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_reference")),
    )
    op.create_table(
        "reference_profile",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("window_start", TIME, nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_reference_profile_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name=op.f("pk_reference_profile")),
    )
    op.create_table(
        "alert_transition",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("notification_id", BIG_ID, nullable=True),
        sa.Column("old_state", sa.String(length=20), nullable=False),
        sa.Column("new_state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("limit", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_transition_alert_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notification.id"],
            name=op.f("fk_alert_transition_notification_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_transition")),
    )
    op.create_index(op.f("ix_alert_transition_alert_id"), "alert_transition", ["alert_id"], unique=False)
    op.create_index(op.f("ix_alert_transition_notification_id"), "alert_transition", ["notification_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("notification_id", BIG_ID, nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_delivery_channel_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notification.id"], name=op.f("fk_delivery_notification_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("notification_id", "channel_id", name=op.f("uq_delivery_notification_id_channel_id")),
    )
    op.create_index("ix_delivery_state_next_attempt_at", "delivery", ["state", "next_attempt_at"], unique=False)
    op.create_table(
        "action",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("transition_id", BIG_ID, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_action_model_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["transition_id"], ["alert_transition.id"], name=op.f("fk_action_transition_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_action_version_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action")),
        sa.UniqueConstraint("transition_id", name=op.f("uq_action_transition_id")),
        sa.UniqueConstraint("webhook_id", name=op.f("uq_action_webhook_id")),
    )
    op.create_index("ix_action_state_next_attempt_at", "action", ["state", "next_attempt_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_action_state_next_attempt_at", table_name="action")
    op.drop_table("action")
    op.drop_index("ix_delivery_state_next_attempt_at", table_name="delivery")
    op.drop_table("delivery")
    op.drop_index(op.f("ix_alert_transition_notification_id"), table_name="alert_transition")
    op.drop_index(op.f("ix_alert_transition_alert_id"), table_name="alert_transition")
    op.drop_table("alert_transition")
    op.drop_table("reference_profile")
    op.drop_table("reference")
    op.drop_index(
        "ix_profile_unevaluated",
        table_name="profile",
        sqlite_where=sa.text("revision <> evaluated_revision"),
        postgresql_where=sa.text("revision <> evaluated_revision"),
    )
    op.drop_table("profile")
    op.drop_index(op.f("ix_prediction_batch_id"), table_name="prediction")
    op.drop_table("prediction")
    op.drop_table("notification")
    op.drop_index("ix_measurement_version_id_window_start", table_name="measurement")
    op.drop_table("measurement")
    op.drop_index("ix_correction_model_id_said_at", table_name="correction")
    op.drop_index("ix_correction_model_id_prediction_id", table_name="correction")
    op.drop_index(op.f("ix_correction_batch_id"), table_name="correction")
    op.drop_table("correction")
    op.drop_index("ix_alert_state", table_name="alert")
    op.drop_table("alert")
    op.drop_table("version")
    op.drop_table("retraining_policy")
    op.drop_table("model")
    op.drop_table("job_run")
    op.drop_table("import_progress")
    op.drop_table("channel")
    op.drop_index(
        "ix_batch_unfolded",
        table_name="batch",
        sqlite_where=sa.text("folded_at IS NULL"),
        postgresql_where=sa.text("folded_at IS NULL"),
    )
    op.drop_table("batch")
    op.drop_table("api_key")
