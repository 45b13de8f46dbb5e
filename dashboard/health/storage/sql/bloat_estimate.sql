-- Without pgstattuple: what the rows should take by the planner's statistics, against what the table takes.
SELECT
    c.relpages::bigint * current_setting('block_size')::int AS bytes,
    greatest(0, 1 - c.reltuples * (28 + sum(s.avg_width * (1 - s.null_frac)))
        / nullif(c.relpages::float8 * (current_setting('block_size')::int - 24), 0))::float8 AS share
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND NOT s.inherited
WHERE c.oid = %(id)s::oid AND c.relkind IN ('r', 'm') AND c.reltuples >= 0
GROUP BY c.oid, c.relpages, c.reltuples
