"""Insights: facts and sums of the KPIs, versions of their definitions, targets, saved boards, mailings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Units of `target` for one of `source` by the newest rate up to that day, in either direction; NULL without one.
EXCHANGE_RATE = """
CREATE FUNCTION exchange_rate(source text, target text, day date) RETURNS numeric LANGUAGE sql STABLE AS $body$
    SELECT CASE WHEN source = target THEN 1::numeric ELSE coalesce(
        (SELECT rate FROM fx_rate WHERE from_currency = source AND to_currency = target AND on_date <= day
         ORDER BY on_date DESC LIMIT 1),
        1 / (SELECT rate FROM fx_rate WHERE from_currency = target AND to_currency = source AND on_date <= day
         ORDER BY on_date DESC LIMIT 1)
    ) END
$body$
"""

# As before (0005), and beside each move what it did to the value of what lies there: only here, under the lock
# of the balance, is known at which average cost goods leave.
KEEP_BALANCE = """
CREATE OR REPLACE FUNCTION keep_balance() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    was numeric;
    is_now numeric;
BEGIN
    INSERT INTO stock_balance (org_id, product_id, warehouse_id)
    VALUES (NEW.org_id, NEW.product_id, NEW.warehouse_id) ON CONFLICT DO NOTHING;
    SELECT quantity * average_cost INTO was FROM stock_balance
    WHERE org_id = NEW.org_id AND product_id = NEW.product_id AND warehouse_id = NEW.warehouse_id FOR UPDATE;
    UPDATE stock_balance SET
        average_cost = CASE WHEN NEW.quantity > 0
            THEN (quantity * average_cost + NEW.quantity * NEW.unit_cost) / (quantity + NEW.quantity)
            ELSE average_cost END,
        quantity = quantity + NEW.quantity,
        updated_at = clock_timestamp()
    WHERE org_id = NEW.org_id AND product_id = NEW.product_id AND warehouse_id = NEW.warehouse_id
    RETURNING quantity * average_cost INTO is_now;
    INSERT INTO kpi_move (move_id, product_id, warehouse_id, moved_at, source, quantity, value)
    VALUES (NEW.id, NEW.product_id, NEW.warehouse_id, NEW.moved_at, NEW.source, NEW.quantity, is_now - was);
    RETURN NULL;
END $body$
"""

KEEP_BALANCE_BEFORE = """
CREATE OR REPLACE FUNCTION keep_balance() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO stock_balance (org_id, product_id, warehouse_id)
    VALUES (NEW.org_id, NEW.product_id, NEW.warehouse_id) ON CONFLICT DO NOTHING;
    UPDATE stock_balance SET
        average_cost = CASE WHEN NEW.quantity > 0
            THEN (quantity * average_cost + NEW.quantity * NEW.unit_cost) / (quantity + NEW.quantity)
            ELSE average_cost END,
        quantity = quantity + NEW.quantity,
        updated_at = clock_timestamp()
    WHERE org_id = NEW.org_id AND product_id = NEW.product_id AND warehouse_id = NEW.warehouse_id;
    RETURN NULL;
END $body$
"""

# For moves that came while the trigger rested or did not write values yet: what is there of a product in a
# warehouse is gone through once more in the order of booking.
VALUE_MOVES = """
CREATE FUNCTION value_stock_moves() RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    move record;
    of_product bigint;
    of_warehouse bigint;
    held numeric;
    average numeric(18, 4);
    was numeric;
BEGIN
    FOR move IN
        SELECT s.* FROM stock_move s
        WHERE (s.product_id, s.warehouse_id) IN (
            SELECT m.product_id, m.warehouse_id FROM stock_move m
            WHERE NOT EXISTS (SELECT FROM kpi_move k WHERE k.move_id = m.id)
        )
        ORDER BY s.product_id, s.warehouse_id, s.id
    LOOP
        IF (move.product_id, move.warehouse_id) IS DISTINCT FROM (of_product, of_warehouse) THEN
            of_product := move.product_id;
            of_warehouse := move.warehouse_id;
            held := 0;
            average := 0;
        END IF;
        was := held * average;
        IF move.quantity > 0 THEN
            average := (held * average + move.quantity * move.unit_cost) / (held + move.quantity);
        END IF;
        held := held + move.quantity;
        INSERT INTO kpi_move (move_id, product_id, warehouse_id, moved_at, source, quantity, value)
        VALUES (move.id, move.product_id, move.warehouse_id, move.moved_at, move.source, move.quantity,
            held * average - was)
        ON CONFLICT (move_id) DO NOTHING;
    END LOOP;
