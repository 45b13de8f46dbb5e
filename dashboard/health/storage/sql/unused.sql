-- Indexes nobody has read since the counters began, the same index of many schemas as one: it was made by one
-- migration and would be dropped by one. Left out is what is not there for reading: what keeps rows unique or
-- apart, tells replicas which row is meant, or lets a parent row be deleted quickly.
WITH indexes AS MATERIALIZED (
    SELECT
        x.indexrelid,
        x.indrelid,
        x.indkey,
        t.relname::text AS table_name,
        i.relname::text AS name,
        n.nspname::text AS schema,
        i.relpages::bigint AS pages,
        pg_stat_get_numscans(x.indexrelid) AS scans,
        x.indisunique OR x.indisexclusion OR x.indisreplident OR NOT x.indisvalid AS needed
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
    JOIN pg_class AS t ON t.oid = x.indrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
),
idle AS (
    SELECT table_name, name
    FROM indexes
    GROUP BY 1, 2
    HAVING sum(scans) = 0 AND NOT bool_or(needed) AND sum(pages) * %(block)s >= %(least)s
)
SELECT
    i.table_name,
    i.name,
    count(*)::int AS schemas,
    min(i.schema) AS example,
    (sum(i.pages) * %(block)s)::bigint AS bytes,
    array_agg(i.indexrelid::bigint) AS ids,
    bool_or(EXISTS (
        SELECT FROM pg_constraint AS k
        WHERE k.conrelid = i.indrelid AND k.contype = 'f'
            AND (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(k.conkey)] @> k.conkey
    )) AS supports_key,
    min(pg_get_indexdef(i.indexrelid)) AS definition
FROM indexes AS i
JOIN idle USING (table_name, name)
GROUP BY 1, 2
ORDER BY bytes DESC, 1, 2
LIMIT %(most)s
