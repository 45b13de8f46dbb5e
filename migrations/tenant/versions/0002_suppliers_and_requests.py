"""Suppliers and requests for quotation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rfq",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("number", sa.Text(), server_default=sa.FetchedValue(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("buyer_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("budget", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("awarded_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.CheckConstraint("btrim(title) <> ''", name=op.f("ck_rfq_title_not_blank")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_rfq_currency_iso")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_rfq_custom_fields_object")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'sent', 'quoted', 'awarded', 'closed', 'cancelled')",
            name=op.f("ck_rfq_status_known"),
        ),
        sa.CheckConstraint("awarded_at >= sent_at", name=op.f("ck_rfq_awarded_at_after_sent")),
        sa.CheckConstraint("budget >= 0", name=op.f("ck_rfq_budget_not_negative")),
        sa.CheckConstraint("number IS NULL OR deleted_at IS NULL", name=op.f("ck_rfq_deleted_at_unnumbered")),
        sa.ForeignKeyConstraint(["buyer_id"], ["app_user.id"], name=op.f("fk_rfq_buyer_id_app_user")),
        sa.ForeignKeyConstraint(
            ["org_id", "category_id"],
            ["product_category.org_id", "product_category.id"],
            name=op.f("fk_rfq_org_id_category_id_product_category"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_rfq_org_id_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rfq")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_rfq_org_id_id")),
        sa.UniqueConstraint("org_id", "number", name=op.f("uq_rfq_org_id_number")),
    )
    op.create_index("ix_rfq_buyer_id", "rfq", ["buyer_id"], unique=False)
    op.create_index("ix_rfq_category_id", "rfq", ["category_id"], unique=False)
    op.create_index(
        "ix_rfq_created_at",
        "rfq",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_rfq_deadline",
        "rfq",
        ["deadline", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_rfq_search",
        "rfq",
        ["title", "number"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops", "number": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_rfq_status", "rfq", ["status", "id"], unique=False, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(
        "uq_rfq_external_key",
        "rfq",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_table(
        "supplier",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column(
            "capabilities",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("reliability", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("score_n", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("payment_days", sa.Integer(), nullable=True),
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
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_supplier_code_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_supplier_name_not_blank")),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_supplier_country_iso")),
        sa.CheckConstraint("email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_supplier_email_shape")),
        sa.CheckConstraint(
            "jsonb_typeof(capabilities) = 'object'", name=op.f("ck_supplier_capabilities_object")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_supplier_custom_fields_object")
        ),
        sa.CheckConstraint(
            "status IN ('prospect', 'active', 'blocked', 'inactive')", name=op.f("ck_supplier_status_known")
        ),
        sa.CheckConstraint("lead_time_days >= 0", name=op.f("ck_supplier_lead_time_days_not_negative")),
        sa.CheckConstraint("payment_days >= 0", name=op.f("ck_supplier_payment_days_not_negative")),
        sa.CheckConstraint("reliability BETWEEN 0 AND 100", name=op.f("ck_supplier_reliability_range")),
        sa.CheckConstraint("score_n >= 0", name=op.f("ck_supplier_score_n_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "category_id"],
            ["product_category.org_id", "product_category.id"],
            name=op.f("fk_supplier_org_id_category_id_product_category"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_supplier_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_supplier_org_id_id")),
    )
    op.create_index(
        "ix_supplier_capabilities",
        "supplier",
        ["capabilities"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"capabilities": "jsonb_path_ops"},
    )
    op.create_index("ix_supplier_category_id", "supplier", ["category_id"], unique=False)
    op.create_index(
        "ix_supplier_created_at",
        "supplier",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_supplier_name",
        "supplier",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_supplier_region",
        "supplier",
        ["region", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_supplier_region_name",
        "supplier",
        ["region", "name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_supplier_reliability",
        "supplier",
        [sa.literal_column("reliability DESC NULLS LAST"), "name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_supplier_search",
        "supplier",
        ["name", "code", "email"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "code": "gin_trgm_ops", "email": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_supplier_external_key",
        "supplier",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_index(
        "uq_supplier_org_id_code",
        "supplier",
        ["org_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "rfq_invitation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("rfq_id", sa.BigInteger(), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
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
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"],
            ["rfq.org_id", "rfq.id"],
            name=op.f("fk_rfq_invitation_org_id_rfq_id_rfq"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_rfq_invitation_org_id_supplier_id_supplier"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rfq_invitation")),
        sa.UniqueConstraint("rfq_id", "supplier_id", name=op.f("uq_rfq_invitation_rfq_id_supplier_id")),
    )
    op.create_index("ix_rfq_invitation_supplier_id", "rfq_invitation", ["supplier_id"], unique=False)
    op.create_table(
        "rfq_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("rfq_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("need_by", sa.Date(), nullable=True),
        sa.Column("target_price", sa.Numeric(precision=18, scale=4), nullable=True),
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
        sa.CheckConstraint(
            "product_id IS NOT NULL OR btrim(description) <> ''",
            name=op.f("ck_rfq_line_description_or_product"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_rfq_line_quantity_positive")),
        sa.CheckConstraint("target_price >= 0", name=op.f("ck_rfq_line_target_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "product_id"],
            ["product.org_id", "product.id"],
            name=op.f("fk_rfq_line_org_id_product_id_product"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"],
            ["rfq.org_id", "rfq.id"],
            name=op.f("fk_rfq_line_org_id_rfq_id_rfq"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_rfq_line_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rfq_line")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_rfq_line_org_id_id")),
    )
    op.create_index("ix_rfq_line_product_id", "rfq_line", ["product_id"], unique=False)
    op.create_index("ix_rfq_line_rfq_id", "rfq_line", ["rfq_id", "position", "id"], unique=False)
    op.create_index("ix_rfq_line_unit_id", "rfq_line", ["unit_id"], unique=False)
    op.create_table(
        "supplier_contact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
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
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_supplier_contact_name_not_blank")),
        sa.CheckConstraint(
            "email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_supplier_contact_email_shape")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_supplier_contact_org_id_supplier_id_supplier"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_contact")),
    )
    op.create_index("ix_supplier_contact_supplier_id", "supplier_contact", ["supplier_id"], unique=False)
    op.create_index(
        "uq_supplier_contact_is_primary",
        "supplier_contact",
        ["supplier_id"],
        unique=True,
        postgresql_where=sa.text("is_primary"),
    )


def downgrade() -> None:
    op.drop_table("supplier_contact")
    op.drop_table("rfq_line")
    op.drop_table("rfq_invitation")
    op.drop_table("supplier")
    op.drop_table("rfq")
