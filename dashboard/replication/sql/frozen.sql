-- Commits that wait for a synchronous standby hold no visible lock.
SELECT
    count(*)::int AS commits,
    extract(epoch FROM clock_timestamp() - min(query_start))::float8 AS seconds
FROM pg_stat_activity
WHERE wait_event = 'SyncRep'
