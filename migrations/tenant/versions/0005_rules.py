"""What the database keeps by itself: paths, numbers, dates of a status, totals, balances, and history.

The functions name no schema, so that they go with the tenant's schema when it is renamed or restored.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KNOWN_TIME_ZONE = """
CREATE FUNCTION check_time_zone() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM now() AT TIME ZONE NEW.time_zone;
    RETURN NEW;
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION '% is no time zone', NEW.time_zone USING ERRCODE = 'check_violation',
        TABLE = TG_TABLE_NAME, CONSTRAINT = format('ck_%s_time_zone_known', TG_TABLE_NAME);
END $body$
"""

KEEP_PATH = """
CREATE FUNCTION keep_category_path() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    above text;
    is_circle boolean;
BEGIN
    WITH RECURSIVE ancestor AS (
        SELECT id, parent_id FROM product_category WHERE id = NEW.parent_id
        UNION
        SELECT p.id, p.parent_id FROM product_category p JOIN ancestor a ON p.id = a.parent_id
    )
    SELECT coalesce(bool_or(id = NEW.id), false) INTO is_circle FROM ancestor;
    IF is_circle THEN
        RAISE EXCEPTION 'category % would be below itself', NEW.name USING ERRCODE = 'check_violation',
            TABLE = TG_TABLE_NAME, CONSTRAINT = 'ck_product_category_parent_id_no_circle';
    END IF;
    SELECT path INTO above FROM product_category WHERE id = NEW.parent_id;
    NEW.path := concat_ws(' / ', above, NEW.name);
    RETURN NEW;
END $body$
"""

# Touching parent_id makes each child compute its path anew, and so on downwards.
SPREAD_PATH = """
CREATE FUNCTION spread_category_path() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE product_category SET parent_id = parent_id WHERE parent_id = NEW.id;
    RETURN NULL;
END $body$
"""

# The year is the one where the organization is. The row lock holds others back until this commits: no gaps.
NEXT_NUMBER = """
CREATE FUNCTION next_number(of_org bigint, of_type text) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    this_year int := extract(year FROM now() AT TIME ZONE (SELECT time_zone FROM organization WHERE id = of_org));
    given int;
BEGIN
    INSERT INTO number_sequence AS s (org_id, type, year, last) VALUES (of_org, of_type, this_year, 1)
    ON CONFLICT (org_id, type, year) DO UPDATE SET last = s.last + 1 RETURNING last INTO given;
    RETURN format('%s-%s-%s', of_type, this_year, lpad(given::text, greatest(5, length(given::text)), '0'));
END $body$
"""

KEEP_NUMBER = """
CREATE FUNCTION keep_number() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.number IS NULL THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '% has a number: cancel it, it is never removed', OLD.number
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME,
            CONSTRAINT = format('ck_%s_number_kept', TG_TABLE_NAME);
    END IF;
    IF NEW.number IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.number END) THEN
        RAISE EXCEPTION 'numbers are given when a document leaves draft, and stay'
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME,
            CONSTRAINT = format('ck_%s_number_kept', TG_TABLE_NAME);
    END IF;
    IF NEW.number IS NULL AND NEW.status <> 'draft' THEN
        NEW.number := next_number(NEW.org_id, TG_ARGV[0]);
    END IF;
    RETURN NEW;
END $body$
"""

STAMP_RFQ = """
CREATE FUNCTION stamp_rfq() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NEW.status NOT IN ('draft', 'cancelled') THEN
        NEW.sent_at := coalesce(NEW.sent_at, now());
    END IF;
    -- one that is born awarded came from elsewhere: nobody knows when, and now would be a wrong cycle time
    IF TG_OP = 'UPDATE' AND NEW.status = 'awarded' THEN
        NEW.awarded_at := coalesce(NEW.awarded_at, now());
    END IF;
    RETURN NEW;
END $body$
"""

STAMP_ORDER = """
CREATE FUNCTION stamp_order() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NEW.status NOT IN ('draft', 'to_approve', 'cancelled') AND NEW.ordered_on IS NULL THEN
        NEW.ordered_on := (now() AT TIME ZONE (SELECT time_zone FROM organization WHERE id = NEW.org_id))::date;
    END IF;
    RETURN NEW;
END $body$
"""

# Once per statement, whatever the number of lines. Arguments: table of the document, its key in the lines.
SUM_LINES = """
CREATE FUNCTION sum_lines() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        'UPDATE %1$I AS document SET total = fresh.total FROM ('
        '   SELECT d.id, coalesce(sum(round(l.amount, coalesce(c.decimals, 2))), 0) AS total'
        '   FROM %1$I d LEFT JOIN %3$I l ON l.%2$I = d.id LEFT JOIN currency c ON c.code = d.currency'
        '   WHERE d.id IN (SELECT %2$I FROM changed) GROUP BY d.id) AS fresh'
        ' WHERE document.id = fresh.id AND document.total IS DISTINCT FROM fresh.total',
        TG_ARGV[0], TG_ARGV[1], TG_TABLE_NAME);
    RETURN NULL;
