"""Sealed prices, awards within their line, totals of invoices and of quotes with sealed prices.

The functions name no schema, so that they go with the tenant's schema when it is renamed or restored; those of the
sealer are bound to their tables by `BEGIN ATOMIC`.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SEAL_RFQ = """
CREATE FUNCTION seal_rfq(of_rfq bigint, opening timestamptz) RETURNS void LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT CASE WHEN opening <= clock_timestamp() THEN public.refuse('the opening lies in the past') END;
    INSERT INTO rfq_seal (rfq_id, org_id, opens_at) SELECT id, org_id, opening FROM rfq WHERE id = of_rfq;
END
"""

EXTEND_SEAL = """
CREATE FUNCTION extend_seal(of_rfq bigint, opening timestamptz) RETURNS void LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT CASE WHEN NOT EXISTS (
        SELECT FROM rfq_seal WHERE rfq_id = of_rfq AND opens_at <= opening AND opens_at > clock_timestamp()
    ) THEN public.refuse('an opening can only be put off, and only before it has come') END;
    UPDATE rfq_seal SET opens_at = opening WHERE rfq_id = of_rfq;
END
"""

SUBMIT_PRICE = """
CREATE FUNCTION submit_price(of_line bigint, of_quote bigint, price numeric) RETURNS void
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT CASE WHEN NOT EXISTS (
        SELECT FROM rfq_seal s JOIN quote q ON q.rfq_id = s.rfq_id
        WHERE q.id = of_quote AND s.opens_at > clock_timestamp()
    ) THEN public.refuse('the bids of this request have been opened: no price is accepted any more') END;
    INSERT INTO quote_price (org_id, rfq_id, quote_line_id, unit_price)
    SELECT q.org_id, q.rfq_id, of_line, price FROM quote q WHERE q.id = of_quote;
END
"""

# Before the opening a price goes to the sealer and leaves no trace in its row, thus none in the history.
# After it the row takes the sealed price over, and no other.
DIVERT_PRICE = """
CREATE FUNCTION divert_price() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    opening timestamptz;
    is_sealed boolean;
    bid numeric;
BEGIN
    SELECT s.opens_at, r.sealed INTO opening, is_sealed
    FROM quote q JOIN rfq r ON r.id = q.rfq_id LEFT JOIN rfq_seal s ON s.rfq_id = r.id WHERE q.id = NEW.quote_id;
    IF opening IS NULL THEN
        IF is_sealed AND NEW.unit_price IS NOT NULL THEN
            PERFORM public.refuse('a sealed request takes prices once it has been sent');
        END IF;
        RETURN NEW;
    END IF;
    IF opening > clock_timestamp() THEN
        IF NEW.unit_price IS NOT NULL THEN
            PERFORM submit_price(NEW.id, NEW.quote_id, NEW.unit_price);
            NEW.unit_price := NULL;
            NEW.sealed_price_at := clock_timestamp();
        END IF;
        RETURN NEW;
    END IF;
    SELECT p.unit_price INTO bid FROM quote_price p WHERE p.quote_line_id = NEW.id ORDER BY p.id DESC LIMIT 1;
    IF NEW.unit_price IS DISTINCT FROM bid AND (TG_OP = 'INSERT' OR NEW.unit_price IS DISTINCT FROM OLD.unit_price) THEN
        PERFORM public.refuse('the bids of this request have been opened: no price is accepted any more');
    END IF;
    NEW.unit_price := bid;
    RETURN NEW;
END $body$
"""

OPEN_QUOTES = """
CREATE FUNCTION open_quotes(of_rfq bigint) RETURNS void LANGUAGE sql AS $body$
    UPDATE quote_line l SET unit_price = p.unit_price
    FROM (SELECT DISTINCT ON (quote_line_id) quote_line_id, unit_price FROM quote_price
          WHERE rfq_id = of_rfq ORDER BY quote_line_id, id DESC) p
    WHERE l.id = p.quote_line_id AND l.unit_price IS NULL
$body$
"""

CHECK_AWARD = """
CREATE FUNCTION check_award() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    asked numeric;
    given numeric;
BEGIN
    SELECT quantity INTO asked FROM rfq_line WHERE id = NEW.rfq_line_id FOR UPDATE;
    IF NOT EXISTS (SELECT FROM quote_line WHERE id = NEW.quote_line_id AND rfq_line_id = NEW.rfq_line_id AND NOT no_bid) THEN
        RAISE EXCEPTION 'the bid is not on this line' USING ERRCODE = 'check_violation',
            TABLE = TG_TABLE_NAME, CONSTRAINT = 'ck_award_quote_line_id_on_line';
    END IF;
    SELECT coalesce(sum(quantity), 0) INTO given FROM award WHERE rfq_line_id = NEW.rfq_line_id AND id <> NEW.id;
    IF given + NEW.quantity > asked THEN
        RAISE EXCEPTION 'the line asks for %, % is awarded elsewhere', asked, given USING ERRCODE = 'check_violation',
            TABLE = TG_TABLE_NAME, CONSTRAINT = 'ck_award_quantity_within_line';
    END IF;
    RETURN NEW;
