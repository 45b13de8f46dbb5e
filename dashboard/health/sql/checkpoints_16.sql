-- Up to PostgreSQL 16; 17 moved these columns to pg_stat_checkpointer.
SELECT
    checkpoints_timed::bigint AS timed,
    checkpoints_req::bigint AS requested,
    checkpoint_write_time::float8 AS write_ms,
    checkpoint_sync_time::float8 AS sync_ms,
    buffers_checkpoint::bigint AS buffers,
    stats_reset AS reset_at
FROM pg_stat_bgwriter
