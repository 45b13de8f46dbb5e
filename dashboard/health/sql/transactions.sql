-- Open transactions, oldest first. Idle ones hold back vacuum as much as busy ones.
SELECT
    pid,
    coalesce(usename, '')::text AS role,
    coalesce(application_name, '') AS application,
    coalesce(state, 'unknown') AS state,
    extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction_seconds,
    extract(epoch FROM clock_timestamp() - state_change)::float8 AS state_seconds,
    left(query, 300) AS query
FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
ORDER BY xact_start
LIMIT 20
