-- The partitions of a table by their bounds, with what the statistics say of their size.
SELECT
    p.relname::text AS name,
    nullif((regexp_match(pg_get_expr(p.relpartbound, p.oid), 'FROM \(''?(\d+|MINVALUE)''?\)'))[1], 'MINVALUE')::bigint AS lower,
    (regexp_match(pg_get_expr(p.relpartbound, p.oid), 'TO \(''?(\d+)''?\)'))[1]::bigint AS upper,
    greatest(p.reltuples, 0)::bigint AS rows,
    pg_total_relation_size(p.oid) AS bytes
FROM pg_inherits AS h
JOIN pg_class AS p ON p.oid = h.inhrelid
WHERE h.inhparent = to_regclass(%(table)s)
ORDER BY 3
