-- tier: 1min, versions: 18-, roles: all
-- Rows are added up in folding.py. Times are measured only where track_io_timing or track_wal_io_timing is on.
SELECT
    backend_type, object, context, CASE object WHEN 'wal' THEN 'yes' ELSE 'no' END AS is_wal,
    reads, writes, hits, extends, evictions, fsyncs, writebacks,
    read_bytes, coalesce(write_bytes, 0) + coalesce(extend_bytes, 0) AS written_bytes,
    read_time, write_time, extend_time, fsync_time, stats_reset AS reset_at
FROM pg_stat_get_io()
