-- A crash and a promotion throw all counters away without a trace in pg_stat_database.
SELECT
    greatest(
        (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
        (SELECT stats_reset FROM pg_stat_bgwriter)
    ) AS since_at,
    current_setting('block_size')::int AS block,
    pg_is_in_recovery() AS in_recovery
