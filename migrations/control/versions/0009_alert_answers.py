"""acknowledgement, silences, deliveries"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")


def words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), server_default="", nullable=False)


def upgrade() -> None:
    op.add_column("alert", sa.Column("acknowledged_at", MOMENT, nullable=True))
    op.add_column("alert", words("acknowledged_by"))
    op.add_column("alert", words("acknowledged_note"))
    op.add_column("alert", sa.Column("flapping_since", MOMENT, nullable=True))
    op.add_column("alert_event", words("actor"))
    op.create_index("ix_alert_event_rule", "alert_event", ["rule", "subject", sa.text("at DESC")])
    op.create_table(
        "alert_silence",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        words("ended_by"),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_alert_silence_ends_after_start")),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_alert_silence_reason_given")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_silence")),
    )
    op.create_index("ix_alert_silence_ends_at", "alert_silence", ["ends_at"])
    op.create_table(
        "alert_signal",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tried_at", MOMENT, nullable=True),
        sa.Column("taken_at", MOMENT, nullable=True),
        words("error"),
        sa.Column("held_since", MOMENT, nullable=True),
        words("held_for"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alert_signal")),
    )
    create_routes()
    create_outbox()


def create_routes() -> None:
    op.create_table(
        "alert_route",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        words("sealed_url"),
        words("sealed_secret"),
        sa.Column("body", sa.String(), server_default="full", nullable=False),
        sa.Column("severities", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("areas", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("repeat_seconds", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_until", sa.Time(), nullable=True),
        sa.Column("quiet_zone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('mail', 'webhook')", name=op.f("ck_alert_route_kind")),
        sa.CheckConstraint("body IN ('full', 'text')", name=op.f("ck_alert_route_body")),
        sa.CheckConstraint("repeat_seconds >= 0", name=op.f("ck_alert_route_repeat")),
        sa.CheckConstraint(
            "(quiet_from IS NULL) = (quiet_until IS NULL)", name=op.f("ck_alert_route_quiet_is_whole")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_route")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_route_name")),
    )


def create_outbox() -> None:
    op.create_table(
        "alert_told",
        sa.Column("route_id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["route_id"],
            ["alert_route.id"],
            name=op.f("fk_alert_told_route_id_alert_route"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("route_id", "rule", "subject", name=op.f("pk_alert_told")),
    )
    op.create_table(
        "alert_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("route_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        words("actor"),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("due_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("given_up_at", MOMENT, nullable=True),
        words("error"),
        sa.CheckConstraint("purpose IN ('alerts', 'test')", name=op.f("ck_alert_delivery_purpose")),
        sa.ForeignKeyConstraint(
            ["route_id"],
            ["alert_route.id"],
            name=op.f("fk_alert_delivery_route_id_alert_route"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_delivery")),
    )
    op.create_index("ix_alert_delivery_created_at", "alert_delivery", [sa.text("created_at DESC")])
    op.create_index(
        "ix_alert_delivery_open",
        "alert_delivery",
        ["route_id", "created_at"],
        postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"),
    )


def downgrade() -> None:
    for table in ("alert_delivery", "alert_told", "alert_route", "alert_signal", "alert_silence"):
        op.drop_table(table)
    op.drop_index("ix_alert_event_rule", table_name="alert_event")
    op.drop_column("alert_event", "actor")
    for column in ("flapping_since", "acknowledged_note", "acknowledged_by", "acknowledged_at"):
        op.drop_column("alert", column)
