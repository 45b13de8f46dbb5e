"""History, people, currencies, the catalogue and stock."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
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
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_app_user_name_not_blank")),
        sa.CheckConstraint("email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_app_user_email_shape")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_app_user_custom_fields_object")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
    )
    op.create_index(
        "ix_app_user_name",
        "app_user",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_app_user_search",
        "app_user",
        ["name", "email"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "email": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_app_user_email",
        "app_user",
        [sa.literal_column("lower(email)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "currency",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("decimals", sa.SmallInteger(), server_default=sa.text("2"), nullable=False),
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
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_currency_name_not_blank")),
        sa.CheckConstraint("code ~ '^[A-Z]{3}$'", name=op.f("ck_currency_code_iso")),
        sa.CheckConstraint("decimals BETWEEN 0 AND 4", name=op.f("ck_currency_decimals_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_currency")),
        sa.UniqueConstraint("code", name=op.f("uq_currency_code")),
    )
    op.create_table(
        "fx_rate",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("from_currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=18, scale=8), nullable=False),
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
        sa.CheckConstraint("from_currency ~ '^[A-Z]{3}$'", name=op.f("ck_fx_rate_from_currency_iso")),
        sa.CheckConstraint("to_currency ~ '^[A-Z]{3}$'", name=op.f("ck_fx_rate_to_currency_iso")),
        sa.CheckConstraint("from_currency <> to_currency", name=op.f("ck_fx_rate_to_currency_differs")),
        sa.CheckConstraint("rate > 0", name=op.f("ck_fx_rate_rate_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fx_rate")),
        sa.UniqueConstraint(
            "from_currency",
            "to_currency",
            "on_date",
            name=op.f("uq_fx_rate_from_currency_to_currency_on_date"),
        ),
    )
    op.create_table(
        "organization",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("base_currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
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
        sa.CheckConstraint("base_currency ~ '^[A-Z]{3}$'", name=op.f("ck_organization_base_currency_iso")),
        sa.CheckConstraint("btrim(locale) <> ''", name=op.f("ck_organization_locale_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_organization_name_not_blank")),
        sa.CheckConstraint("btrim(time_zone) <> ''", name=op.f("ck_organization_time_zone_not_blank")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_organization_custom_fields_object")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
    )
    op.create_index(
        "ix_organization_name",
        "organization",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_organization_name",
        "organization",
        [sa.literal_column("lower(name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "row_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("old", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("new", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("session_user_name", sa.Text(), nullable=False),
        sa.Column("client_addr", postgresql.INET(), nullable=True),
        sa.Column("application_name", sa.Text(), nullable=True),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("operation IN ('I', 'U', 'D')", name=op.f("ck_row_history_operation_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_row_history")),
    )
    op.create_index("ix_row_history_record", "row_history", ["table_name", "record_id", "id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), server_default="count", nullable=False),
        sa.Column("factor", sa.Numeric(precision=18, scale=8), server_default=sa.text("1"), nullable=False),
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
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_unit_code_not_blank")),
        sa.CheckConstraint("btrim(dimension) <> ''", name=op.f("ck_unit_dimension_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_unit_name_not_blank")),
        sa.CheckConstraint("factor > 0", name=op.f("ck_unit_factor_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
    )
    op.create_index(
        "ix_unit_name", "unit", ["name", "id"], unique=False, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(
        "uq_unit_code", "unit", ["code"], unique=True, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), server_default="buyer", nullable=False),
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
            "role IN ('buyer', 'sales', 'warehouse', 'manager')", name=op.f("ck_membership_role_known")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organization.id"],
            name=op.f("fk_membership_org_id_organization"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_membership_user_id_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("org_id", "user_id", name=op.f("uq_membership_org_id_user_id")),
    )
    op.create_index("ix_membership_user_id", "membership", ["user_id"], unique=False)
    op.create_table(
        "number_sequence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("last >= 0", name=op.f("ck_number_sequence_last_not_negative")),
        sa.CheckConstraint("year BETWEEN 2000 AND 2999", name=op.f("ck_number_sequence_year_range")),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_number_sequence_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_sequence")),
        sa.UniqueConstraint("org_id", "type", "year", name=op.f("uq_number_sequence_org_id_type_year")),
    )
    op.create_table(
        "product_category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), server_default=sa.text("''"), nullable=False),
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
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_product_category_code_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_product_category_name_not_blank")),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_product_category_parent_id_not_itself")),
        sa.ForeignKeyConstraint(
            ["org_id", "parent_id"],
            ["product_category.org_id", "product_category.id"],
            name=op.f("fk_product_category_org_id_parent_id_product_category"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_product_category_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_category")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_product_category_org_id_id")),
    )
    op.create_index("ix_product_category_parent_id", "product_category", ["parent_id"], unique=False)
    op.create_index(
        "ix_product_category_path",
        "product_category",
        ["path", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_product_category_search",
        "product_category",
        ["name", "code"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "code": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_product_category_org_id_code",
        "product_category",
        ["org_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "profile",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
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
        sa.CheckConstraint("btrim(language) <> ''", name=op.f("ck_profile_language_not_blank")),
        sa.CheckConstraint("btrim(time_zone) <> ''", name=op.f("ck_profile_time_zone_not_blank")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_profile_user_id_app_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile")),
        sa.UniqueConstraint("user_id", name=op.f("uq_profile_user_id")),
    )
    op.create_table(
        "warehouse",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
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
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_warehouse_code_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_warehouse_name_not_blank")),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_warehouse_country_iso")),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_warehouse_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warehouse")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_warehouse_org_id_id")),
    )
    op.create_index(
        "ix_warehouse_name",
        "warehouse",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_warehouse_search",
        "warehouse",
        ["name", "code"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "code": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_warehouse_org_id_code",
        "warehouse",
        ["org_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "standard_cost", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("price", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column(
            "reorder_point", sa.Numeric(precision=18, scale=6), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "min_order_qty", sa.Numeric(precision=18, scale=6), server_default=sa.text("1"), nullable=False
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
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
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_product_name_not_blank")),
        sa.CheckConstraint("btrim(sku) <> ''", name=op.f("ck_product_sku_not_blank")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_product_currency_iso")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_product_custom_fields_object")
        ),
        sa.CheckConstraint("min_order_qty > 0", name=op.f("ck_product_min_order_qty_positive")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_product_price_not_negative")),
        sa.CheckConstraint("reorder_point >= 0", name=op.f("ck_product_reorder_point_not_negative")),
        sa.CheckConstraint("standard_cost >= 0", name=op.f("ck_product_standard_cost_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "category_id"],
            ["product_category.org_id", "product_category.id"],
            name=op.f("fk_product_org_id_category_id_product_category"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_product_org_id_organization")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_product_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_product_org_id_id")),
    )
    op.create_index("ix_product_category_id", "product", ["category_id"], unique=False)
    op.create_index(
        "ix_product_name",
        "product",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_product_price",
        "product",
        ["price", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_product_search",
        "product",
        ["name", "sku"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "sku": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_product_sku",
        "product",
        ["sku", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_product_unit_id", "product", ["unit_id"], unique=False)
    op.create_index(
        "uq_product_org_id_sku",
        "product",
        ["org_id", "sku"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "stock_balance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "average_cost", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint("average_cost >= 0", name=op.f("ck_stock_balance_average_cost_not_negative")),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_stock_balance_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "product_id"],
            ["product.org_id", "product.id"],
            name=op.f("fk_stock_balance_org_id_product_id_product"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "warehouse_id"],
            ["warehouse.org_id", "warehouse.id"],
            name=op.f("fk_stock_balance_org_id_warehouse_id_warehouse"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_stock_balance_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_balance")),
        sa.UniqueConstraint(
            "org_id",
            "product_id",
            "warehouse_id",
            name=op.f("uq_stock_balance_org_id_product_id_warehouse_id"),
        ),
    )
    op.create_index("ix_stock_balance_product_id", "stock_balance", ["product_id"], unique=False)
    op.create_index("ix_stock_balance_warehouse_id", "stock_balance", ["warehouse_id"], unique=False)
    op.create_table(
        "stock_move",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column(
            "unit_cost", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("source", sa.Text(), server_default="adjustment", nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint(
            "source IN ('opening', 'receipt', 'shipment', 'adjustment', 'transfer')",
            name=op.f("ck_stock_move_source_known"),
        ),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_stock_move_quantity_not_zero")),
        sa.CheckConstraint("unit_cost >= 0", name=op.f("ck_stock_move_unit_cost_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "product_id"],
            ["product.org_id", "product.id"],
            name=op.f("fk_stock_move_org_id_product_id_product"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "warehouse_id"],
            ["warehouse.org_id", "warehouse.id"],
            name=op.f("fk_stock_move_org_id_warehouse_id_warehouse"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_stock_move_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_move")),
    )
    op.create_index("ix_stock_move_moved_at", "stock_move", ["moved_at", "id"], unique=False)
    op.create_index("ix_stock_move_org_id", "stock_move", ["org_id"], unique=False)
    op.create_index("ix_stock_move_product_id", "stock_move", ["product_id", "warehouse_id"], unique=False)
    op.create_index(
        "ix_stock_move_search",
        "stock_move",
        ["reference"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"reference": "gin_trgm_ops"},
    )
    op.create_index("ix_stock_move_warehouse_id", "stock_move", ["warehouse_id"], unique=False)


def downgrade() -> None:
    op.drop_table("stock_move")
    op.drop_table("stock_balance")
    op.drop_table("product")
    op.drop_table("warehouse")
    op.drop_table("profile")
    op.drop_table("product_category")
    op.drop_table("number_sequence")
    op.drop_table("membership")
    op.drop_table("unit")
    op.drop_table("row_history")
    op.drop_table("organization")
    op.drop_table("fx_rate")
    op.drop_table("currency")
    op.drop_table("app_user")
