"""Quotes, messages and KPIs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kpi_definition",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("better", sa.Text(), server_default="higher", nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("better IN ('higher', 'lower')", name=op.f("ck_kpi_definition_better_known")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_kpi_definition_name_not_blank")),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_kpi_definition_code_shape")),
        sa.CheckConstraint(
            "jsonb_typeof(parameters) = 'object'", name=op.f("ck_kpi_definition_parameters_object")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_kpi_definition_revision_positive")),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_kpi_definition_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_definition")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_kpi_definition_org_id_id")),
    )
    op.create_index(
        "ix_kpi_definition_name",
        "kpi_definition",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_kpi_definition_org_id_code",
        "kpi_definition",
        ["org_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "kpi_value",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("definition_id", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'", name=op.f("ck_kpi_value_period_month")),
        sa.ForeignKeyConstraint(
            ["org_id", "definition_id"],
            ["kpi_definition.org_id", "kpi_definition.id"],
            name=op.f("fk_kpi_value_org_id_definition_id_kpi_definition"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_kpi_value_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_value")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_kpi_value_org_id_id")),
    )
    op.create_index("ix_kpi_value_definition_id", "kpi_value", ["definition_id"], unique=False)
    op.create_index(
        "ix_kpi_value_period",
        "kpi_value",
        ["period", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_kpi_value_definition_id_period",
        "kpi_value",
        ["definition_id", "period"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_kpi_value_external_key",
        "kpi_value",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("rfq_id", sa.BigInteger(), nullable=True),
        sa.Column("direction", sa.Text(), server_default="outbound", nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("btrim(body) <> ''", name=op.f("ck_message_body_not_blank")),
        sa.CheckConstraint("direction IN ('inbound', 'outbound')", name=op.f("ck_message_direction_known")),
        sa.CheckConstraint("read_at >= sent_at", name=op.f("ck_message_read_at_after_sent")),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"], ["rfq.org_id", "rfq.id"], name=op.f("fk_message_org_id_rfq_id_rfq")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_message_org_id_supplier_id_supplier"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_message_org_id_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_message_org_id_id")),
    )
    op.create_index("ix_message_rfq_id", "message", ["rfq_id"], unique=False)
    op.create_index(
        "ix_message_search",
        "message",
        ["subject", "body"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"subject": "gin_trgm_ops", "body": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_message_sent_at",
        "message",
        ["sent_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_message_supplier_id", "message", ["supplier_id"], unique=False)
    op.create_index(
        "uq_message_external_key",
        "message",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_table(
        "quote",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("rfq_id", sa.BigInteger(), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("incoterm", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_quote_currency_iso")),
        sa.CheckConstraint("incoterm ~ '^[A-Z]{3}$'", name=op.f("ck_quote_incoterm_shape")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_quote_custom_fields_object")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'shortlisted', 'awarded', 'rejected', 'withdrawn', 'expired')",
            name=op.f("ck_quote_status_known"),
        ),
        sa.CheckConstraint("lead_time_days >= 0", name=op.f("ck_quote_lead_time_days_not_negative")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_quote_revision_positive")),
        sa.CheckConstraint("total >= 0", name=op.f("ck_quote_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"], ["rfq.org_id", "rfq.id"], name=op.f("fk_quote_org_id_rfq_id_rfq")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_quote_org_id_supplier_id_supplier"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_quote_org_id_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_quote_org_id_id")),
    )
    op.create_index(
        "ix_quote_created_at",
        "quote",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_quote_lead_time_days",
        "quote",
        ["lead_time_days", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_quote_rfq_id", "quote", ["rfq_id"], unique=False)
    op.create_index(
        "ix_quote_search",
        "quote",
        ["reference"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"reference": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_quote_status",
        "quote",
        ["status", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_quote_supplier_id", "quote", ["supplier_id"], unique=False)
    op.create_index(
        "ix_quote_total",
        "quote",
        ["total", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_quote_external_key",
        "quote",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_index(
        "uq_quote_rfq_id_supplier_id",
        "quote",
        ["rfq_id", "supplier_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "quote_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("quote_id", sa.BigInteger(), nullable=False),
        sa.Column("rfq_line_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column(
            "unit_price", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("no_bid", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "amount",
            sa.Numeric(precision=18, scale=4),
            sa.Computed(
                "CASE WHEN no_bid THEN 0::numeric ELSE round(quantity * unit_price, 4) END", persisted=True
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.Column(
            "updated_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint("lead_days >= 0", name=op.f("ck_quote_line_lead_days_not_negative")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_quote_line_quantity_positive")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_quote_line_unit_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "quote_id"],
            ["quote.org_id", "quote.id"],
            name=op.f("fk_quote_line_org_id_quote_id_quote"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_line_id"],
            ["rfq_line.org_id", "rfq_line.id"],
            name=op.f("fk_quote_line_org_id_rfq_line_id_rfq_line"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_line")),
        sa.UniqueConstraint("quote_id", "rfq_line_id", name=op.f("uq_quote_line_quote_id_rfq_line_id")),
    )
    op.create_index("ix_quote_line_rfq_line_id", "quote_line", ["rfq_line_id"], unique=False)


def downgrade() -> None:
    op.drop_table("quote_line")
    op.drop_table("quote")
    op.drop_table("message")
    op.drop_table("kpi_value")
    op.drop_table("kpi_definition")
