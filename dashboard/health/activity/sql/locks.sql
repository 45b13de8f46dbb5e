-- Everybody in a queue for a lock or at the head of one. Run only while somebody waits: reading all locks
-- holds up those who take them.
WITH locks AS MATERIALIZED (
    SELECT * FROM pg_locks WHERE pid = ANY(%(pids)s)
)
SELECT
    p.pid,
    coalesce(a.usename, '')::text AS role,
    coalesce(a.application_name, '') AS application,
    coalesce(a.state, 'gone') AS state,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_seconds,
    extract(epoch FROM clock_timestamp() - coalesce(w.waitstart, a.query_start))::float8 AS seconds,
    coalesce(left(a.query, 1000), '') AS query,
    coalesce(w.locktype, '') AS kind,
    coalesce(w.mode, '') AS mode,
    coalesce(r.name, '') AS object,
    coalesce(r.schema, '') AS schema,
    a.backend_start AS started_at
FROM unnest(%(pids)s) AS p (pid)
LEFT JOIN pg_stat_activity AS a ON a.pid = p.pid
LEFT JOIN LATERAL (SELECT * FROM locks WHERE locks.pid = p.pid AND NOT granted LIMIT 1) AS w ON true
LEFT JOIN LATERAL (
    -- Who waits for a row waits for its transaction: the table is that of the row it has taken a place at.
    SELECT c.relname::text AS name, n.nspname::text AS schema
    FROM locks AS l
    JOIN pg_class AS c ON c.oid = l.relation
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE l.pid = p.pid AND l.relation IS NOT NULL AND n.nspname <> 'pg_catalog'
    ORDER BY NOT l.granted DESC, l.locktype = 'tuple' DESC, l.mode DESC
    LIMIT 1
) AS r ON true