END $body$
"""
RECORDED = ("kpi_setting", "kpi_version", "kpi_target", "kpi_board", "kpi_mailing")


def upgrade() -> None:
    op.create_table(
        "kpi_board",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "definition",
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
        sa.CheckConstraint("btrim(name) <> ''", name=op.f("ck_kpi_board_name_not_blank")),
        sa.CheckConstraint("btrim(owner) <> ''", name=op.f("ck_kpi_board_owner_not_blank")),
        sa.CheckConstraint(
            "jsonb_typeof(definition) = 'object'", name=op.f("ck_kpi_board_definition_object")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_board")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_kpi_board_owner_name")),
    )
    op.create_table(
        "kpi_fact",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("category_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("region", sa.Text(), server_default="", nullable=False),
        sa.Column("bin", sa.Integer(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("m1", sa.Numeric(), nullable=True),
        sa.Column("m2", sa.Numeric(), nullable=True),
        sa.Column("m3", sa.Numeric(), nullable=True),
        sa.Column("m4", sa.Numeric(), nullable=True),
        sa.Column("m5", sa.Numeric(), nullable=True),
        sa.Column("m6", sa.Numeric(), nullable=True),
        sa.Column("m7", sa.Numeric(), nullable=True),
        sa.Column("m8", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint("family", "record_id", name=op.f("pk_kpi_fact")),
    )
    op.create_index(
        "ix_kpi_fact_due_on",
        "kpi_fact",
        ["family", "due_on"],
        unique=False,
        postgresql_where=sa.text("due_on IS NOT NULL"),
    )
    op.create_table(
        "kpi_mailing",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column(
            "filters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("every", sa.Text(), nullable=False),
        sa.Column("hour", sa.SmallInteger(), server_default=sa.text("7"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
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
        sa.CheckConstraint("btrim(owner) <> ''", name=op.f("ck_kpi_mailing_owner_not_blank")),
        sa.CheckConstraint("btrim(page) <> ''", name=op.f("ck_kpi_mailing_page_not_blank")),
        sa.CheckConstraint("btrim(recipients) <> ''", name=op.f("ck_kpi_mailing_recipients_not_blank")),
        sa.CheckConstraint("every IN ('day', 'week', 'month')", name=op.f("ck_kpi_mailing_every_known")),
        sa.CheckConstraint("jsonb_typeof(filters) = 'object'", name=op.f("ck_kpi_mailing_filters_object")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_mailing")),
    )
    op.create_index(
        "ix_kpi_mailing_next_at",
        "kpi_mailing",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "kpi_move",
        sa.Column("move_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("move_id", name=op.f("pk_kpi_move")),
    )
    op.create_index(
        "ix_kpi_move_product_id", "kpi_move", ["product_id", "warehouse_id", "moved_at"], unique=False
    )
    op.create_table(
        "kpi_setting",
        sa.Column("id", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("display_currency", sa.Text(), nullable=True),
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
            "display_currency ~ '^[A-Z]{3}$'", name=op.f("ck_kpi_setting_display_currency_iso")
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_kpi_setting_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_setting")),
    )
    op.create_table(
        "kpi_state",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rebuilt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("floor_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "marks",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("milliseconds", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("jsonb_typeof(marks) = 'object'", name=op.f("ck_kpi_state_marks_object")),
        sa.CheckConstraint(
            "jsonb_typeof(parameters) = 'object'", name=op.f("ck_kpi_state_parameters_object")
        ),
        sa.PrimaryKeyConstraint("family", name=op.f("pk_kpi_state")),
    )
    op.create_table(
        "kpi_stock",
        sa.Column("product_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("on_hand", sa.Numeric(), nullable=False),
        sa.Column("on_order", sa.Numeric(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("age_30", sa.Numeric(), nullable=False),
        sa.Column("age_90", sa.Numeric(), nullable=False),
        sa.Column("age_180", sa.Numeric(), nullable=False),
        sa.Column("age_older", sa.Numeric(), nullable=False),
        sa.Column("daily_mean", sa.Numeric(), nullable=True),
        sa.Column("daily_deviation", sa.Numeric(), nullable=True),
        sa.Column("demand_days", sa.Integer(), nullable=True),
        sa.Column("lead_mean", sa.Numeric(), nullable=True),
        sa.Column("lead_deviation", sa.Numeric(), nullable=True),
        sa.Column("lead_n", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reorder_point", sa.Numeric(), nullable=True),
        sa.Column("basis", sa.Text(), server_default="", nullable=False),
        sa.Column("suggested", sa.Numeric(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_kpi_stock")),
    )
    op.create_index("ix_kpi_stock_org_id", "kpi_stock", ["org_id", "category_id"], unique=False)
    op.create_table(
        "kpi_subject_sum",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("region", sa.Text(), server_default="", nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("s1", sa.Numeric(), nullable=True),
        sa.Column("s2", sa.Numeric(), nullable=True),
        sa.Column("s3", sa.Numeric(), nullable=True),
        sa.Column("s4", sa.Numeric(), nullable=True),
        sa.Column("s5", sa.Numeric(), nullable=True),
        sa.Column("s6", sa.Numeric(), nullable=True),
        sa.Column("s7", sa.Numeric(), nullable=True),
        sa.Column("s8", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint(
            "family",
            "org_id",
            "month",
            "category_id",
            "region",
            "subject_id",
            name=op.f("pk_kpi_subject_sum"),
        ),
    )
    op.create_index(
        "ix_kpi_subject_sum_subject_id", "kpi_subject_sum", ["family", "subject_id", "month"], unique=False
    )
    op.create_table(
        "kpi_sum",
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("category_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("region", sa.Text(), server_default="", nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("s1", sa.Numeric(), nullable=True),
        sa.Column("s2", sa.Numeric(), nullable=True),
        sa.Column("s3", sa.Numeric(), nullable=True),
        sa.Column("s4", sa.Numeric(), nullable=True),
        sa.Column("s5", sa.Numeric(), nullable=True),
        sa.Column("s6", sa.Numeric(), nullable=True),
        sa.Column("s7", sa.Numeric(), nullable=True),
        sa.Column("s8", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint(
            "family", "org_id", "month", "category_id", "region", "bin", name=op.f("pk_kpi_sum")
        ),
    )
    op.create_table(
        "kpi_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("current_setting('steward.actor', true)"),
            nullable=True,
        ),
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_kpi_version_code_not_blank")),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_kpi_version_reason_not_blank")),
        sa.CheckConstraint(
            "jsonb_typeof(parameters) = 'object'", name=op.f("ck_kpi_version_parameters_object")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_kpi_version_revision_positive")),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organization.id"],
            name=op.f("fk_kpi_version_org_id_organization"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_version")),
    )
    op.create_index(
        "uq_kpi_version_revision",
        "kpi_version",
        ["code", sa.literal_column("coalesce(org_id, 0)"), "revision"],
        unique=True,
    )
    op.create_table(
        "kpi_target",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=True),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("first_month", sa.Date(), nullable=False),
        sa.Column("last_month", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.Column("is_budget", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
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
        sa.CheckConstraint("btrim(code) <> ''", name=op.f("ck_kpi_target_code_not_blank")),
        sa.CheckConstraint("btrim(note) <> ''", name=op.f("ck_kpi_target_note_not_blank")),
        sa.CheckConstraint(
            "extract(day FROM first_month) = 1 AND extract(day FROM last_month) = 1",
            name=op.f("ck_kpi_target_whole_months"),
        ),
        sa.CheckConstraint("first_month <= last_month", name=op.f("ck_kpi_target_months_in_order")),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["product_category.id"],
            name=op.f("fk_kpi_target_category_id_product_category"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["organization.id"],
            name=op.f("fk_kpi_target_org_id_organization"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kpi_target")),
    )
    op.create_index("ix_kpi_target_code", "kpi_target", ["code", "first_month"], unique=False)
    op.add_column(
        "organization",
        sa.Column("fiscal_month", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_organization_fiscal_month_range"), "organization", "fiscal_month BETWEEN 1 AND 12"
    )
    for function in (EXCHANGE_RATE, VALUE_MOVES, KEEP_BALANCE):
        op.execute(function)
    op.execute("SELECT value_stock_moves()")
    for table in RECORDED:
        op.execute(f"SELECT public.attach_history('{table}')")


def downgrade() -> None:
    op.execute(KEEP_BALANCE_BEFORE)
    op.execute("DROP FUNCTION value_stock_moves()")
    op.execute("DROP FUNCTION exchange_rate(text, text, date)")
    op.drop_column("organization", "fiscal_month")
    op.drop_index("ix_kpi_target_code", table_name="kpi_target")
    op.drop_table("kpi_target")
    op.drop_index("uq_kpi_version_revision", table_name="kpi_version")
    op.drop_table("kpi_version")
    op.drop_table("kpi_sum")
    op.drop_index("ix_kpi_subject_sum_subject_id", table_name="kpi_subject_sum")
    op.drop_table("kpi_subject_sum")
    op.drop_index("ix_kpi_stock_org_id", table_name="kpi_stock")
    op.drop_table("kpi_stock")
    op.drop_table("kpi_state")
    op.drop_table("kpi_setting")
    op.drop_index("ix_kpi_mailing_next_at", table_name="kpi_mailing", postgresql_where=sa.text("is_active"))
    op.drop_index("ix_kpi_move_product_id", table_name="kpi_move")
    op.drop_table("kpi_move")
    op.drop_table("kpi_mailing")
    op.drop_index("ix_kpi_fact_due_on", table_name="kpi_fact", postgresql_where=sa.text("due_on IS NOT NULL"))
    op.drop_table("kpi_fact")
    op.drop_table("kpi_board")
