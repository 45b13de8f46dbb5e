-- What records and guards rows in some tenant's schema must be there, and switched on, in every tenant's schema.
WITH schemas AS MATERIALIZED (
    SELECT n.oid, n.nspname
    FROM pg_namespace AS n
    JOIN public.tenant AS t ON t.schema_name = n.nspname
    WHERE t.status <> 'archived'
),
tables AS MATERIALIZED (
    SELECT s.nspname, c.relname, c.oid
    FROM schemas AS s
    JOIN pg_class AS c ON c.relnamespace = s.oid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
),
triggers AS MATERIALIZED (
    SELECT t.nspname, t.relname, g.tgname, g.tgenabled
    FROM tables AS t
    JOIN pg_trigger AS g ON g.tgrelid = t.oid
    WHERE g.tgname LIKE 'record\_row\_change%' OR g.tgname IN ('refuse_change', 'refuse_truncate')
),
wanted AS (SELECT DISTINCT relname, tgname FROM triggers)
SELECT
    t.nspname::text AS schema,
    t.relname::text AS "table",
    w.tgname::text AS trigger,
    g.tgname IS NOT NULL AS is_there
FROM wanted AS w
JOIN tables AS t ON t.relname = w.relname
LEFT JOIN triggers AS g ON g.nspname = t.nspname AND g.relname = t.relname AND g.tgname = w.tgname
WHERE g.tgname IS NULL OR g.tgenabled NOT IN ('O', 'A')
ORDER BY 1, 2, 3
LIMIT 200
