-- tier: 10s, versions: 17-, roles: all
-- As pg_stat_checkpointer and pg_stat_bgwriter have them.
SELECT
    pg_stat_get_checkpointer_num_timed() AS "checkpoints.timed/min",
    pg_stat_get_checkpointer_num_requested() AS "checkpoints.requested/min",
    pg_stat_get_checkpointer_restartpoints_timed() AS "restartpoints.timed/min",
    pg_stat_get_checkpointer_restartpoints_requested() AS "restartpoints.requested/min",
    pg_stat_get_checkpointer_restartpoints_performed() AS "restartpoints.done/min",
    pg_stat_get_checkpointer_write_time() AS "checkpoints.write_ms/s",
    pg_stat_get_checkpointer_sync_time() AS "checkpoints.sync_ms/s",
    pg_stat_get_checkpointer_buffers_written() AS "buffers.by_checkpoints/s",
    pg_stat_get_bgwriter_buf_written_clean() AS "buffers.by_writer/s",
    pg_stat_get_bgwriter_maxwritten_clean() AS "buffers.writer_stopped/min",
    pg_stat_get_buf_alloc() AS "buffers.allocated/s",
    greatest(pg_stat_get_checkpointer_stat_reset_time(), pg_stat_get_bgwriter_stat_reset_time()) AS reset_at
