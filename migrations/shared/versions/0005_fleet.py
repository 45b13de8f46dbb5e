"""Where every schema stands, tasks of fleet runs, progress of data changes, blueprints, maintenance."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Until now the newest line of the ledger said where a tenant stands.
FILL_HEADS = """
INSERT INTO public.schema_head (schema_name, kind, tenant_id, revision, moved_at)
SELECT t.schema_name, 'tenant', t.id, r.to_revision, coalesce(r.applied_at, clock_timestamp())
FROM public.tenant AS t
LEFT JOIN LATERAL (
    SELECT to_revision, applied_at FROM public.tenant_revision WHERE tenant_id = t.id ORDER BY id DESC LIMIT 1
) AS r ON true
"""
TABLES = ("schema_head", "fleet_task", "backfill_progress", "tenant_blueprint", "maintenance")


def upgrade() -> None:
    with op.batch_alter_table("tenant", schema="public") as table:
        table.add_column(sa.Column("status_reason", sa.String(), server_default="", nullable=False))
        table.add_column(sa.Column("status_since", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("owner_email", sa.String(), server_default="", nullable=False))
        table.add_column(
            sa.Column(
                "former_slugs",
                postgresql.JSONB(astext_type=sa.Text()),
                server_default=sa.text("'{}'::jsonb"),
                nullable=False,
            )
        )
    create_maintenance()
    create_schema_head()
    op.execute(FILL_HEADS)
    create_fleet_task()
    create_backfill_progress()
    op.create_table(
        "tenant_blueprint",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("ddl", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        moment("made_at"),
        sa.PrimaryKeyConstraint("revision", name="pk_tenant_blueprint"),
        schema="public",
    )
    for table in TABLES:
        op.execute(f"REVOKE ALL ON public.{table} FROM PUBLIC")
        op.execute(f"GRANT SELECT ON public.{table} TO steward_app, steward_monitor")


def moment(name: str) -> sa.Column:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False
    )


def create_maintenance() -> None:
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("is_read_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        moment("starts_at"),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["public.tenant.id"], name="fk_maintenance_tenant_id_tenant", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "ends_at IS NULL OR ends_at > starts_at", name=op.f("ck_maintenance_ends_after_start")
        ),
        sa.CheckConstraint("btrim(message) <> ''", name=op.f("ck_maintenance_message_not_blank")),
        schema="public",
    )
    op.create_index("ix_maintenance_tenant_id", "maintenance", ["tenant_id"], schema="public")


def create_schema_head() -> None:
    op.create_table(
        "schema_head",
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="tenant", nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Text(), nullable=True),
        moment("moved_at"),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("fingerprinted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("schema_name", name="pk_schema_head"),
        sa.UniqueConstraint("tenant_id", name="uq_schema_head_tenant_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["public.tenant.id"], name="fk_schema_head_tenant_id_tenant", ondelete="CASCADE"
        ),
        sa.CheckConstraint("kind IN ('tenant', 'spare', 'template')", name=op.f("ck_schema_head_kind")),
        sa.CheckConstraint(
            "(kind = 'tenant') = (tenant_id IS NOT NULL)", name=op.f("ck_schema_head_tenant_is_given")
        ),
        schema="public",
    )
    op.create_index(
        "uq_schema_head_template",
        "schema_head",
        ["kind"],
        unique=True,
        schema="public",
        postgresql_where=sa.text("kind = 'template'"),
    )


def create_fleet_task() -> None:
    op.create_table(
        "fleet_task",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("from_revision", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lock_waits", sa.Integer(), server_default="0", nullable=False),
        moment("not_before"),
        sa.Column("worker", sa.Text(), server_default="", nullable=False),
        sa.Column("duration_ms", sa.Float(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "schema_name", name="pk_fleet_task"),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed', 'skipped')",
            name=op.f("ck_fleet_task_status"),
        ),
        schema="public",
    )
    op.create_index(
        "ix_fleet_task_open",
        "fleet_task",
        ["run_id", "wave", "not_before"],
        schema="public",
        postgresql_where=sa.text("status = 'pending'"),
    )


def create_backfill_progress() -> None:
    op.create_table(
        "backfill_progress",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("last_key", sa.BigInteger(), nullable=True),
        sa.Column("rows_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_total", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("name", "schema_name", name="pk_backfill_progress"),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed')", name=op.f("ck_backfill_progress_status")
        ),
        schema="public",
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table, schema="public")
    with op.batch_alter_table("tenant", schema="public") as table:
        for column in ("status_reason", "status_since", "owner_email", "former_slugs"):
            table.drop_column(column)
