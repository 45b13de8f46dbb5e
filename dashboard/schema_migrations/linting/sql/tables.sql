-- The largest copy of every table of the tenants' history, by the catalog first: only the winner is measured.
WITH ours AS (
    SELECT n.oid, n.nspname
    FROM pg_namespace AS n
    JOIN public.schema_head AS h ON h.schema_name = n.nspname
), ranked AS (
    SELECT
        c.oid, c.relname, o.nspname, c.reltuples,
        row_number() OVER (
            PARTITION BY c.relname
            ORDER BY greatest(c.relpages::float8, pg_stat_get_live_tuples(c.oid) / 50.0) DESC, o.nspname
        ) AS place
    FROM pg_class AS c
    JOIN ours AS o ON o.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
)
SELECT
    r.relname::text AS name, r.nspname::text AS schema,
    greatest(r.reltuples, pg_stat_get_live_tuples(r.oid), 0)::bigint AS rows,
    coalesce(pg_table_size(r.oid), 0) AS bytes, coalesce(pg_indexes_size(r.oid), 0) AS index_bytes,
    (SELECT count(*) FROM ours)::int AS schemas,
    current_setting('server_version_num')::int AS server_version
FROM ranked AS r
WHERE r.place = 1
ORDER BY r.relname
