-- How much is guarded: tenants' schemas, tables whose rows are recorded, tables that are append-only.
SELECT
    count(DISTINCT c.relnamespace)::int AS schemas,
    count(DISTINCT c.relname) FILTER (WHERE g.tgname = 'record_row_change')::int AS recorded,
    count(DISTINCT c.relname) FILTER (WHERE g.tgname = 'refuse_change')::int AS append_only
FROM public.tenant AS t
JOIN pg_namespace AS n ON n.nspname = t.schema_name
JOIN pg_class AS c ON c.relnamespace = n.oid
JOIN pg_trigger AS g ON g.tgrelid = c.oid
WHERE t.status <> 'archived' AND g.tgname IN ('record_row_change', 'refuse_change')
