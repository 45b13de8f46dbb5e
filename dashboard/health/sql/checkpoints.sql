SELECT
    num_timed::bigint AS timed,
    num_requested::bigint AS requested,
    write_time::float8 AS write_ms,
    sync_time::float8 AS sync_ms,
    buffers_written::bigint AS buffers,
    stats_reset AS reset_at
FROM pg_stat_checkpointer
