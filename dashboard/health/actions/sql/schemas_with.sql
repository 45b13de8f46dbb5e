-- The tenants' schemas that have a table or an index of a name; archived tenants have none.
SELECT n.nspname
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN public.tenant AS t ON t.schema_name = n.nspname
WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND t.status <> 'archived'
ORDER BY n.nspname
