-- The names that tell tenants apart in texts.
SELECT nspname::text AS name FROM pg_namespace WHERE nspname LIKE 'tenant\_%'
UNION
SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'tenant\_%'
