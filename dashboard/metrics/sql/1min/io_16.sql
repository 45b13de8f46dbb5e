-- tier: 1min, versions: 16-17, roles: all
-- Rows are added up in folding.py. Times are measured only where track_io_timing is on.
SELECT
    backend_type, object, context, 'no' AS is_wal, reads, writes, hits, extends, evictions, fsyncs, writebacks,
    reads * op_bytes AS read_bytes, (coalesce(writes, 0) + coalesce(extends, 0)) * op_bytes AS written_bytes,
    read_time, write_time, extend_time, fsync_time, stats_reset AS reset_at
FROM pg_stat_get_io()
