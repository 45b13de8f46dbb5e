-- Indexes of one table over the same columns in the same way; the first of `names` is the one to keep.
WITH same AS (
    SELECT
        x.indrelid,
        array_agg(
            i.relname::text
            ORDER BY x.indisprimary DESC, x.indisreplident DESC, x.indisunique DESC, i.relname
        ) AS names,
        sum(i.relpages::bigint) - max(i.relpages::bigint) AS spare
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
    WHERE x.indisvalid AND i.relnamespace NOT IN (
        SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'pg_toast', 'information_schema')
    )
    GROUP BY
        x.indrelid, i.relam, x.indkey::text, x.indclass::text, x.indcollation::text, x.indoption::text,
        pg_get_expr(x.indpred, x.indrelid), pg_get_expr(x.indexprs, x.indrelid)
    HAVING count(*) > 1
)
SELECT
    t.relname::text AS table_name,
    s.names,
    count(*)::int AS schemas,
    min(n.nspname::text) AS example,
    (sum(s.spare) * %(block)s)::bigint AS bytes
FROM same AS s
JOIN pg_class AS t ON t.oid = s.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
GROUP BY 1, 2
ORDER BY bytes DESC, 1
LIMIT 50
