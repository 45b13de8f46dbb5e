-- tier: 1min, versions: 14-, roles: all
-- Small caches of transaction states; misses of subtransactions or multixacts slow everybody down.
-- Added up in folding.py, which knows the names until 16 and since 17.
SELECT lower(name) AS name, blks_hit, blks_read, blks_written, flushes, stats_reset AS reset_at
FROM pg_stat_get_slru()
