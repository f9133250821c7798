"""Targets: where requests go, apart from who asks. The webhook of each policy becomes one with the model's name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

model = sa.table("model", sa.column("id", sa.Integer), sa.column("name", sa.String))
policy = sa.table(
    "retraining_policy",
    *(sa.column(name) for name in ("model_id", "webhook_url", "secret", "target_id")),
    sa.column("created_at", TIME),
)
target = sa.table(
    "target",
    *(sa.column(name) for name in ("id", "name", "preset")),
    sa.column("config", JSON),
    sa.column("created_at", TIME),
)


def upgrade() -> None:
    op.create_table(
        "target",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("preset", sa.String(length=50), nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target")),
        sa.UniqueConstraint("name", name=op.f("uq_target_name")),
    )
    with op.batch_alter_table("retraining_policy") as table:
        table.add_column(sa.Column("target_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_retraining_policy_target_id"), "target", ["target_id"], ["id"])
    with op.batch_alter_table("action") as table:
        table.add_column(sa.Column("target_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_action_target_id"), "target", ["target_id"], ["id"], ondelete="SET NULL")
        table.create_index(op.f("ix_action_target_id"), ["target_id"])
        table.drop_constraint(op.f("uq_action_transition_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_action_kind_transition_id"), ["kind", "transition_id"])
    _webhooks_become_targets()
    with op.batch_alter_table("retraining_policy") as table:
        table.alter_column("target_id", existing_type=sa.Integer(), nullable=False)
        table.drop_column("secret")
        table.drop_column("webhook_url")


def _webhooks_become_targets() -> None:
    connection, taken = op.get_bind(), set[str]()
    query = sa.select(policy, model.c.name).join(model, model.c.id == policy.c.model_id).order_by(model.c.id)
    for row in connection.execute(query).all():
        name = row.name if row.name not in taken else f"{row.name[:180]} ({row.model_id})"
        taken.add(name)
        config = {"url": row.webhook_url, "secret": row.secret}
        values = {"name": name, "preset": "webhook", "config": config, "created_at": row.created_at}
        connection.execute(sa.insert(target).values(values))
        made = sa.select(target.c.id).where(target.c.name == name).scalar_subquery()
        connection.execute(sa.update(policy).where(policy.c.model_id == row.model_id).values(target_id=made))
    op.execute(
        "UPDATE action SET target_id = "
        "(SELECT target_id FROM retraining_policy WHERE retraining_policy.model_id = action.model_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("retraining_policy") as table:
        table.add_column(sa.Column("webhook_url", sa.Text(), nullable=True))
        table.add_column(sa.Column("secret", sa.Text(), nullable=True))
    _targets_become_webhooks()
    with op.batch_alter_table("retraining_policy") as table:
        table.alter_column("webhook_url", existing_type=sa.Text(), nullable=False)
        table.alter_column("secret", existing_type=sa.Text(), nullable=False)
        table.drop_constraint(op.f("fk_retraining_policy_target_id"), type_="foreignkey")
        table.drop_column("target_id")
    with op.batch_alter_table("action") as table:
        table.drop_constraint(op.f("uq_action_kind_transition_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_action_transition_id"), ["transition_id"])
        table.drop_index(op.f("ix_action_target_id"))
        table.drop_constraint(op.f("fk_action_target_id"), type_="foreignkey")
        table.drop_column("target_id")
    op.drop_table("target")


def _targets_become_webhooks() -> None:
    connection = op.get_bind()
    query = sa.select(policy.c.model_id, target.c.preset, target.c.config)
    for row in connection.execute(query.join(target, target.c.id == policy.c.target_id)).all():
        mine = policy.c.model_id == row.model_id
        if row.preset == "webhook":
            values = {"webhook_url": row.config["url"], "secret": row.config["secret"]}
            connection.execute(sa.update(policy).where(mine).values(values))
        else:  # what the older program cannot send to, it is not to ask
            connection.execute(sa.delete(policy).where(mine))
    # The older program knows requests for retraining only.
    op.execute("DELETE FROM action WHERE kind <> 'retraining'")
