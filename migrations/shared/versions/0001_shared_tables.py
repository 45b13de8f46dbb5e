"""Shared tables: tenants, domains, the fleet ledger, the outbox, and what records row history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RECORD_ROW_CHANGE = """
CREATE FUNCTION public.record_row_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    record_id bigint := (coalesce(after, before) ->> 'id')::bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(n.key, before -> n.key), jsonb_object_agg(n.key, n.value) INTO before, after
        FROM jsonb_each(after) AS n WHERE before -> n.key IS DISTINCT FROM n.value;
        IF after IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    -- the table lives in the schema of the changed row: a renamed or restored schema keeps its own history
    EXECUTE format('INSERT INTO %I.row_history (table_name, record_id, operation, old, new, actor, request_id,'
        ' session_user_name, client_addr, application_name, transaction_id)'
        ' VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', TG_TABLE_SCHEMA)
    USING TG_TABLE_NAME::text, record_id, left(TG_OP, 1), before, after,
        nullif(current_setting('steward.actor', true), ''), nullif(current_setting('steward.request_id', true), ''),
        session_user::text, inet_client_addr(), current_setting('application_name'), txid_current();
    RETURN NULL;
END $body$
"""

ATTACH_HISTORY = """
CREATE FUNCTION public.attach_history(target text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format('CREATE TRIGGER record_row_change AFTER INSERT OR UPDATE OR DELETE ON %I.%I'
        ' FOR EACH ROW EXECUTE FUNCTION public.record_row_change()', current_schema(), target);
END $body$
"""

REFUSE_CHANGE = """
CREATE FUNCTION public.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $body$
"""

# The role of a tenant is the one its row names; only the recording function may insert into the history.
MAKE_APPEND_ONLY = """
CREATE FUNCTION public.make_append_only(target text, tenant_may_insert boolean) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
    tenant_role text := (SELECT role_name FROM public.tenant WHERE schema_name = current_schema());
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %I.%I'
        ' FOR EACH ROW EXECUTE FUNCTION public.refuse_change()', current_schema(), target);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %I.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()', current_schema(), target);
    IF tenant_role IS NOT NULL THEN
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I.%I FROM %I', current_schema(), target, tenant_role);
        IF NOT tenant_may_insert THEN
            EXECUTE format('REVOKE INSERT ON %I.%I FROM %I', current_schema(), target, tenant_role);
        END IF;
    END IF;
END $body$
"""

FUNCTIONS = (
    "record_row_change()",
    "attach_history(text)",
    "refuse_change()",
    "make_append_only(text, boolean)",
)
TENANT_GROUP = """
DO $body$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'steward_tenant') THEN
        CREATE ROLE steward_tenant NOLOGIN;
    END IF;
END $body$
"""


def timestamps() -> list[sa.Column]:
    return [
        sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
        for name in ("created_at", "updated_at")
    ]


def upgrade() -> None:
    op.execute(TENANT_GROUP)
    op.create_table(
        "tenant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("schema_name", sa.String(), nullable=False),
        sa.Column("role_name", sa.String(), nullable=False),
        sa.Column("colour", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_tenant"),
        sa.UniqueConstraint("slug", name="uq_tenant_slug"),
        sa.UniqueConstraint("schema_name", name="uq_tenant_schema_name"),
        sa.UniqueConstraint("role_name", name="uq_tenant_role_name"),
        sa.CheckConstraint("slug ~ '^[a-z][a-z0-9-]{0,39}$'", name=op.f("ck_tenant_slug_form")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_tenant_name_not_blank")),
        sa.CheckConstraint(
            "schema_name ~ '^tenant_[a-z0-9_]{1,56}$'", name=op.f("ck_tenant_schema_name_form")
        ),
        sa.CheckConstraint("colour ~ '^#[0-9a-f]{6}$'", name=op.f("ck_tenant_colour_form")),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'archived')", name=op.f("ck_tenant_status_known")
        ),
        schema="public",
    )
    op.create_table(
        "domain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.false(), nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_domain"),
        sa.UniqueConstraint("host", name="uq_domain_host"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["public.tenant.id"], name="fk_domain_tenant_id_tenant", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "host = lower(host) AND host ~ '^[a-z0-9.-]{1,253}$'", name=op.f("ck_domain_host_form")
        ),
        schema="public",
    )
    op.create_index("ix_domain_tenant_id", "domain", ["tenant_id"], schema="public")
    op.create_index(
        "uq_domain_one_primary",
        "domain",
        ["tenant_id"],
        unique=True,
        schema="public",
        postgresql_where=sa.text("is_primary"),
    )
    op.create_table(
        "tenant_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("from_revision", sa.Text(), nullable=True),
        sa.Column("to_revision", sa.Text(), nullable=True),
        sa.Column(
            "applied_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False
        ),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant_revision"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["public.tenant.id"],
            name="fk_tenant_revision_tenant_id_tenant",
            ondelete="CASCADE",
        ),
        schema="public",
    )
    op.create_index("ix_tenant_revision_tenant_id", "tenant_revision", ["tenant_id"], schema="public")
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("role_name", sa.Text(), server_default=sa.text("CURRENT_USER"), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("args", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        schema="public",
    )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"], schema="public")
    op.create_table(
        "job_step",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "step", name="pk_job_step"),
        schema="public",
    )
    for statement in (RECORD_ROW_CHANGE, ATTACH_HISTORY, REFUSE_CHANGE, MAKE_APPEND_ONLY):
        op.execute(statement)
    for function in FUNCTIONS:
        op.execute(f"REVOKE EXECUTE ON FUNCTION public.{function} FROM PUBLIC")
    grant_reads()
    # a tenant hands work over without seeing anybody's; the server names the role, so it cannot be forged
    op.execute("GRANT INSERT (id, job, args, actor, request_id) ON public.outbox TO steward_tenant")
    op.execute("GRANT INSERT ON public.job_step TO steward_tenant")


def grant_reads() -> None:
    """The app login resolves tenants; the monitor reads where each stands; tenants see neither."""
    op.execute("GRANT USAGE ON SCHEMA public TO steward_tenant, steward_app, steward_monitor")
    op.execute("GRANT SELECT ON public.tenant, public.domain TO steward_app, steward_monitor")
    op.execute(
        "GRANT SELECT ON public.tenant_revision, public.shared_version TO steward_app, steward_monitor"
    )


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION public.{function}")
    for table in ("job_step", "outbox", "tenant_revision", "domain", "tenant"):
        op.drop_table(table, schema="public")
    # the role steward_tenant stays: roles belong to the cluster and other databases may use it
