-- Types by table and column, where any tenant has them; a check counts where every copy has it, and valid.
WITH checks AS (
    SELECT DISTINCT k.conrelid, k.conkey[1] AS attnum
    FROM pg_constraint AS k
    WHERE k.contype = 'c' AND k.convalidated AND cardinality(k.conkey) = 1
        AND pg_get_constraintdef(k.oid) LIKE 'CHECK ((% IS NOT NULL))'
)
SELECT
    c.relname::text AS table_name, a.attname::text AS name,
    min(format_type(a.atttypid, a.atttypmod)) AS type,
    bool_and(k.conrelid IS NOT NULL) AS is_checked
FROM public.schema_head AS h
JOIN pg_namespace AS n ON n.nspname = h.schema_name
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN checks AS k ON k.conrelid = c.oid AND k.attnum = a.attnum
GROUP BY c.relname, a.attname
