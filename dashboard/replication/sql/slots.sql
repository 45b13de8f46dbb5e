-- inactive_since came with PostgreSQL 17; to_jsonb reads it where it exists.
SELECT
    s.slot_name::text AS name,
    s.slot_type AS kind,
    s.active,
    s.active_pid AS pid,
    coalesce(r.application_name, '') AS reader,
    s.restart_lsn::text AS restart_lsn,
    pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint AS retained_bytes,
    s.wal_status,
    s.safe_wal_size::bigint AS safe_bytes,
    (to_jsonb(s) ->> 'inactive_since')::timestamptz AS inactive_at
FROM pg_replication_slots AS s
LEFT JOIN pg_stat_replication AS r ON r.pid = s.active_pid
ORDER BY s.slot_name
