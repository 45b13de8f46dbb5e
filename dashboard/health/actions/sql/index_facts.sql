-- An index, what depends on it, and how often this server read it since its statistics were reset.
SELECT
    pg_get_indexdef(i.indexrelid),
    t.relname,
    i.indisunique,
    EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid),
    i.indisreplident,
    i.indisvalid,
    c.relkind = 'I' OR c.relispartition,
    coalesce(s.idx_scan, 0),
    (SELECT d.stats_reset FROM pg_stat_database AS d WHERE d.datname = current_database())
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_class AS t ON t.oid = i.indrelid
LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = i.indexrelid
WHERE i.indexrelid = to_regclass(%(index)s)
