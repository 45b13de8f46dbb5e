-- What a failed CREATE INDEX CONCURRENTLY leaves: every write pays for it, no read may use it.
SELECT
    t.relname::text AS table_name,
    i.relname::text AS name,
    count(*)::int AS schemas,
    min(n.nspname::text) AS example,
    (sum(i.relpages::bigint) * current_setting('block_size')::int)::bigint AS bytes,
    count(p.pid)::int AS building
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
LEFT JOIN pg_stat_progress_create_index AS p ON p.relid = x.indrelid AND p.datid = (
    SELECT oid FROM pg_database WHERE datname = current_database()
)
WHERE NOT x.indisvalid
GROUP BY 1, 2
ORDER BY bytes DESC, 1, 2
LIMIT 50
