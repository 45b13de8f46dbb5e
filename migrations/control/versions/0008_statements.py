"""statement history and maintenance windows"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    """Make the tables."""
    _statements()
    _plans()
    _maintenance()


def _at(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=NOW if now else None)


def _json(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(
        name,
        postgresql.JSONB(astext_type=sa.Text()),
        nullable=nullable,
        server_default=sa.text(f"'{default}'::jsonb") if default else None,
    )


def _statements() -> None:
    op.create_table(
        "statement_text",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("is_cut", sa.Boolean(), nullable=False),
        _at("first_seen_at", nullable=False),
        _at("last_seen_at", nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_statement_text")),
    )
    op.create_index(op.f("ix_statement_text_last_seen_at"), "statement_text", ["last_seen_at"])
    op.create_table(
        "statement_interval",
        sa.Column("resolution", sa.SmallInteger(), nullable=False),
        _at("at", nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("total_ms", sa.Float(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.Column("was_reset", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("resolution", "at", name=op.f("pk_statement_interval")),
    )
    op.create_table(
        "statement_use",
        sa.Column("resolution", sa.SmallInteger(), nullable=False),
        _at("at", nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("total_ms", sa.Float(), nullable=False),
        sa.Column("max_ms", sa.Float(), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("rows", "hits", "reads", "temp_blocks", "wal_bytes")
        ),
        _json("roles", "{}"),
        sa.PrimaryKeyConstraint("resolution", "at", "fingerprint", name=op.f("pk_statement_use")),
    )
    op.create_index("ix_statement_use_fingerprint", "statement_use", ["fingerprint", "resolution", "at"])
    op.create_table(
        "statement_snapshot",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        _at("taken_at", nullable=False),
        _at("since_at"),
        _at("started_at", nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_statement_snapshot_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_snapshot")),
        prefixes=["UNLOGGED"],
    )


def _plans() -> None:
    op.create_table(
        "statement_plan",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("is_analyzed", sa.Boolean(), nullable=False),
        _json("parameters", "[]"),
        sa.Column("status", sa.String(), nullable=False),
        _json("plan", nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        _at("created_at", nullable=False, now=True),
        _at("finished_at"),
        sa.CheckConstraint("status IN ('queued', 'done', 'failed')", name=op.f("ck_statement_plan_status")),
        sa.ForeignKeyConstraint(
            ["fingerprint"],
            ["statement_text.fingerprint"],
            name=op.f("fk_statement_plan_fingerprint_statement_text"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_plan")),
    )
    op.create_index(
        "ix_statement_plan_fingerprint",
        "statement_plan",
        ["fingerprint", sa.literal_column("created_at DESC")],
    )


def _maintenance() -> None:
    op.create_table(
        "maintenance_window",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=True),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        _at("created_at", nullable=False, now=True),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_maintenance_window_weekday")),
        sa.CheckConstraint("starts <> ends", name=op.f("ck_maintenance_window_has_length")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_maintenance_window_name_not_blank")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_window")),
        sa.UniqueConstraint("name", name=op.f("uq_maintenance_window_name")),
    )
    op.create_table(
        "maintenance_action",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        _json("target"),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("window_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("undo_of", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        _at("created_at", nullable=False, now=True),
        _at("started_at"),
        _at("finished_at"),
        sa.CheckConstraint(
            "status IN ('deferred', 'queued', 'running', 'paused', 'done', 'failed', 'cancelled')",
            name=op.f("ck_maintenance_action_status"),
        ),
        sa.CheckConstraint(
            "status <> 'deferred' OR window_id IS NOT NULL",
            name=op.f("ck_maintenance_action_deferred_to_a_window"),
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["maintenance_window.id"],
            name=op.f("fk_maintenance_action_window_id_maintenance_window"),
        ),
        sa.ForeignKeyConstraint(
            ["undo_of"],
            ["maintenance_action.id"],
            name=op.f("fk_maintenance_action_undo_of_maintenance_action"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_action")),
    )
    op.create_index(op.f("ix_maintenance_action_window_id"), "maintenance_action", ["window_id"])
    op.create_index(
        "ix_maintenance_action_created_at", "maintenance_action", [sa.literal_column("created_at DESC")]
    )
    op.create_index(
        "ix_maintenance_action_open",
        "maintenance_action",
        ["id"],
        postgresql_where=sa.text("status IN ('deferred', 'queued', 'running', 'paused')"),
    )
    _items()


def _items() -> None:
    op.create_table(
        "maintenance_item",
        sa.Column("action_id", sa.Integer(), nullable=False),
        sa.Column("schema_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("undo", sa.String(), nullable=False),
        sa.Column("has_leftover", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("bytes_before", sa.BigInteger(), nullable=True),
        sa.Column("bytes_after", sa.BigInteger(), nullable=True),
        _at("started_at"),
        _at("finished_at"),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'done', 'skipped', 'failed')",
            name=op.f("ck_maintenance_item_status"),
        ),
        sa.ForeignKeyConstraint(
            ["action_id"],
            ["maintenance_action.id"],
            name=op.f("fk_maintenance_item_action_id_maintenance_action"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("action_id", "schema_name", name=op.f("pk_maintenance_item")),
    )
    op.create_index(op.f("ix_maintenance_item_has_leftover"), "maintenance_item", ["has_leftover"])


def downgrade() -> None:
    """Drop the tables."""
    for name in (
        *("maintenance_item", "maintenance_action", "maintenance_window"),
        *("statement_plan", "statement_snapshot", "statement_use", "statement_interval", "statement_text"),
    ):
        op.drop_table(name)
