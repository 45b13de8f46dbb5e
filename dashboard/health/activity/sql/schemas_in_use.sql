-- Whose work a transaction does: SET ROLE is not to be seen from outside, the tables it has locked are.
SELECT l.pid, array_agg(DISTINCT n.nspname::text) AS schemas
FROM pg_locks AS l
JOIN pg_class AS c ON c.oid = l.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.pid = ANY(%(pids)s)
    AND l.locktype = 'relation'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'public')
GROUP BY 1
