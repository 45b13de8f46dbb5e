SELECT DISTINCT i.relname::text AS name, t.relname::text AS table_name
FROM public.schema_head AS h
JOIN pg_namespace AS n ON n.nspname = h.schema_name
JOIN pg_class AS i ON i.relnamespace = n.oid AND i.relkind IN ('i', 'I')
JOIN pg_index AS x ON x.indexrelid = i.oid
JOIN pg_class AS t ON t.oid = x.indrelid
