-- The tables of standing tenants that grow without end: whether partitioned yet, and about how many rows they have.
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind = 'p' AS is_partitioned, greatest(c.reltuples, 0)::bigint AS rows
FROM public.tenant AS t
JOIN pg_namespace AS n ON n.nspname = t.schema_name
JOIN pg_class AS c ON c.relnamespace = n.oid
WHERE t.status <> 'archived' AND c.relname = ANY (%(tables)s) AND c.relkind IN ('r', 'p')
ORDER BY 1, 2
