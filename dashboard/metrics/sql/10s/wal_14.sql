-- tier: 10s, versions: 14-17, roles: all
SELECT
    wal_records AS "wal.records/s",
    wal_fpi AS "wal.full_pages/s",
    wal_bytes AS "wal.bytes/s",
    wal_buffers_full AS "wal.buffers_full/s",
    wal_write AS "wal.writes/s",
    wal_sync AS "wal.syncs/s",
    wal_write_time AS "wal.write_ms/s",
    wal_sync_time AS "wal.sync_ms/s",
    stats_reset AS reset_at
FROM pg_stat_get_wal()
