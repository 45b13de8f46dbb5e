-- Types by table and column, where any tenant has them; a check counts where every copy has it, and valid.
SELECT
    c.relname::text AS table_name, a.attname::text AS name,
    min(format_type(a.atttypid, a.atttypmod)) AS type,
    bool_and(EXISTS (
        SELECT FROM pg_constraint AS k
        WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND k.conkey = ARRAY[a.attnum]
            AND pg_get_constraintdef(k.oid) = format('CHECK ((%I IS NOT NULL))', a.attname)
    )) AS is_checked
FROM public.schema_head AS h
JOIN pg_namespace AS n ON n.nspname = h.schema_name
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.relname, a.attname
