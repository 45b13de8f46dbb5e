-- A lag in seconds is NULL when nothing was written lately: that means "no recent traffic", not 0.
SELECT
    r.pid,
    r.application_name AS name,
    r.state,
    r.sync_state,
    r.client_addr::text AS address,
    r.backend_start AS connected_at,
    r.reply_time AS replied_at,
    pg_wal_lsn_diff(pg_current_wal_lsn(), r.sent_lsn)::bigint AS sent_bytes,
    pg_wal_lsn_diff(pg_current_wal_lsn(), r.write_lsn)::bigint AS write_bytes,
    pg_wal_lsn_diff(pg_current_wal_lsn(), r.flush_lsn)::bigint AS flush_bytes,
    pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::bigint AS replay_bytes,
    extract(epoch FROM r.write_lag)::float8 AS write_seconds,
    extract(epoch FROM r.flush_lag)::float8 AS flush_seconds,
    extract(epoch FROM r.replay_lag)::float8 AS replay_seconds
FROM pg_stat_replication AS r
ORDER BY r.application_name, r.pid