END $body$
"""

# Moving average: what comes in changes the cost, what goes out leaves at it. The row exists before it is
# changed, since a negative INSERT would fail its check although ON CONFLICT would have added it up.
KEEP_BALANCE = """
CREATE FUNCTION keep_balance() RETURNS trigger LANGUAGE plpgsql AS $body$
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

REFUSE_BALANCE = """
CREATE FUNCTION refuse_balance() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'balances follow from stock moves: record a move' USING ERRCODE = 'restrict_violation';
END $body$
"""

FUNCTIONS = (
    KNOWN_TIME_ZONE,
    KEEP_PATH,
    SPREAD_PATH,
    NEXT_NUMBER,
    KEEP_NUMBER,
    STAMP_RFQ,
    STAMP_ORDER,
    SUM_LINES,
    KEEP_BALANCE,
    REFUSE_BALANCE,
)
NAMES = (
    "check_time_zone()",
    "keep_category_path()",
    "spread_category_path()",
    "keep_number()",
    "next_number(bigint, text)",
    "stamp_rfq()",
    "stamp_order()",
    "sum_lines()",
    "keep_balance()",
    "refuse_balance()",
)
NUMBERED = (("rfq", "RFQ"), ("purchase_order", "PO"), ("sales_order", "SO"))
SUMMED = (
    ("quote_line", "quote", "quote_id"),
    ("purchase_order_line", "purchase_order", "order_id"),
    ("sales_order_line", "sales_order", "order_id"),
)
RECORDED = (
    "organization",
    "app_user",
    "profile",
    "membership",
    "currency",
    "fx_rate",
    "unit",
    "product_category",
    "product",
    "warehouse",
    "stock_move",
    "supplier",
    "supplier_contact",
    "rfq",
    "rfq_line",
    "rfq_invitation",
    "quote",
    "quote_line",
    "message",
    "kpi_definition",
    "kpi_value",
    "purchase_order",
    "purchase_order_line",
    "receipt",
    "receipt_line",
    "customer",
    "sales_order",
    "sales_order_line",
)

# make_append_only took them from the tenant's role.
GIVE_RIGHTS_BACK = """
DO $body$
DECLARE
    tenant_role text := (SELECT role_name FROM public.tenant WHERE schema_name = current_schema());
BEGIN
    IF tenant_role IS NOT NULL THEN
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON stock_move, row_history TO %I', tenant_role);
    END IF;
END $body$
"""


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    for name, moment, function in triggers():
        op.execute(f"CREATE TRIGGER {name} {moment} EXECUTE FUNCTION {function}")
    for table in RECORDED:
        op.execute(f"SELECT public.attach_history('{table}')")
    op.execute("SELECT public.make_append_only('stock_move', true)")
    op.execute("SELECT public.make_append_only('row_history', false)")


def downgrade() -> None:
    for table in ("stock_move", "row_history"):
        op.execute(f"DROP TRIGGER refuse_change ON {table}")
        op.execute(f"DROP TRIGGER refuse_truncate ON {table}")
    for table in RECORDED:
        for trigger in ("record_row_change", "record_row_change_update", "record_row_change_delete"):
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
    op.execute(GIVE_RIGHTS_BACK)
    for name in NAMES:
        op.execute(f"DROP FUNCTION {name} CASCADE")


def triggers() -> list[tuple[str, str, str]]:
    """Name, moment and function of each trigger."""
    row = "FOR EACH ROW"
    found = [
        (f"check_time_zone_of_{table}", f"BEFORE INSERT OR UPDATE OF time_zone ON {table} {row}", NAMES[0])
        for table in ("organization", "profile")
    ]
    category = "product_category"
    found += [
        (
            "keep_path",
            f"BEFORE INSERT OR UPDATE OF name, parent_id ON {category} {row}",
            "keep_category_path()",
        ),
        (
            "spread_path",
            f"AFTER UPDATE ON {category} {row} WHEN (OLD.path IS DISTINCT FROM NEW.path)",
            "spread_category_path()",
        ),
        ("keep_balance", f"AFTER INSERT ON stock_move {row}", "keep_balance()"),
        (
            "refuse_balance",
            f"BEFORE INSERT OR UPDATE OR DELETE ON stock_balance {row} WHEN (pg_trigger_depth() < 1)",
            "refuse_balance()",
        ),
        ("stamp", f"BEFORE INSERT OR UPDATE OF status ON rfq {row}", "stamp_rfq()"),
        ("stamp", f"BEFORE INSERT OR UPDATE OF status ON purchase_order {row}", "stamp_order()"),
        ("stamp", f"BEFORE INSERT OR UPDATE OF status ON sales_order {row}", "stamp_order()"),
    ]
    found += [
        ("keep_number", f"BEFORE INSERT OR UPDATE OR DELETE ON {table} {row}", f"keep_number('{prefix}')")
        for table, prefix in NUMBERED
    ]
    for lines, document, key in SUMMED:
        for event, seen in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            moment = f"AFTER {event} ON {lines} REFERENCING {seen} TABLE AS changed FOR EACH STATEMENT"
            found.append((f"sum_lines_{event.lower()}", moment, f"sum_lines('{document}', '{key}')"))
    return found
