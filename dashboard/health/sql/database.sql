-- Counters since stats_reset; a rate is the difference of two readings.
SELECT
    xact_commit::bigint AS commits,
    xact_rollback::bigint AS rollbacks,
    blks_hit::bigint AS blocks_hit,
    blks_read::bigint AS blocks_read,
    deadlocks::bigint AS deadlocks,
    temp_bytes::bigint AS temp_bytes,
    checksum_failures::bigint AS checksum_failures,
    stats_reset AS reset_at
FROM pg_stat_database
WHERE datname = current_database()
