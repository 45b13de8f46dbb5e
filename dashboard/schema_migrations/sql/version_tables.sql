-- Where Alembic keeps a version; a schema without one was never migrated.
SELECT n.nspname::text AS schema, c.relname::text AS name
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relname IN ('alembic_version', 'shared_version')
