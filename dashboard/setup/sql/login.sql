-- Who a login is, and what kind of server answers it.
SELECT
    current_user::text AS login,
    current_setting('server_version_num')::int AS version,
    pg_is_in_recovery() AS is_standby,
    r.rolsuper AS is_superuser,
    r.rolbypassrls AS bypasses_rls,
    r.rolinherit AS inherits,
    r.rolcreaterole AS creates_roles,
    pg_has_role(current_user, 'pg_monitor', 'MEMBER') AS monitors,
    pg_has_role(current_user, (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database()), 'MEMBER')
    AS owns_database,
    (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier
FROM pg_roles AS r
WHERE r.rolname = current_user
