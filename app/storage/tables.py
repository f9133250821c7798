"""Every table. The words are those of the design; a migration stands for each change (see migrations/versions)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from app.storage import acting_tables as acting
from app.storage import live_tables as live
from app.storage import record_tables as records
from app.storage import schema
from app.storage import training_tables as training
from app.storage.schema import Json
from app.storage.schema import model_id as _model_id
from app.storage.schema import version_id as _version_id
from app.storage.types import BigId, Number, UtcDateTime

metadata = schema.metadata

action = acting.action
retraining_policy = acting.retraining_policy
retraining_run = acting.retraining_run
retraining_transition = acting.retraining_transition
target = acting.target

drill = live.drill
live_subscriber = live.live_subscriber
rollback_policy = live.rollback_policy

batch = records.batch
correction = records.correction
daily_profile = records.daily_profile
offline_feature = records.offline_feature
prediction = records.prediction
profile = records.profile
set_aside = records.set_aside
uploaded_profile = records.uploaded_profile
uploaded_source = records.uploaded_source
training_set = training.training_set
exclusion = training.exclusion
review_setting = training.review_setting
review_item = training.review_item

model = Table(
    "model",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(100), nullable=False, server_default="default"),
    Column("name", String(200), nullable=False),
    Column("task", String(20), nullable=False),
    Column("window", String(10), nullable=False),
    Column("owner", String(200), nullable=False, server_default=""),
    Column("tags", Json, nullable=False, server_default="[]"),
    Column("positive_label", String(200), nullable=False, server_default="1"),
    Column("confident_threshold", Double, nullable=False),
    Column("label_delay_seconds", BigInteger, nullable=False, server_default="0"),
    Column("max_staleness_seconds", BigInteger),
    Column("max_drill_age_seconds", BigInteger, nullable=False, server_default="7776000"),
    Column("segment_by", Json, nullable=False, server_default="[]"),  # attributes that rows are watched by
    Column("fire_after", Json, nullable=False, server_default="{}"),  # windows in breach that an alert takes, by check
    Column("false_alarms_per_month", Double, nullable=False, server_default="1"),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("project", "name"),
    CheckConstraint("task IN ('binary', 'multiclass', 'regression')", name="task"),
    CheckConstraint("\"window\" IN ('hour', 'day')", name="window"),
)

version = Table(
    "version",
    metadata,
    Column("id", Integer, primary_key=True),
    _model_id(),
    Column("name", String(200), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("decision_threshold", Double, nullable=False),
    Column("newest_training_row", UtcDateTime),
    Column("deployed_at", UtcDateTime),
    Column("framework", String(200), nullable=False, server_default=""),
    Column("format", String(200), nullable=False, server_default=""),
    Column("runtime", String(200), nullable=False, server_default=""),
    Column("hardware", String(200), nullable=False, server_default=""),
    Column("inference_mode", String(200), nullable=False, server_default=""),
    Column("deployment_target", String(200), nullable=False, server_default=""),
    Column("dependencies", Json, nullable=False),
    Column(
        "training_set", String(64), nullable=False, server_default=""
    ),  # hash of what it was trained on; '': not said
    Column("rebuild_position", BigInteger),  # the last prediction recounted by a rebuild; None: none is under way
    # Attributes that profiles are counted by, each with the first window that is: JSON text, to be compared as such.
    Column("segmented", Text, nullable=False, server_default="{}"),
    # The hours in [daily_since, daily_until) are counted in daily_profile; None: none are.
    Column("daily_since", UtcDateTime),
    Column("daily_until", UtcDateTime),
    # Segments whose days begin later than `daily_since`, each with when they do: JSON text, to be compared as such.
    Column("daily_segments", Text, nullable=False, server_default="{}"),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("model_id", "name"),
)

# What is known of each attribute that a version is counted by.
segmentation = Table(
    "segmentation",
    metadata,
    _version_id(primary_key=True),
    Column("attribute", String(100), primary_key=True),
    Column("revision", BigInteger, nullable=False),  # counts up with every change
    Column("values", Json, nullable=False),  # those that have a segment, in the order in which they came
    Column("overflow", LargeBinary, nullable=False),  # a sketch of those that have none
)

reference = Table(
    "reference",
    metadata,
    _version_id(primary_key=True),
    Column("layout", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("has_timestamps", Boolean, nullable=False),
    Column("out_of_sample", Boolean),  # None: nobody said
    Column("digest", String(64), nullable=False),  # SHA-256 of the uploaded bytes
    Column("created_at", UtcDateTime, nullable=False),
)

reference_profile = Table(
    "reference_profile",
    metadata,
    _version_id(primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("window_start", UtcDateTime),  # None: the reference has no timestamps
    Column("rows", BigInteger, nullable=False),
    Column("features", LargeBinary, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    Column("segment", String(200), nullable=False, server_default=""),  # '' is the whole
    Index("ix_reference_profile_segment", "version_id", "segment"),
)

reference_sample = Table(
    "reference_sample",
    metadata,
    _version_id(primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("labelled", Integer, nullable=False),
    Column("importance", Json, nullable=False),  # feature -> what it tells of the score and of the error
    Column("data", LargeBinary, nullable=False),
)

_BREACH = text("outcome = 'breach' AND segment = ''")

measurement = Table(
    "measurement",
    metadata,
    Column("id", BigId, primary_key=True),
    _version_id(),
    Column("check", String(50), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("segment", String(200), nullable=False, server_default=""),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("value", Number),
    Column("limit", Number),
    Column("lower", Number),
    Column("upper", Number),
    Column("normal", Number),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("statistic", String(100), nullable=False),
    Column("expected_rate", Double),
    Column("evaluated_at", UtcDateTime, nullable=False),
    # In the order in which pages read: all subjects of a check, window by window.
    UniqueConstraint("version_id", "check", "segment", "window_start", "subject", name="uq_measurement_subject_window"),
    Index("ix_measurement_version_id_window_start", "version_id", "window_start"),
    # Few rows are: what lasted is found without reading all that was well.
    Index(
        "ix_measurement_breach",
        *("version_id", "check", "window_start", "subject"),
        sqlite_where=_BREACH,
        postgresql_where=_BREACH,
    ),
)

# How many subjects had which verdict, of all rows: counted from `measurement` when it is written.
verdict_count = Table(
    "verdict_count",
    metadata,
    _version_id(primary_key=True),
    Column("window_start", UtcDateTime, primary_key=True),
    Column("check", String(50), primary_key=True),
    Column("ok", Integer, nullable=False),
    Column("breach", Integer, nullable=False),
    Column("not_evaluated", Integer, nullable=False),
)

# Of no version: an alert about Watchkeeper itself.
alert = Table(
    "alert",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("version_id", ForeignKey("version.id", ondelete="CASCADE")),
    Column("check", String(50), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("segment", String(200), nullable=False, server_default=""),
    Column("state", String(20), nullable=False),
    Column("severity", String(10), nullable=False, server_default="warning"),  # info | warning | critical
    Column("since", UtcDateTime),  # start of the first window of the present run of breaches
    Column("changed_at", UtcDateTime, nullable=False),
    Column("judged_window", UtcDateTime, nullable=False),  # start of the window that the state rests on
    Column("value", Number),
    Column("limit", Number),
    Column("reason", Text, nullable=False),
    Column("no_data_at", UtcDateTime),  # since when nobody can say how it is; None: the newest windows have a verdict
    Column("acknowledged_by", String(200), nullable=False, server_default=""),  # who has it in hand; "": nobody
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_comment", Text, nullable=False, server_default=""),
    Column("resolved_by", String(200), nullable=False, server_default=""),  # who resolved it by hand; "": nobody
    Column("resolved_comment", Text, nullable=False, server_default=""),
    Column("closed_window", UtcDateTime),  # start of the newest window that had been judged by then
    # What people know: of which state and severity they were told last; None: that it fires is news to them.
    Column("told_state", String(20)),
    Column("told_severity", String(10)),
    Column("heard_at", UtcDateTime),  # when they first heard of the present fire
    Column("alarmed_at", UtcDateTime),  # when they were last told that it fires anew
    Column("escalated_at", UtcDateTime),
    Column("told_at", UtcDateTime),  # when they were last told anything
    Column("notification_id", ForeignKey("notification.id", ondelete="SET NULL")),  # the last one about it
    Index("ix_alert_state", "state"),
    Index("ix_alert_told_state", "told_state"),
)

# Alerts that nobody is to be told of for a while. Rows are never deleted: those that ended are its history.
silence = Table(
    "silence",
    metadata,
    Column("id", Integer, primary_key=True),
    # Exact texts, or patterns with * and ?; None: any.
    Column("project", String(200)),
    Column("model", String(200)),
    Column("version", String(200)),
    Column("check", String(200)),
    Column("subject", String(200)),
    Column("segment", String(200)),
    Column("author", String(200), nullable=False),
    Column("comment", Text, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # None: until somebody ends it
    # Only in these spans of every week, such as maintenance; no days: all of the time.
    Column("weekly_days", String(30), nullable=False, server_default=""),  # mon,tue ...
    Column("weekly_at", String(5), nullable=False, server_default=""),  # HH:MM by the clocks of that zone
    Column("weekly_minutes", Integer, nullable=False, server_default="0"),
    Column("zone", String(100), nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # None: nobody ended it before its time
    Column("ended_by", String(200), nullable=False, server_default=""),
)

notification = Table(
    "notification",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("version_id", ForeignKey("version.id", ondelete="CASCADE")),
    Column("check", String(50), nullable=False),
    Column("kind", String(20), nullable=False),  # one of app.core.messages.Kind
    Column("thread", String(64), nullable=False, server_default="", index=True),  # messages of one are sent in order
    Column("message", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("in_digest", Boolean, nullable=False, server_default=false()),  # it is told in the digest of some channel
)

alert_transition = Table(
    "alert_transition",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("alert_id", ForeignKey("alert.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("notification_id", ForeignKey("notification.id", ondelete="SET NULL"), index=True),
    Column("old_state", String(20), nullable=False),
    Column("new_state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("value", Number),
    Column("limit", Number),
)

channel = Table(
    "channel",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("kind", String(50), nullable=False),
    Column("config", Json, nullable=False),  # secrets stand here only as references: env:NAME or file:PATH
    Column("created_at", UtcDateTime, nullable=False),
    Column("off_since", UtcDateTime),  # NULL: it is on
    Column("off_by", String(200), nullable=False, server_default=""),
    Column("off_reason", Text, nullable=False, server_default=""),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("notification_id", ForeignKey("notification.id", ondelete="CASCADE"), nullable=False),
    Column("channel_id", ForeignKey("channel.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(20), nullable=False),  # pending | delivered | dead
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("delivered_at", UtcDateTime),
    Column("receipt", Text, nullable=False, server_default=""),  # what the channel is handed with the thread's next
    Column("resend_at", UtcDateTime, index=True),  # delivered, and to be told again then; NULL: told once is enough
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("notification_id", "channel_id"),
    Index("ix_delivery_state_next_attempt_at", "state", "next_attempt_at"),
)

report = Table(
    "report",
    metadata,
    Column("id", Integer, primary_key=True),
    _version_id(),
    Column("kind", String(20), nullable=False),  # drift | summary | quality
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("state", String(20), nullable=False),  # requested | running | done | failed
    Column("reason", Text, nullable=False, server_default=""),  # what asked for it, where that was an alert
    Column("requested_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("error", Text, nullable=False, server_default=""),
    Column("reference_rows", Integer),
    Column("current_rows", Integer),
    Column("sampling", Text, nullable=False, server_default=""),
    Column("json", Text),
    Column("html", LargeBinary),  # compressed
    Index("ix_report_state", "state"),
    Index("ix_report_version_id", "version_id"),
)

# Limits that people set. Rows are never deleted: one that holds no longer says since when, by whom and why.
limit_override = Table(
    "limit_override",
    metadata,
    Column("id", Integer, primary_key=True),
    _model_id(),
    Column("check", String(50), nullable=False),
    Column("subject", String(200)),  # None: every subject of the check
    Column("segment", String(200), nullable=False, server_default=""),
    Column("limit", Double, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    Column("removed_by", String(200), nullable=False, server_default=""),
    Column("removal_reason", Text, nullable=False, server_default=""),
    Index("ix_limit_override_model_id", "model_id"),
)

# Who hears of what: the first rule that fits, by position.
route = Table(
    "route",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", Integer, nullable=False),
    # Exact texts, or patterns with * and ?; None: any.
    Column("project", String(200)),
    Column("model", String(200)),
    Column("check", String(200)),
    Column("owner", String(200)),
    Column("segment", String(200)),
    Column("severity", String(10)),  # at least
    Column("channels", Json, nullable=False),  # by name, so that one that is made anew is meant again
    Column("digest", Boolean, nullable=False),
    Column("go_on", Boolean, nullable=False),
    Column("repeat_seconds", BigInteger),
    Column("escalate_seconds", BigInteger),
    Column("escalate_to", Json, nullable=False),
    Column("author", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# Digests that were written, by when they were due: each once.
digest = Table(
    "digest",
    metadata,
    Column("due", UtcDateTime, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),  # what came later is for the next one
)

# What to do about an alert, by names: '' is every model, or every check.
runbook = Table(
    "runbook",
    metadata,
    Column("project", String(100), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("check", String(50), primary_key=True),
    Column("content", Text, nullable=False),  # an address or a text
    Column("author", String(200), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

job_run = Table(
    "job_run",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("job", String(50), nullable=False),
    Column("slot", UtcDateTime, nullable=False),  # the scheduled time this run stands for
    Column("worker", String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(20), nullable=False),  # running | done | failed
    Column("detail", Text, nullable=False, server_default=""),
    Column("waiting", BigInteger),  # batches that still waited to be counted when a fold ended
    UniqueConstraint("job", "slot"),
)

# What each client (an object in a process) last said of itself, counted since its start: said twice, it is said once.
client_report = Table(
    "client_report",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("host", String(200), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("logged", BigInteger, nullable=False),
    Column("predictions", BigInteger, nullable=False),  # of those logged
    Column("served", BigInteger),  # None: the service does not tell
    Column("sent", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("dropped", Json, nullable=False),  # reason -> records
    Column("dropped_at", UtcDateTime),  # when it last reported more of them than before
    Index("ix_client_report_reported_at", "reported_at"),
)

# Requests that collectors turned away, by reason and hour.
refusal = Table(
    "refusal",
    metadata,
    Column("hour", UtcDateTime, primary_key=True),
    Column("reason", String(50), primary_key=True),
    Column("requests", BigInteger, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scope", String(20), nullable=False),  # ingest | train | admin
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of a 256-bit random key
    Column("hint", String(12), nullable=False),  # the first characters, to recognise it by
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),  # written every few minutes at most
    Column("uses_known_since", UtcDateTime),  # NULL: since it was made
)

# Every change of a version's stage, written beside the change. Rows are never changed or deleted.
deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True),
    _model_id(),
    _version_id(),
    Column("from_stage", String(20)),  # None: it had none, or none is known
    Column("to_stage", String(20), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("author", String(200), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("kind", String(20), nullable=False),
    Index("ix_deployment_model_id_id", "model_id", "id"),
    Index("ix_deployment_at", "at"),
)

import_progress = Table(
    "import_progress",
    metadata,
    Column("key", String(64), primary_key=True),  # SHA-256 of the file's identity and the mapping
    Column("rows_done", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
