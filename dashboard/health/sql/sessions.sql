-- Client sessions by state; without a state the role may not see it.
SELECT coalesce(state, 'unknown') AS state, count(*)::int AS sessions
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
GROUP BY 1
ORDER BY 1
