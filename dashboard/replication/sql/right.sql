-- Whether a login may change for whom commits wait (PostgreSQL 15 and newer).
SELECT
    coalesce(bool_or(
        rolsuper
        OR (
            has_parameter_privilege(oid, 'synchronous_standby_names', 'ALTER SYSTEM')
            AND has_function_privilege(oid, 'pg_reload_conf()', 'EXECUTE')
        )
    ), false) AS may
FROM pg_roles
WHERE rolname = %(login)s
