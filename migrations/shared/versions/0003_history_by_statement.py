"""Record row history once per statement: a bulk load pays for its rows, not for a call per row."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Rows before and after meet by their id; OFFSET 0 keeps each from being turned into JSON once per key.
RECORD_ROW_CHANGES = """
CREATE FUNCTION public.record_row_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    changed text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT id, NULL::jsonb AS old, to_jsonb(a) AS new FROM after_rows a'
        WHEN 'DELETE' THEN 'SELECT id, to_jsonb(b) AS old, NULL::jsonb AS new FROM before_rows b'
        ELSE 'SELECT b.id, d.old, d.new FROM (SELECT id, to_jsonb(r) AS doc FROM before_rows r OFFSET 0) b'
            ' JOIN (SELECT id, to_jsonb(r) AS doc FROM after_rows r OFFSET 0) a ON a.id = b.id CROSS JOIN LATERAL ('
            'SELECT jsonb_object_agg(n.key, b.doc -> n.key) AS old, jsonb_object_agg(n.key, n.value) AS new'
            ' FROM jsonb_each(a.doc) n WHERE b.doc -> n.key IS DISTINCT FROM n.value) d WHERE d.new IS NOT NULL'
    END;
BEGIN
    -- the table lives in the schema of the changed rows: a renamed or restored schema keeps its own history
    EXECUTE format('INSERT INTO %I.row_history (table_name, record_id, operation, old, new, actor, request_id,'
        ' session_user_name, client_addr, application_name, transaction_id)'
        ' SELECT $1, id, $2, old, new, $3, $4, $5, $6, $7, $8 FROM (%s) c', TG_TABLE_SCHEMA, changed)
    USING TG_TABLE_NAME::text, left(TG_OP, 1),
        nullif(current_setting('steward.actor', true), ''), nullif(current_setting('steward.request_id', true), ''),
        session_user::text, inet_client_addr(), current_setting('application_name'), txid_current();
    RETURN NULL;
END $body$
"""

ATTACH_HISTORY = """
CREATE OR REPLACE FUNCTION public.attach_history(target text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM public.attach_history_to(format('%I.%I', current_schema(), target));
END $body$
"""

# A trigger that sees both sides of a change takes one kind of change only, hence three.
ATTACH_HISTORY_TO = """
CREATE FUNCTION public.attach_history_to(target text) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    run text := 'FOR EACH STATEMENT EXECUTE FUNCTION public.record_row_changes()';
BEGIN
    EXECUTE format('DROP TRIGGER IF EXISTS record_row_change ON %s', target);
    EXECUTE format('CREATE TRIGGER record_row_change AFTER INSERT ON %s REFERENCING NEW TABLE AS after_rows %s',
        target, run);
    EXECUTE format('CREATE OR REPLACE TRIGGER record_row_change_update AFTER UPDATE ON %s'
        ' REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows %s', target, run);
    EXECUTE format('CREATE OR REPLACE TRIGGER record_row_change_delete AFTER DELETE ON %s'
        ' REFERENCING OLD TABLE AS before_rows %s', target, run);
END $body$
"""

# Tables that were handed to the role of sealed prices keep the trigger they have.
OF_TENANTS = """
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgname = 'record_row_change' AND c.relowner = current_user::regrole
"""
CONVERT = f"""
DO $body$ DECLARE
    target text;
BEGIN
    FOR target IN SELECT c.oid::regclass::text {OF_TENANTS} LOOP
        PERFORM public.attach_history_to(target);
    END LOOP;
END $body$
"""
CONVERT_BACK = f"""
DO $body$ DECLARE
    target text;
BEGIN
    FOR target IN SELECT c.oid::regclass::text {OF_TENANTS} LOOP
        EXECUTE format('DROP TRIGGER record_row_change ON %s', target);
        EXECUTE format('DROP TRIGGER IF EXISTS record_row_change_update ON %s', target);
        EXECUTE format('DROP TRIGGER IF EXISTS record_row_change_delete ON %s', target);
        EXECUTE format('CREATE TRIGGER record_row_change AFTER INSERT OR UPDATE OR DELETE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION public.record_row_change()', target);
    END LOOP;
END $body$
"""
FORMER_ATTACH = """
CREATE OR REPLACE FUNCTION public.attach_history(target text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    EXECUTE format('CREATE TRIGGER record_row_change AFTER INSERT OR UPDATE OR DELETE ON %I.%I'
        ' FOR EACH ROW EXECUTE FUNCTION public.record_row_change()', current_schema(), target);
END $body$
"""


def upgrade() -> None:
    for statement in (RECORD_ROW_CHANGES, ATTACH_HISTORY_TO, ATTACH_HISTORY):
        op.execute(statement)
    for function in ("record_row_changes()", "attach_history_to(text)"):
        op.execute(f"REVOKE EXECUTE ON FUNCTION public.{function} FROM PUBLIC")
    op.execute(CONVERT)


def downgrade() -> None:
    op.execute(CONVERT_BACK)
    op.execute(FORMER_ATTACH)
    op.execute("DROP FUNCTION public.attach_history_to(text)")
    op.execute("DROP FUNCTION public.record_row_changes()")
