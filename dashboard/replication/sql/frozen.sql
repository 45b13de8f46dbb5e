-- Commits that wait for a synchronous standby hold no visible lock.
SELECT
    count(*)::int AS commits,
    extract(epoch FROM clock_timestamp() - min(query_start))::float8 AS seconds,
    min(query_start) AS since_at
FROM pg_stat_activity
WHERE wait_event = 'SyncRep'
