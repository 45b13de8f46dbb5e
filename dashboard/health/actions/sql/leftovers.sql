-- Invalid indexes of a table (or of the table of an index) that nobody builds now.
WITH meant AS (
    SELECT coalesce(i.indrelid, c.oid) AS oid
    FROM pg_class AS c
    LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
    WHERE c.oid = to_regclass(%(name)s)
)
SELECT n.nspname, t.relname, c.relname
FROM pg_index AS i
JOIN meant AS m ON m.oid = i.indrelid
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid
    AND n.nspname = %(schema)s
    AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.relid = i.indrelid)
ORDER BY c.relname
