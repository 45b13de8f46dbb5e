-- The largest tables by pages of table, TOAST and indexes (see schema_sizes.sql for relpages).
WITH largest AS (
    SELECT
        c.oid, n.nspname, c.relname, c.reltuples, c.relpages::bigint AS heap,
        coalesce((SELECT t.relpages FROM pg_class AS t WHERE t.oid = c.reltoastrelid), 0)::bigint AS toast,
        coalesce((
            SELECT sum(i.relpages) FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
            WHERE x.indrelid = c.oid
        ), 0)::bigint AS indexes
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
)
SELECT
    nspname::text AS schema,
    relname::text AS name,
    CASE WHEN reltuples >= 0 THEN reltuples::bigint END AS rows,
    (heap + toast) * current_setting('block_size')::int AS table_bytes,
    indexes * current_setting('block_size')::int AS index_bytes
FROM largest
ORDER BY heap + toast + indexes DESC, schema, name
LIMIT 20
