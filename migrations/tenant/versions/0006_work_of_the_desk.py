"""What the work of the desk needs: awards, invoices, files, comments, imports, saved views, translations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Autogenerate does not see checks that come to tables which exist.
CHECKS = (
    ("organization", "approval_threshold_not_negative", "approval_threshold >= 0"),
    ("organization", "quantity_tolerance_percent_range", "quantity_tolerance_percent BETWEEN 0 AND 100"),
    ("organization", "price_tolerance_percent_range", "price_tolerance_percent BETWEEN 0 AND 100"),
    ("rfq", "waiver_not_blank", "btrim(waiver) <> ''"),
    ("rfq", "early_close_reason_not_blank", "btrim(early_close_reason) <> ''"),
    ("rfq", "cancel_reason_not_blank", "btrim(cancel_reason) <> ''"),
    ("quote", "freight_not_negative", "freight >= 0"),
    ("quote", "duty_not_negative", "duty >= 0"),
)

# Global search looks into these as well.
SEARCHED = {
    "receipt": ("reference",),
    "rfq_line": ("description",),
    "supplier_contact": ("name", "email"),
}


def upgrade() -> None:
    op.create_unique_constraint(op.f("uq_quote_line_org_id_id"), "quote_line", ["org_id", "id"])
    op.create_table(
        "activity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
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
        sa.CheckConstraint("btrim(assignee) <> ''", name=op.f("ck_activity_assignee_not_blank")),
        sa.CheckConstraint("btrim(entity) <> ''", name=op.f("ck_activity_entity_not_blank")),
        sa.CheckConstraint("btrim(title) <> ''", name=op.f("ck_activity_title_not_blank")),
        sa.CheckConstraint(
            "(done_at IS NULL) = (done_by IS NULL)", name=op.f("ck_activity_done_at_by_somebody")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_index(
        "ix_activity_open",
        "activity",
        ["assignee", "due_on", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_activity_record", "activity", ["entity", "record_id", "id"], unique=False)
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("replaces_id", sa.BigInteger(), nullable=True),
        sa.Column("scan", sa.Text(), server_default="not_scanned", nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("from_supplier", sa.Boolean(), server_default=sa.text("false"), nullable=False),
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
        sa.CheckConstraint("btrim(content_type) <> ''", name=op.f("ck_attachment_content_type_not_blank")),
        sa.CheckConstraint("btrim(entity) <> ''", name=op.f("ck_attachment_entity_not_blank")),
        sa.CheckConstraint("btrim(file_name) <> ''", name=op.f("ck_attachment_file_name_not_blank")),
        sa.CheckConstraint("btrim(storage_key) <> ''", name=op.f("ck_attachment_storage_key_not_blank")),
        sa.CheckConstraint(
            "scan IN ('not_scanned', 'clean', 'infected')", name=op.f("ck_attachment_scan_known")
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_attachment_sha256_shape")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_attachment_revision_positive")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_attachment_size_not_negative")),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["attachment.id"], name=op.f("fk_attachment_replaces_id_attachment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_attachment_storage_key")),
    )
    op.create_index("ix_attachment_record", "attachment", ["entity", "record_id", "id"], unique=False)
    op.create_index("uq_attachment_replaces_id", "attachment", ["replaces_id"], unique=True)
    op.create_table(
        "change_set",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="bulk", nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint("btrim(key) <> ''", name=op.f("ck_change_set_key_not_blank")),
        sa.CheckConstraint("btrim(title) <> ''", name=op.f("ck_change_set_title_not_blank")),
        sa.CheckConstraint(
            "kind IN ('bulk', 'import', 'merge', 'revert', 'undo')", name=op.f("ck_change_set_kind_known")
        ),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by_id IS NULL)", name=op.f("ck_change_set_undone_at_by_set")
        ),
        sa.CheckConstraint("row_count >= 0", name=op.f("ck_change_set_row_count_not_negative")),
        sa.ForeignKeyConstraint(
            ["undone_by_id"], ["change_set.id"], name=op.f("fk_change_set_undone_by_id_change_set")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_set")),
        sa.UniqueConstraint("key", name=op.f("uq_change_set_key")),
    )
    op.create_index("ix_change_set_created_at", "change_set", ["created_at", "id"], unique=False)
    op.create_index("ix_change_set_undone_by_id", "change_set", ["undone_by_id"], unique=False)
    op.create_table(
        "comment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
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
        sa.CheckConstraint("btrim(body) <> ''", name=op.f("ck_comment_body_not_blank")),
        sa.CheckConstraint("btrim(entity) <> ''", name=op.f("ck_comment_entity_not_blank")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    op.create_index("ix_comment_record", "comment", ["entity", "record_id", "id"], unique=False)
    op.create_table(
        "content_translation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source_hash", sa.Text(), nullable=False),
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
        sa.CheckConstraint("btrim(entity) <> ''", name=op.f("ck_content_translation_entity_not_blank")),
        sa.CheckConstraint("btrim(field) <> ''", name=op.f("ck_content_translation_field_not_blank")),
        sa.CheckConstraint("btrim(text) <> ''", name=op.f("ck_content_translation_text_not_blank")),
        sa.CheckConstraint(
            "language ~ '^[a-z]{2,3}([-_][A-Za-z0-9]+)*$'", name=op.f("ck_content_translation_language_shape")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_translation")),
        sa.UniqueConstraint(
            "entity",
            "record_id",
            "language",
            "field",
            name=op.f("uq_content_translation_entity_record_id_language_field"),
        ),
    )
    op.create_index(
        "ix_content_translation_language",
        "content_translation",
        ["entity", "field", "language"],
        unique=False,
    )
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("entity", sa.Text(), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint("btrim(recipient) <> ''", name=op.f("ck_notification_recipient_not_blank")),
        sa.CheckConstraint("btrim(title) <> ''", name=op.f("ck_notification_title_not_blank")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_recipient", "notification", ["recipient", "id"], unique=False)
    op.create_index(
        "ix_notification_unread",
        "notification",
        ["recipient", "id"],
        unique=False,
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_layout", sa.Boolean(), server_default=sa.text("false"), nullable=False),
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
        sa.CheckConstraint("btrim(entity) <> ''", name=op.f("ck_saved_view_entity_not_blank")),
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_saved_view_name_not_blank")),
        sa.CheckConstraint("btrim(owner) <> ''", name=op.f("ck_saved_view_owner_not_blank")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
    )
    op.create_index(
        "uq_saved_view_default",
        "saved_view",
        ["entity", "owner"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_index(
        "uq_saved_view_layout",
        "saved_view",
        ["entity", "owner"],
        unique=True,
        postgresql_where=sa.text("is_layout"),
    )
    op.create_index("uq_saved_view_name", "saved_view", ["entity", "owner", "name"], unique=True)
    op.create_table(
        "import_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("signature", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "mapping",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("match_on", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="uploaded", nullable=False),
        sa.Column("total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("same", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("change_set_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
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
        sa.CheckConstraint("btrim(entity) <> ''", name=op.f("ck_import_run_entity_not_blank")),
        sa.CheckConstraint("btrim(file_name) <> ''", name=op.f("ck_import_run_file_name_not_blank")),
        sa.CheckConstraint(
            "status IN ('uploaded', 'checking', 'checked', 'loading', 'loaded', 'failed', 'undone')",
            name=op.f("ck_import_run_status_known"),
        ),
        sa.CheckConstraint("changed >= 0", name=op.f("ck_import_run_changed_not_negative")),
        sa.CheckConstraint("created >= 0", name=op.f("ck_import_run_created_not_negative")),
        sa.CheckConstraint("refused >= 0", name=op.f("ck_import_run_refused_not_negative")),
        sa.CheckConstraint("same >= 0", name=op.f("ck_import_run_same_not_negative")),
        sa.CheckConstraint("total >= 0", name=op.f("ck_import_run_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["change_set_id"], ["change_set.id"], name=op.f("fk_import_run_change_set_id_change_set")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_index("ix_import_run_change_set_id", "import_run", ["change_set_id"], unique=False)
    op.create_index("ix_import_run_created_at", "import_run", ["created_at", "id"], unique=False)
    op.create_index("ix_import_run_signature", "import_run", ["entity", "signature"], unique=False)
    op.create_table(
        "import_row",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("cells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('create', 'change', 'refuse')", name=op.f("ck_import_row_outcome_known")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["import_run.id"], name=op.f("fk_import_row_run_id_import_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "line", name=op.f("pk_import_row")),
    )
    op.create_index("ix_import_row_outcome", "import_row", ["run_id", "outcome", "line"], unique=False)
    op.create_table(
        "rfq_seal",
        sa.Column("rfq_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "sealed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"],
            ["rfq.org_id", "rfq.id"],
            name=op.f("fk_rfq_seal_org_id_rfq_id_rfq"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("rfq_id", name=op.f("pk_rfq_seal")),
    )
    op.create_table(
        "supplier_certificate",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
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
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_supplier_certificate_name_not_blank")),
        sa.CheckConstraint(
            "expires_on >= issued_on", name=op.f("ck_supplier_certificate_expires_on_after_issue")
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_supplier_certificate_org_id_supplier_id_supplier"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_certificate")),
    )
    op.create_index(
        "ix_supplier_certificate_expires_on",
        "supplier_certificate",
        ["expires_on", "id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "ix_supplier_certificate_supplier_id", "supplier_certificate", ["supplier_id"], unique=False
    )
    op.create_table(
        "supplier_product",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("supplier_sku", sa.Text(), nullable=True),
        sa.Column(
            "from_quantity", sa.Numeric(precision=18, scale=6), server_default=sa.text("1"), nullable=False
        ),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
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
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_supplier_product_currency_iso")),
        sa.CheckConstraint("from_quantity > 0", name=op.f("ck_supplier_product_from_quantity_positive")),
        sa.CheckConstraint("lead_days >= 0", name=op.f("ck_supplier_product_lead_days_not_negative")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_supplier_product_unit_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "product_id"],
            ["product.org_id", "product.id"],
            name=op.f("fk_supplier_product_org_id_product_id_product"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_supplier_product_org_id_supplier_id_supplier"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_product")),
        sa.UniqueConstraint(
            "supplier_id",
            "product_id",
            "from_quantity",
            "currency",
            name="uq_supplier_product_break",
        ),
    )
    op.create_index("ix_supplier_product_product_id", "supplier_product", ["product_id"], unique=False)
    op.create_table(
        "quote_revision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("quote_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "snapshot",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint(
            "jsonb_typeof(snapshot) = 'object'", name=op.f("ck_quote_revision_snapshot_object")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_quote_revision_revision_positive")),
        sa.ForeignKeyConstraint(
            ["org_id", "quote_id"],
            ["quote.org_id", "quote.id"],
            name=op.f("fk_quote_revision_org_id_quote_id_quote"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_revision")),
        sa.UniqueConstraint("quote_id", "revision", name=op.f("uq_quote_revision_quote_id_revision")),
    )
    op.create_table(
        "award",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("rfq_line_id", sa.BigInteger(), nullable=False),
        sa.Column("quote_line_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_award_reason_not_blank")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_award_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["org_id", "quote_line_id"],
            ["quote_line.org_id", "quote_line.id"],
            name=op.f("fk_award_org_id_quote_line_id_quote_line"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_line_id"],
            ["rfq_line.org_id", "rfq_line.id"],
            name=op.f("fk_award_org_id_rfq_line_id_rfq_line"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_award")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_award_org_id_id")),
        sa.UniqueConstraint("rfq_line_id", "quote_line_id", name=op.f("uq_award_rfq_line_id_quote_line_id")),
    )
    op.create_index("ix_award_quote_line_id", "award", ["quote_line_id"], unique=False)
    op.create_table(
        "quote_price",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("rfq_id", sa.BigInteger(), nullable=False),
        sa.Column("quote_line_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column(
            "submitted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "submitted_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_quote_price_unit_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "rfq_id"],
            ["rfq.org_id", "rfq.id"],
            name=op.f("fk_quote_price_org_id_rfq_id_rfq"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["quote_line_id"],
            ["quote_line.id"],
            name=op.f("fk_quote_price_quote_line_id_quote_line"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_price")),
    )
    op.create_index(
        "ix_quote_price_quote_line_id",
        "quote_price",
        ["quote_line_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("ix_quote_price_rfq_id", "quote_price", ["rfq_id"], unique=False)
    op.create_table(
        "supplier_invoice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("invoiced_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("freight", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("tax", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=True),
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
        sa.CheckConstraint("btrim(number) <> ''", name=op.f("ck_supplier_invoice_number_not_blank")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_supplier_invoice_currency_iso")),
        sa.CheckConstraint(
            "jsonb_typeof(custom_fields) = 'object'", name=op.f("ck_supplier_invoice_custom_fields_object")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'matched', 'mismatched', 'approved', 'paid', 'void')",
            name=op.f("ck_supplier_invoice_status_known"),
        ),
        sa.CheckConstraint("due_on >= invoiced_on", name=op.f("ck_supplier_invoice_due_on_after_invoice")),
        sa.CheckConstraint("freight >= 0", name=op.f("ck_supplier_invoice_freight_not_negative")),
        sa.CheckConstraint("tax >= 0", name=op.f("ck_supplier_invoice_tax_not_negative")),
        sa.CheckConstraint("total >= 0", name=op.f("ck_supplier_invoice_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "order_id"],
            ["purchase_order.org_id", "purchase_order.id"],
            name=op.f("fk_supplier_invoice_org_id_order_id_purchase_order"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "supplier_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_supplier_invoice_org_id_supplier_id_supplier"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organization.id"], name=op.f("fk_supplier_invoice_org_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_invoice")),
        sa.UniqueConstraint("org_id", "id", name=op.f("uq_supplier_invoice_org_id_id")),
    )
    op.create_index(
        "ix_supplier_invoice_created_at",
        "supplier_invoice",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_supplier_invoice_invoiced_on",
        "supplier_invoice",
        ["invoiced_on", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_supplier_invoice_order_id", "supplier_invoice", ["order_id"], unique=False)
    op.create_index(
        "ix_supplier_invoice_search",
        "supplier_invoice",
        ["number"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"number": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_supplier_invoice_status",
        "supplier_invoice",
        ["status", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_supplier_invoice_supplier_id", "supplier_invoice", ["supplier_id"], unique=False)
    op.create_index(
        "uq_supplier_invoice_external_key",
        "supplier_invoice",
        ["org_id", "external_key"],
        unique=True,
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.create_index(
        "uq_supplier_invoice_supplier_id_number",
        "supplier_invoice",
        ["supplier_id", "number"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "invoice_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column(
            "tax_percent", sa.Numeric(precision=7, scale=4), server_default=sa.text("0"), nullable=False
        ),
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
        sa.CheckConstraint("quantity > 0", name=op.f("ck_invoice_line_quantity_positive")),
        sa.CheckConstraint("tax_percent BETWEEN 0 AND 100", name=op.f("ck_invoice_line_tax_percent_range")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_invoice_line_unit_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["org_id", "invoice_id"],
            ["supplier_invoice.org_id", "supplier_invoice.id"],
            name=op.f("fk_invoice_line_org_id_invoice_id_supplier_invoice"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "order_line_id"],
            ["purchase_order_line.org_id", "purchase_order_line.id"],
            name=op.f("fk_invoice_line_org_id_order_line_id_purchase_order_line"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_line")),
        sa.UniqueConstraint(
            "invoice_id", "order_line_id", name=op.f("uq_invoice_line_invoice_id_order_line_id")
        ),
    )
    op.create_index("ix_invoice_line_order_line_id", "invoice_line", ["order_line_id"], unique=False)
    op.add_column("quote_line", sa.Column("sealed_price_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("message", sa.Column("order_id", sa.BigInteger(), nullable=True))
    op.add_column("message", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("message", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("message", sa.Column("delivery_error", sa.Text(), nullable=True))
    op.create_index("ix_message_order_id", "message", ["order_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_message_org_id_order_id_purchase_order"),
        "message",
        "purchase_order",
        ["org_id", "order_id"],
        ["org_id", "id"],
    )
    op.add_column("organization", sa.Column("address", sa.Text(), nullable=True))
    op.add_column(
        "organization", sa.Column("approval_threshold", sa.Numeric(precision=18, scale=4), nullable=True)
    )
    op.add_column(
        "organization",
        sa.Column(
            "quantity_tolerance_percent",
            sa.Numeric(precision=7, scale=4),
            server_default=sa.text("0"),
            nullable=False,
        ),
    )
    op.add_column(
        "organization",
        sa.Column(
            "price_tolerance_percent",
            sa.Numeric(precision=7, scale=4),
            server_default=sa.text("0"),
            nullable=False,
        ),
    )
    op.add_column(
        "organization",
        sa.Column("supplier_links", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("purchase_order", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("purchase_order", sa.Column("approved_by", sa.Text(), nullable=True))
    op.add_column("purchase_order", sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("purchase_order", sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("purchase_order", sa.Column("cancel_reason", sa.Text(), nullable=True))
    op.add_column("purchase_order_line", sa.Column("award_id", sa.BigInteger(), nullable=True))
    op.create_index("uq_purchase_order_line_award_id", "purchase_order_line", ["award_id"], unique=True)
    op.create_foreign_key(
        op.f("fk_purchase_order_line_org_id_award_id_award"),
        "purchase_order_line",
        "award",
        ["org_id", "award_id"],
        ["org_id", "id"],
    )
    op.add_column(
        "quote",
        sa.Column("freight", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "quote",
        sa.Column("duty", sa.Numeric(precision=18, scale=4), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("quote", sa.Column("note", sa.Text(), nullable=True))
    op.add_column(
        "quote", sa.Column("from_supplier", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.alter_column(
        "quote",
        "total",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        nullable=True,
        existing_server_default=sa.text("0"),
    )
    op.alter_column(
        "quote_line",
        "unit_price",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        nullable=True,
        existing_server_default=sa.text("0"),
    )
    op.add_column("rfq", sa.Column("sealed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("rfq", sa.Column("waiver", sa.Text(), nullable=True))
    op.add_column("rfq", sa.Column("early_close_reason", sa.Text(), nullable=True))
    op.add_column("rfq", sa.Column("cancel_reason", sa.Text(), nullable=True))
    op.add_column("rfq_invitation", sa.Column("decline_reason", sa.Text(), nullable=True))
    op.add_column("rfq_invitation", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rfq_invitation", sa.Column("viewed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "rfq_invitation", sa.Column("link_serial", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    op.create_index("ix_row_history_request_id", "row_history", ["request_id", "id"], unique=False)
    op.create_index(
        "ix_row_history_removed",
        "row_history",
        ["table_name", "id"],
        unique=False,
        postgresql_where=sa.text("operation = 'D'"),
    )
    op.add_column("supplier", sa.Column("address", sa.Text(), nullable=True))
    op.create_table(
        "supplier_pair",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("second_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_by", sa.Text(), nullable=True),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_supplier_pair_first_id_before_second")),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_supplier_pair_score_range")),
        sa.ForeignKeyConstraint(
            ["org_id", "first_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_supplier_pair_org_id_first_id_supplier"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "second_id"],
            ["supplier.org_id", "supplier.id"],
            name=op.f("fk_supplier_pair_org_id_second_id_supplier"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_pair")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_supplier_pair_first_id_second_id")),
    )
    op.create_index("ix_supplier_pair_second_id", "supplier_pair", ["second_id"], unique=False)
    op.create_index(
        "ix_supplier_pair_score",
        "supplier_pair",
        [sa.text("score DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("dismissed_at IS NULL"),
    )
    for table, columns in SEARCHED.items():
        op.create_index(
            f"ix_{table}_search",
            table,
            list(columns),
            unique=False,
            postgresql_using="gin",
            postgresql_ops=dict.fromkeys(columns, "gin_trgm_ops"),
        )
    # the default of a price is none: nobody bids zero by leaving a field blank
    op.alter_column("quote_line", "unit_price", server_default=None)
    op.alter_column("quote_line", "amount", nullable=True)
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.drop_column("supplier", "address")
    for table in SEARCHED:
        op.drop_index(f"ix_{table}_search", table_name=table, postgresql_using="gin")
    op.drop_table("supplier_pair")
    op.drop_index(
        "ix_row_history_removed", table_name="row_history", postgresql_where=sa.text("operation = 'D'")
    )
    op.drop_index("ix_row_history_request_id", table_name="row_history")
    op.drop_column("rfq_invitation", "link_serial")
    op.drop_column("rfq_invitation", "viewed_at")
    op.drop_column("rfq_invitation", "reminded_at")
    op.drop_column("rfq_invitation", "decline_reason")
    op.drop_column("rfq", "cancel_reason")
    op.drop_column("rfq", "early_close_reason")
    op.drop_column("rfq", "waiver")
    op.drop_column("rfq", "sealed")
    op.alter_column("quote_line", "amount", nullable=False)
    op.alter_column(
        "quote_line",
        "unit_price",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        nullable=False,
        server_default=sa.text("0"),
    )
    op.alter_column(
        "quote",
        "total",
        existing_type=sa.NUMERIC(precision=18, scale=4),
        nullable=False,
        existing_server_default=sa.text("0"),
    )
    op.drop_column("quote", "from_supplier")
    op.drop_column("quote", "note")
    op.drop_column("quote", "duty")
    op.drop_column("quote", "freight")
    op.drop_constraint(
        op.f("fk_purchase_order_line_org_id_award_id_award"), "purchase_order_line", type_="foreignkey"
    )
    op.drop_index("uq_purchase_order_line_award_id", table_name="purchase_order_line")
    op.drop_column("purchase_order_line", "award_id")
    op.drop_column("purchase_order", "cancel_reason")
    op.drop_column("purchase_order", "acknowledged_at")
    op.drop_column("purchase_order", "sent_at")
    op.drop_column("purchase_order", "approved_by")
    op.drop_column("purchase_order", "approved_at")
    op.drop_column("organization", "supplier_links")
    op.drop_column("organization", "price_tolerance_percent")
    op.drop_column("organization", "quantity_tolerance_percent")
    op.drop_column("organization", "approval_threshold")
    op.drop_column("organization", "address")
    op.drop_constraint(op.f("fk_message_org_id_order_id_purchase_order"), "message", type_="foreignkey")
    op.drop_index("ix_message_order_id", table_name="message")
    op.drop_column("quote_line", "sealed_price_at")
    op.drop_column("message", "delivery_error")
    op.drop_column("message", "delivered_at")
    op.drop_column("message", "address")
    op.drop_column("message", "order_id")
    op.drop_index("ix_invoice_line_order_line_id", table_name="invoice_line")
    op.drop_table("invoice_line")
    op.drop_index(
        "uq_supplier_invoice_supplier_id_number",
        table_name="supplier_invoice",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "uq_supplier_invoice_external_key",
        table_name="supplier_invoice",
        postgresql_where=sa.text("external_key IS NOT NULL"),
    )
    op.drop_index("ix_supplier_invoice_supplier_id", table_name="supplier_invoice")
    op.drop_index(
        "ix_supplier_invoice_status",
        table_name="supplier_invoice",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_supplier_invoice_search",
        table_name="supplier_invoice",
        postgresql_using="gin",
        postgresql_ops={"number": "gin_trgm_ops"},
    )
    op.drop_index("ix_supplier_invoice_order_id", table_name="supplier_invoice")
    op.drop_index(
        "ix_supplier_invoice_invoiced_on",
        table_name="supplier_invoice",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(
        "ix_supplier_invoice_created_at",
        table_name="supplier_invoice",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("supplier_invoice")
    op.drop_index("ix_quote_price_rfq_id", table_name="quote_price")
    op.drop_index("ix_quote_price_quote_line_id", table_name="quote_price")
    op.drop_table("quote_price")
    op.drop_index("ix_award_quote_line_id", table_name="award")
    op.drop_table("award")
    op.drop_table("quote_revision")
    op.drop_index("ix_supplier_product_product_id", table_name="supplier_product")
    op.drop_table("supplier_product")
    op.drop_index("ix_supplier_certificate_supplier_id", table_name="supplier_certificate")
    op.drop_index(
        "ix_supplier_certificate_expires_on", table_name="supplier_certificate", postgresql_where=None
    )
    op.drop_table("supplier_certificate")
    op.drop_table("rfq_seal")
    op.drop_index("ix_import_row_outcome", table_name="import_row")
    op.drop_table("import_row")
    op.drop_index("ix_import_run_signature", table_name="import_run")
    op.drop_index("ix_import_run_created_at", table_name="import_run")
    op.drop_index("ix_import_run_change_set_id", table_name="import_run")
    op.drop_table("import_run")
    op.drop_index("uq_saved_view_name", table_name="saved_view")
    op.drop_index("uq_saved_view_layout", table_name="saved_view", postgresql_where=sa.text("is_layout"))
    op.drop_index("uq_saved_view_default", table_name="saved_view", postgresql_where=sa.text("is_default"))
    op.drop_table("saved_view")
    op.drop_index(
        "ix_notification_unread", table_name="notification", postgresql_where=sa.text("read_at IS NULL")
    )
    op.drop_index("ix_notification_recipient", table_name="notification")
    op.drop_table("notification")
    op.drop_index("ix_content_translation_language", table_name="content_translation")
    op.drop_table("content_translation")
    op.drop_index("ix_comment_record", table_name="comment")
    op.drop_table("comment")
    op.drop_index("ix_change_set_undone_by_id", table_name="change_set")
    op.drop_index("ix_change_set_created_at", table_name="change_set")
    op.drop_table("change_set")
    op.drop_index("uq_attachment_replaces_id", table_name="attachment")
    op.drop_index("ix_attachment_record", table_name="attachment")
    op.drop_table("attachment")
    op.drop_index("ix_activity_record", table_name="activity")
    op.drop_index("ix_activity_open", table_name="activity", postgresql_where=sa.text("done_at IS NULL"))
    op.drop_table("activity")
    op.drop_constraint(op.f("uq_quote_line_org_id_id"), "quote_line", type_="unique")
