SELECT f.path, coalesce((pg_stat_file(f.path)).size, 0)::bigint AS size
FROM (SELECT pg_current_logfile() AS path) AS f
WHERE f.path IS NOT NULL
