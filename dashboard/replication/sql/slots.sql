-- inactive_since came with PostgreSQL 17; to_jsonb reads it where it exists.
SELECT
    slot_name::text AS name,
    slot_type AS kind,
    active,
    active_pid AS pid,
    pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS retained_bytes,
    wal_status,
    safe_wal_size::bigint AS safe_bytes,
    (to_jsonb(s) ->> 'inactive_since')::timestamptz AS inactive_at
FROM pg_replication_slots AS s
ORDER BY slot_name
