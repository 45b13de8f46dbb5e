-- tier: 15min, versions: 14-, roles: all
-- The counters of all tables and indexes added up in one pass; the views join them first, which takes twice as long.
SELECT
    sum(pg_stat_get_numscans(oid)) FILTER (WHERE relkind <> 'i') AS "scans.sequential/s",
    sum(pg_stat_get_tuples_returned(oid)) FILTER (WHERE relkind <> 'i') AS "scans.sequential_rows/s",
    sum(pg_stat_get_numscans(oid)) FILTER (WHERE relkind = 'i') AS "scans.index/s",
    sum(pg_stat_get_tuples_hot_updated(oid)) FILTER (WHERE relkind <> 'i') AS "rows.hot_updated/s",
    sum(pg_stat_get_live_tuples(oid)) FILTER (WHERE relkind <> 'i') AS "rows.live",
    sum(pg_stat_get_dead_tuples(oid)) FILTER (WHERE relkind <> 'i') AS "rows.dead",
    sum(pg_stat_get_vacuum_count(oid)) FILTER (WHERE relkind <> 'i') AS "maintenance.vacuumed/min",
    sum(pg_stat_get_autovacuum_count(oid)) FILTER (WHERE relkind <> 'i') AS "maintenance.autovacuumed/min",
    sum(pg_stat_get_analyze_count(oid) + pg_stat_get_autoanalyze_count(oid)) FILTER (WHERE relkind <> 'i')
        AS "maintenance.analyzed/min",
    sum(pg_stat_get_blocks_hit(oid)) FILTER (WHERE relkind = 'i') AS "index_blocks.hit/s",
    sum(pg_stat_get_blocks_fetched(oid) - pg_stat_get_blocks_hit(oid)) FILTER (WHERE relkind = 'i')
        AS "index_blocks.read/s",
    sum(pg_stat_get_blocks_hit(oid)) FILTER (WHERE relkind IN ('r', 'm')) AS "heap_blocks.hit/s",
    sum(pg_stat_get_blocks_fetched(oid) - pg_stat_get_blocks_hit(oid)) FILTER (WHERE relkind IN ('r', 'm'))
        AS "heap_blocks.read/s",
    sum(pg_stat_get_blocks_hit(oid)) FILTER (WHERE relkind = 't') AS "toast_blocks.hit/s",
    sum(pg_stat_get_blocks_fetched(oid) - pg_stat_get_blocks_hit(oid)) FILTER (WHERE relkind = 't')
        AS "toast_blocks.read/s",
    (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS reset_at
FROM pg_class
WHERE relkind IN ('r', 't', 'm', 'i')
