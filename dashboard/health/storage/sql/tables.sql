-- Three lists from one pass: tables of the same name summed over all schemas, the largest single ones, and
-- those with the most dead rows. Sizes by relpages: reading each file's length takes 40 times as long.
WITH index_pages AS MATERIALIZED (
    SELECT x.indrelid, sum(i.relpages)::bigint AS pages
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
    GROUP BY 1
),
tables AS MATERIALIZED (
    SELECT
        n.nspname::text AS schema,
        c.relname::text AS name,
        greatest(c.reltuples, 0)::bigint AS tuples,
        (c.relpages + coalesce(t.relpages, 0))::bigint * %(block)s AS table_bytes,
        coalesce(i.pages, 0) * %(block)s AS index_bytes,
        pg_stat_get_live_tuples(c.oid) AS live,
        pg_stat_get_dead_tuples(c.oid) AS dead,
        greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS vacuumed,
        greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
    LEFT JOIN index_pages AS i ON i.indrelid = c.oid
    WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
),
grouped AS (
    SELECT
        'by name' AS list, min(schema) AS schema, name, count(*)::int AS schemas, sum(tuples)::bigint AS tuples,
        sum(table_bytes)::bigint AS table_bytes, sum(index_bytes)::bigint AS index_bytes,
        sum(live)::bigint AS live, sum(dead)::bigint AS dead,
        min(vacuumed) AS vacuumed_at, min(analyzed) AS analyzed_at,
        count(*) FILTER (WHERE analyzed IS NULL)::int AS never_analyzed
    FROM tables GROUP BY name ORDER BY sum(table_bytes + index_bytes) DESC, name LIMIT 40
),
singles AS (
    SELECT
        schema, name, 1 AS schemas, tuples, table_bytes::bigint, index_bytes::bigint, live, dead,
        vacuumed AS vacuumed_at, analyzed AS analyzed_at, (analyzed IS NULL)::int AS never_analyzed
    FROM tables
)
SELECT * FROM grouped
UNION ALL
(SELECT 'largest', * FROM singles ORDER BY table_bytes + index_bytes DESC, schema, name LIMIT 25)
UNION ALL
(SELECT 'dead rows', * FROM singles WHERE dead >= 1000 ORDER BY dead DESC, schema, name LIMIT 25)
