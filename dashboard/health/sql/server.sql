SELECT
    current_setting('server_version') AS version,
    pg_postmaster_start_time() AS started_at,
    clock_timestamp() AS clock_at,
    pg_is_in_recovery() AS in_recovery,
    current_database()::text AS database,
    current_setting('max_connections')::int AS max_connections,
    current_setting('superuser_reserved_connections')::int AS reserved_connections,
    (SELECT max(age(datfrozenxid))::bigint FROM pg_database) AS oldest_xid_age
