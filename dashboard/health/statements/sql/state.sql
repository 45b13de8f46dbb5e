-- Since when is counted, and whether anything was lost on the way.
SELECT
    clock_timestamp() AS taken_at,
    pg_postmaster_start_time() AS started_at,
    i.stats_reset AS since_at,
    i.dealloc::bigint AS forgotten,
    current_setting('pg_stat_statements.max')::int AS capacity
FROM {schema}.pg_stat_statements_info AS i
