-- tier: 10s, versions: 18-, roles: all
-- Since 18 writes and syncs of WAL are counted with all other I/O (see io_18.sql).
SELECT
    wal_records AS "wal.records/s",
    wal_fpi AS "wal.full_pages/s",
    wal_bytes AS "wal.bytes/s",
    wal_buffers_full AS "wal.buffers_full/s",
    stats_reset AS reset_at
FROM pg_stat_get_wal()
