-- position: bytes of WAL ever written, so that two servers can be subtracted.
SELECT
    clock_timestamp() AS clock_at,
    pg_current_wal_lsn()::text AS lsn,
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS position,
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS timeline,
    current_setting('synchronous_standby_names') AS synchronous_names,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('port')::int AS port
