-- One entry per role and schema would show the same query once per tenant: group by its normalised text.
SELECT
    left(query, 1000) AS query,
    sum(calls)::bigint AS calls,
    sum(total_exec_time)::float8 AS total_ms,
    (sum(total_exec_time) / nullif(sum(calls), 0))::float8 AS mean_ms,
    max(max_exec_time)::float8 AS max_ms,
    sum(rows)::bigint AS rows,
    count(*)::int AS entries
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY 1
HAVING sum(calls) > 0
ORDER BY total_ms DESC
LIMIT 50
