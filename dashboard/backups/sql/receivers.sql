SELECT
    r.application_name AS name,
    r.state,
    r.sync_state,
    (r.write_lsn - '0/0'::pg_lsn)::bigint AS written,
    (r.flush_lsn - '0/0'::pg_lsn)::bigint AS flushed
FROM pg_stat_replication AS r
