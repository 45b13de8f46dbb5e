DO $body$
DECLARE
    head record;
    found text;
BEGIN
    INSERT INTO public.schema_head (schema_name, kind, tenant_id)
    SELECT t.schema_name, 'tenant', t.id
    FROM public.tenant AS t JOIN pg_namespace AS n ON n.nspname = t.schema_name
    ON CONFLICT DO NOTHING;
    FOR head IN
        SELECT h.schema_name, h.revision, c.oid AS version_table
        FROM public.schema_head AS h
        JOIN pg_namespace AS n ON n.nspname = h.schema_name
        LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'alembic_version' AND c.relkind = 'r'
    LOOP
        found := NULL;
        IF head.version_table IS NOT NULL THEN
            EXECUTE format('SELECT version_num FROM %I.alembic_version', head.schema_name) INTO found;
        END IF;
        IF found IS DISTINCT FROM head.revision THEN
            UPDATE public.schema_head
            SET revision = found, moved_at = clock_timestamp(), fingerprint = NULL, fingerprinted_at = NULL
            WHERE schema_name = head.schema_name;
        END IF;
    END LOOP;
END $body$