END $body$
"""

# A document with a line that has no amount yet has no total.
SUM_LINES = """
CREATE OR REPLACE FUNCTION sum_lines() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format(
        'UPDATE %1$I AS document SET total = fresh.total FROM ('
        '   SELECT d.id, CASE WHEN bool_or(l.id IS NOT NULL AND l.amount IS NULL) THEN NULL'
        '       ELSE coalesce(sum(round(l.amount, coalesce(c.decimals, 2))), 0) END AS total'
        '   FROM %1$I d LEFT JOIN %3$I l ON l.%2$I = d.id LEFT JOIN currency c ON c.code = d.currency'
        '   WHERE d.id IN (SELECT %2$I FROM changed) GROUP BY d.id) AS fresh'
        ' WHERE document.id = fresh.id AND document.total IS DISTINCT FROM fresh.total',
        TG_ARGV[0], TG_ARGV[1], TG_TABLE_NAME);
    RETURN NULL;
END $body$
"""
OLD_SUM_LINES = SUM_LINES.replace(
    "CASE WHEN bool_or(l.id IS NOT NULL AND l.amount IS NULL) THEN NULL'\n        '       ELSE ", ""
).replace(" END AS total'", " AS total'")

FUNCTIONS = (SEAL_RFQ, EXTEND_SEAL, SUBMIT_PRICE, DIVERT_PRICE, OPEN_QUOTES, CHECK_AWARD, SUM_LINES)
SEALED = (
    "seal_rfq(bigint, timestamptz)",
    "extend_seal(bigint, timestamptz)",
    "submit_price(bigint, bigint, numeric)",
)
NAMES = (*SEALED, "open_quotes(bigint)", "check_award()")
PRIVILEGES = """
DO $body$
DECLARE
    tenant_role text := (SELECT role_name FROM public.tenant WHERE schema_name = current_schema());
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['rfq_seal', 'quote_price'] LOOP
        IF tenant_role IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON %I.%I FROM %I', current_schema(), target, tenant_role);
            EXECUTE format('GRANT SELECT ON %I.%I TO %I', current_schema(), target, tenant_role);
        END IF;
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', current_schema(), target);
    END LOOP;
    EXECUTE format('GRANT SELECT ON rfq, quote TO steward_sealer');
END $body$
"""
POLICIES = (
    "CREATE POLICY seen ON rfq_seal FOR SELECT USING (true)",
    "CREATE POLICY set ON rfq_seal FOR INSERT TO steward_sealer WITH CHECK (true)",
    "CREATE POLICY put_off ON rfq_seal FOR UPDATE TO steward_sealer USING (true) WITH CHECK (true)",
    (
        "CREATE POLICY opened ON quote_price FOR SELECT USING (EXISTS ("
        "SELECT FROM rfq_seal s WHERE s.rfq_id = quote_price.rfq_id AND s.opens_at <= clock_timestamp()))"
    ),
    "CREATE POLICY submitted ON quote_price FOR INSERT TO steward_sealer WITH CHECK (true)",
)
RECORDED = (
    "supplier_certificate",
    "supplier_product",
    "supplier_pair",
    "quote_revision",
    "award",
    "supplier_invoice",
    "invoice_line",
    "comment",
    "activity",
    "attachment",
    "content_translation",
    "saved_view",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(function)
    # estimates of the planner are made of samples: there must be none
    op.execute("ALTER TABLE quote_price ALTER unit_price SET STATISTICS 0")
    op.execute(PRIVILEGES)
    for policy in POLICIES:
        op.execute(policy)
    tables, functions = "'{rfq_seal,quote_price}'", ", ".join(f"'{name}'" for name in SEALED)
    op.execute(f"SELECT public.seal_off({tables}, ARRAY[{functions}])")
    op.execute(
        "CREATE TRIGGER divert_price BEFORE INSERT OR UPDATE ON quote_line FOR EACH ROW EXECUTE FUNCTION divert_price()"
    )
    op.execute(
        "CREATE TRIGGER check_award BEFORE INSERT OR UPDATE ON award FOR EACH ROW EXECUTE FUNCTION check_award()"
    )
    for event, seen in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER sum_lines_{event.lower()} AFTER {event} ON invoice_line REFERENCING {seen} TABLE AS changed"
            " FOR EACH STATEMENT EXECUTE FUNCTION sum_lines('supplier_invoice', 'invoice_id')"
        )
    for table in RECORDED:
        op.execute(f"SELECT public.attach_history('{table}')")


def downgrade() -> None:
    for table in RECORDED:
        for trigger in ("record_row_change", "record_row_change_update", "record_row_change_delete"):
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
    op.execute("REVOKE SELECT ON rfq, quote FROM steward_sealer")
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER sum_lines_{event} ON invoice_line")
    op.execute("DROP TRIGGER divert_price ON quote_line")
    op.execute("DROP FUNCTION divert_price()")
    for name in NAMES:
        op.execute(f"DROP FUNCTION {name} CASCADE")
    op.execute(OLD_SUM_LINES)
