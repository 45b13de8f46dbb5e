"""Purchase orders, receipts, customers and sales orders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
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
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_customer_code_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_customer_name_not_blank")),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_customer_country_iso")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_customer_currency_iso")),
        sa.CheckConstraint("email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_customer_email_shape")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_customer_custom_fields_object")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_customer_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_customer_org_id_id")),
    )
    op.create_index(
        "ix_customer_country",
        "customer",
        ["country", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_customer_name",
        "customer",
        ["name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_customer_search",
        "customer",
        ["name", "code", "email"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "code": "gin_trgm_ops", "email": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_customer_external_key",
        "customer",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_index(
        "uq_customer_org_id_code",
        "customer",
        ["org_id", "code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "sales_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("number", sa.Text(), server_default=sa.FetchedValue(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_reference", sa.Text(), nullable=True),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("fx_rate", sa.Numeric(precision=18, scale=8), server_default=sa.text("1"), nullable=False),
        sa.Column("freight", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
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
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_sales_order_currency_iso")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_sales_order_custom_fields_object")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'confirmed', 'shipped', 'closed', 'cancelled')",
            name=op.f("ck_sales_order_status_known"),
        ),
        sa.CheckConstraint("freight >= 0", name=op.f("ck_sales_order_freight_not_negative")),
        sa.CheckConstraint("fx_rate > 0", name=op.f("ck_sales_order_fx_rate_positive")),
        sa.CheckConstraint(
            "number IS NULL OR deleted_at IS NULL", name=op.f("ck_sales_order_deleted_at_unnumbered")
        ),
        sa.CheckConstraint("total >= 0", name=op.f("ck_sales_order_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "customer_id"],
            ["customer.org_id", "customer.id"],
            name=op.f("fk_sales_order_org_id_customer_id_customer"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "warehouse_id"],
            ["warehouse.org_id", "warehouse.id"],
            name=op.f("fk_sales_order_org_id_warehouse_id_warehouse"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_sales_order_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_sales_order_org_id_id")),
        sa.UniqueConstraint("org_id", "number", name=op.f("uq_sales_order_org_id_number")),
    )
    op.create_index(
        "ix_sales_order_created_at",
        "sales_order",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_sales_order_customer_id", "sales_order", ["customer_id"], unique=False)
    op.create_index(
        "ix_sales_order_ordered_on",
        "sales_order",
        ["ordered_on", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_sales_order_search",
        "sales_order",
        ["number", "customer_reference"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"number": "gin_trgm_ops", "customer_reference": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_sales_order_status",
        "sales_order",
        ["status", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_sales_order_total",
        "sales_order",
        ["total", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_sales_order_warehouse_id", "sales_order", ["warehouse_id"], unique=False)
    op.create_index(
        "uq_sales_order_external_key",
        "sales_order",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_table(
        "sales_order_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column(
            "unit_price", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "discount_percent", sa.Numeric(precision=7, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "tax_percent", sa.Numeric(precision=7, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column(
            "amount",
            sa.Numeric(precision=18, scale=4),
            sa.Computed("round(quantity * unit_price * (1 - discount_percent / 100), 4)", persisted=True),
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
        sa.CheckConstraint(
            "product_id IS NOT NULL OR btrim(description) <> ''",
            name=op.f("ck_sales_order_line_description_or_product"),
        ),
        sa.CheckConstraint(
            "discount_percent BETWEEN 0 AND 100", name=op.f("ck_sales_order_line_discount_percent_range")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_sales_order_line_quantity_positive")),
        sa.CheckConstraint(
            "tax_percent BETWEEN 0 AND 100", name=op.f("ck_sales_order_line_tax_percent_range")
        ),
        sa.CheckConstraint("unit_cost >= 0", name=op.f("ck_sales_order_line_unit_cost_not_negative")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_sales_order_line_unit_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "order_id"],
            ["sales_order.org_id", "sales_order.id"],
            name=op.f("fk_sales_order_line_org_id_order_id_sales_order"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "product_id"],
            ["product.org_id", "product.id"],
            name=op.f("fk_sales_order_line_org_id_product_id_product"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order_line")),
    )
    op.create_index(
        "ix_sales_order_line_order_id", "sales_order_line", ["order_id", "position", "id"], unique=False
    )
    op.create_index("ix_sales_order_line_product_id", "sales_order_line", ["product_id"], unique=False)
    op.create_table(
        "purchase_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("number", sa.Text(), server_default=sa.FetchedValue(), nullable=True),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("rfq_id", sa.BigInteger(), nullable=True),
        sa.Column("quote_id", sa.BigInteger(), nullable=True),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=True),
        sa.Column("buyer_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("fx_rate", sa.Numeric(precision=18, scale=8), server_default=sa.text("1"), nullable=False),
        sa.Column("freight", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("duty", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_purchase_order_currency_iso")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_purchase_order_custom_fields_object")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'to_approve', 'approved', 'sent', 'acknowledged', 'part_received', 'received', 'closed', 'cancelled')",
            name=op.f("ck_purchase_order_status_known"),
        ),
        sa.CheckConstraint("duty >= 0", name=op.f("ck_purchase_order_duty_not_negative")),
        sa.CheckConstraint("freight >= 0", name=op.f("ck_purchase_order_freight_not_negative")),
        sa.CheckConstraint("fx_rate > 0", name=op.f("ck_purchase_order_fx_rate_positive")),
        sa.CheckConstraint(
            "number IS NULL OR deleted_at IS NULL", name=op.f("ck_purchase_order_deleted_at_unnumbered")
        ),
        sa.CheckConstraint("total >= 0", name=op.f("ck_purchase_order_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["buyer_id"], ["app_user.id"], name=op.f("fk_purchase_order_buyer_id_app_user")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "quote_id"],
            ["quote.org_id", "quote.id"],
            name=op.f("fk_purchase_order_org_id_quote_id_quote"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"], ["rfq.org_id", "rfq.id"], name=op.f("fk_purchase_order_org_id_rfq_id_rfq")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_purchase_order_org_id_supplier_id_supplier"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "warehouse_id"],
            ["warehouse.org_id", "warehouse.id"],
            name=op.f("fk_purchase_order_org_id_warehouse_id_warehouse"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_purchase_order_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_purchase_order_org_id_id")),
        sa.UniqueConstraint("org_id", "number", name=op.f("uq_purchase_order_org_id_number")),
    )
    op.create_index("ix_purchase_order_buyer_id", "purchase_order", ["buyer_id"], unique=False)
    op.create_index(
        "ix_purchase_order_created_at",
        "purchase_order",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_purchase_order_ordered_on",
        "purchase_order",
        ["ordered_on", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_purchase_order_quote_id", "purchase_order", ["quote_id"], unique=False)
    op.create_index("ix_purchase_order_rfq_id", "purchase_order", ["rfq_id"], unique=False)
    op.create_index(
        "ix_purchase_order_search",
        "purchase_order",
        ["number"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"number": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_purchase_order_status",
        "purchase_order",
        ["status", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_purchase_order_supplier_id", "purchase_order", ["supplier_id"], unique=False)
    op.create_index(
        "ix_purchase_order_total",
        "purchase_order",
        ["total", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_purchase_order_warehouse_id", "purchase_order", ["warehouse_id"], unique=False)
    op.create_index(
        "uq_purchase_order_external_key",
        "purchase_order",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_table(
        "purchase_order_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column(
            "unit_price", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "tax_percent", sa.Numeric(precision=7, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("promised_on", sa.Date(), nullable=True),
        sa.Column(
            "amount",
            sa.Numeric(precision=18, scale=4),
            sa.Computed("round(quantity * unit_price, 4)", persisted=True),
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
        sa.CheckConstraint(
            "product_id IS NOT NULL OR btrim(description) <> ''",
            name=op.f("ck_purchase_order_line_description_or_product"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_purchase_order_line_quantity_positive")),
        sa.CheckConstraint(
            "tax_percent BETWEEN 0 AND 100", name=op.f("ck_purchase_order_line_tax_percent_range")
        ),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_purchase_order_line_unit_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "order_id"],
            ["purchase_order.org_id", "purchase_order.id"],
            name=op.f("fk_purchase_order_line_org_id_order_id_purchase_order"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "product_id"],
            ["product.org_id", "product.id"],
            name=op.f("fk_purchase_order_line_org_id_product_id_product"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order_line")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_purchase_order_line_org_id_id")),
    )
    op.create_index(
        "ix_purchase_order_line_order_id", "purchase_order_line", ["order_id", "position", "id"], unique=False
    )
    op.create_index("ix_purchase_order_line_product_id", "purchase_order_line", ["product_id"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
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
            ["org_id", "order_id"],
            ["purchase_order.org_id", "purchase_order.id"],
            name=op.f("fk_receipt_org_id_order_id_purchase_order"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "warehouse_id"],
            ["warehouse.org_id", "warehouse.id"],
            name=op.f("fk_receipt_org_id_warehouse_id_warehouse"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organization.id"], name=op.f("fk_receipt_org_id_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_receipt_org_id_id")),
    )
    op.create_index("ix_receipt_order_id", "receipt", ["order_id"], unique=False)
    op.create_index("ix_receipt_received_at", "receipt", ["received_at", "id"], unique=False)
    op.create_index("ix_receipt_warehouse_id", "receipt", ["warehouse_id"], unique=False)
    op.create_table(
        "receipt_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("rejected", sa.Numeric(precision=18, scale=6), server_default=sa.text("0"), nullable=False),
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
        sa.CheckConstraint("received > 0", name=op.f("ck_receipt_line_received_positive")),
        sa.CheckConstraint(
            "rejected BETWEEN 0 AND received", name=op.f("ck_receipt_line_rejected_within_received")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "order_line_id"],
            ["purchase_order_line.org_id", "purchase_order_line.id"],
            name=op.f("fk_receipt_line_org_id_order_line_id_purchase_order_line"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "receipt_id"],
            ["receipt.org_id", "receipt.id"],
            name=op.f("fk_receipt_line_org_id_receipt_id_receipt"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_line")),
        sa.UniqueConstraint(
            "receipt_id", "order_line_id", name=op.f("uq_receipt_line_receipt_id_order_line_id")
        ),
    )
    op.create_index("ix_receipt_line_order_line_id", "receipt_line", ["order_line_id"], unique=False)


def downgrade() -> None:
    op.drop_table("receipt_line")
    op.drop_table("receipt")
    op.drop_table("purchase_order_line")
    op.drop_table("purchase_order")
    op.drop_table("sales_order_line")
    op.drop_table("sales_order")
    op.drop_table("customer")
