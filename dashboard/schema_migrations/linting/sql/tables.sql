-- The largest copy of every table of the tenants' history, by the catalog first: only the winner is measured.
-- A partitioned table has neither pages nor rows of its own: it is as large as its partitions, which are no tables of their own.
WITH ours AS (
    SELECT n.oid, n.nspname
    FROM pg_namespace AS n
    JOIN public.schema_head AS h ON h.schema_name = n.nspname
), divided AS (
    SELECT
        i.inhparent, sum(greatest(c.relpages, 0)) AS pages,
        sum(greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)) AS rows
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relispartition AND c.relkind = 'r'
    GROUP BY i.inhparent
), ranked AS (
    SELECT
        c.oid, c.relname, o.nspname, c.relkind,
        coalesce(d.rows, greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)) AS rows,
        count(*) FILTER (WHERE c.relkind = 'p') OVER (PARTITION BY c.relname) AS partitioned,
        row_number() OVER (
            PARTITION BY c.relname
            ORDER BY
                coalesce(d.pages::float8, greatest(c.relpages::float8, pg_stat_get_live_tuples(c.oid) / 50.0)) DESC,
                o.nspname
        ) AS place
    FROM pg_class AS c
    JOIN ours AS o ON o.oid = c.relnamespace
    LEFT JOIN divided AS d ON d.inhparent = c.oid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
)
SELECT
    r.relname::text AS name, r.nspname::text AS schema, r.rows::bigint AS rows, s.bytes, s.index_bytes,
    r.partitioned::int AS partitioned,
    (SELECT count(*) FROM ours)::int AS schemas,
    current_setting('server_version_num')::int AS server_version
FROM ranked AS r
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(pg_table_size(t.oid)), 0)::bigint AS bytes,
        coalesce(sum(pg_indexes_size(t.oid)), 0)::bigint AS index_bytes
    FROM (
        SELECT r.oid WHERE r.relkind = 'r' UNION ALL
        SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = r.oid AND r.relkind = 'p'
    ) AS t
) AS s
WHERE r.place = 1
ORDER BY r.relname
