-- Every role that can log in, with what it may do beyond its own data, and how many relations it owns here.
SELECT
    r.rolname::text AS name,
    r.rolsuper AS is_super,
    r.rolcreaterole AS may_create_roles,
    r.rolcreatedb AS may_create_databases,
    r.rolreplication AS may_replicate,
    r.rolbypassrls AS passes_row_security,
    has_schema_privilege(r.oid, 'public', 'CREATE') AS may_create_in_public,
    (SELECT count(*) FROM pg_class AS c WHERE c.relowner = r.oid)::int AS owned
FROM pg_roles AS r
WHERE r.rolcanlogin
ORDER BY r.rolname
