-- The texts of queries not seen before; one of the entries that share a query speaks for all.
SELECT DISTINCT ON (s.queryid) s.queryid, left(s.query, %(longest)s) AS text, length(s.query) AS length
FROM {schema}.pg_stat_statements(true) AS s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND s.queryid = ANY(%(ids)s)
    AND s.query IS NOT NULL
