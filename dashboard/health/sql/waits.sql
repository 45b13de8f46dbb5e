-- Sessions that wait for another one, with those in their way.
-- A commit frozen by an absent standby shows no lock, only the wait event SyncRep.
SELECT
    pid,
    coalesce(usename, '')::text AS role,
    coalesce(application_name, '') AS application,
    wait_event_type AS kind,
    wait_event AS event,
    pg_blocking_pids(pid) AS blocked_by,
    extract(epoch FROM clock_timestamp() - coalesce(query_start, state_change))::float8 AS seconds,
    left(query, 300) AS query
FROM pg_stat_activity
WHERE (wait_event_type = 'Lock' OR wait_event = 'SyncRep') AND pid <> pg_backend_pid()
ORDER BY query_start
LIMIT 50
