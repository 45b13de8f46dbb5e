-- tier: 15min, versions: 14-, roles: all
-- Size as the planner knows it: pg_total_relation_size of 15,000 tables takes two seconds.
SELECT
    pg_database_size(current_database()) AS "size.database",
    coalesce(sum(relpages) FILTER (WHERE relkind IN ('r', 'm')), 0) * current_setting('block_size')::bigint AS "size.tables",
    coalesce(sum(relpages) FILTER (WHERE relkind = 'i'), 0) * current_setting('block_size')::bigint AS "size.indexes",
    coalesce(sum(relpages) FILTER (WHERE relkind = 't'), 0) * current_setting('block_size')::bigint AS "size.toast",
    count(*) FILTER (WHERE relkind = 'r') AS "objects.tables",
    count(*) FILTER (WHERE relkind = 'i') AS "objects.indexes",
    count(*) FILTER (WHERE relkind = 'S') AS "objects.sequences",
    coalesce(sum(reltuples) FILTER (WHERE relkind IN ('r', 'm') AND reltuples > 0), 0) AS "rows.estimated"
FROM pg_class
