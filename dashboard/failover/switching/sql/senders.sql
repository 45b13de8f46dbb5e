SELECT
    application_name AS name,
    coalesce(state, '') AS state,
    (replay_lsn - '0/0'::pg_lsn)::bigint AS replayed,
    coalesce(sync_state, '') AS sync_state,
    greatest(0, extract(epoch FROM clock_timestamp() - coalesce(reply_time, backend_start)))::float8
        AS silent_seconds
FROM pg_stat_replication
