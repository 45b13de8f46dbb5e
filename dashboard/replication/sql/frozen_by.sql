-- Whose they are. A session does not show the role it took, but a commit that waits still holds its locks:
-- they name the schemas it wrote to.
WITH waiting AS MATERIALIZED (
    SELECT pid, usename, application_name, query_start
    FROM pg_stat_activity
    WHERE wait_event = 'SyncRep'
),
written AS MATERIALIZED (
    SELECT k.pid, string_agg(DISTINCT n.nspname, ', ' ORDER BY n.nspname) AS schemas
    FROM pg_locks AS k
    JOIN pg_class AS c ON c.oid = k.relation
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.locktype = 'relation'
        AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND k.mode <> 'AccessShareLock'
        AND k.pid IN (SELECT pid FROM waiting)
        AND n.nspname !~ '^(pg_|information_schema)'
    GROUP BY k.pid
)
SELECT
    coalesce(w.usename::text, '') AS login,
    w.application_name AS application,
    coalesce(s.schemas, '') AS schemas,
    count(*)::int AS commits,
    min(w.query_start) AS since_at
FROM waiting AS w
LEFT JOIN written AS s USING (pid)
GROUP BY 1, 2, 3
ORDER BY commits DESC, since_at
LIMIT 20
