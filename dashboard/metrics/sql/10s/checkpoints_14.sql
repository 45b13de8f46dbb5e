-- tier: 10s, versions: 14-16, roles: all
-- Until 16 the background writer's view counts checkpoints, too, and what backends had to write themselves.
SELECT
    checkpoints_timed AS "checkpoints.timed/min",
    checkpoints_req AS "checkpoints.requested/min",
    checkpoint_write_time AS "checkpoints.write_ms/s",
    checkpoint_sync_time AS "checkpoints.sync_ms/s",
    buffers_checkpoint AS "buffers.by_checkpoints/s",
    buffers_clean AS "buffers.by_writer/s",
    maxwritten_clean AS "buffers.writer_stopped/min",
    buffers_backend AS "buffers.by_backends/s",
    buffers_backend_fsync AS "buffers.backend_fsyncs/min",
    buffers_alloc AS "buffers.allocated/s",
    stats_reset AS reset_at
FROM pg_stat_bgwriter
