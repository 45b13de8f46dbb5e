SELECT DISTINCT t.relname::text AS table_name, k.conname::text AS name, f.relname::text AS target
FROM public.schema_head AS h
JOIN pg_namespace AS n ON n.nspname = h.schema_name
JOIN pg_constraint AS k ON k.connamespace = n.oid AND k.contype = 'f'
JOIN pg_class AS t ON t.oid = k.conrelid
JOIN pg_class AS f ON f.oid = k.confrelid
