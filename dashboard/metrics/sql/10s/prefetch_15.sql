-- tier: 10s, versions: 15-, roles: standby
SELECT
    prefetch AS "prefetch.started/s",
    hit AS "prefetch.hit/s",
    skip_init AS "prefetch.skipped_new/s",
    skip_fpw AS "prefetch.skipped_full_page/s",
    wal_distance AS "prefetch.wal_distance",
    block_distance AS "prefetch.block_distance",
    io_depth AS "prefetch.io_depth",
    stats_reset AS reset_at
FROM pg_stat_recovery_prefetch
