-- dealloc grows when pg_stat_statements.max is too small for what runs here.
SELECT dealloc::bigint AS forgotten, stats_reset AS since_at FROM {schema}.pg_stat_statements_info
