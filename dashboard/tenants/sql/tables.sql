-- Every table of some schemas with its size on disk (indexes and TOAST included) and its living rows, estimated.
SELECT n.nspname, c.relname, ({size})::bigint AS bytes, pg_stat_get_live_tuples(c.oid) AS rows
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (:schemas) AND c.relkind IN ('r', 'p', 'm')
ORDER BY 1, 2
