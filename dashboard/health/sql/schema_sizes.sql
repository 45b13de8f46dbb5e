-- relpages is the planner's count of the last vacuum or analyze: cheap (50 ms where pg_total_relation_size takes 2 s).
SELECT
    n.nspname::text AS schema,
    count(*) FILTER (WHERE c.relkind IN ('r', 'p', 'm'))::int AS tables,
    sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind IN ('r', 'm'))::bigint AS rows,
    (sum(c.relpages::bigint) * current_setting('block_size')::int)::bigint AS bytes
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'i') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
GROUP BY 1
ORDER BY bytes DESC, schema
LIMIT 1000
