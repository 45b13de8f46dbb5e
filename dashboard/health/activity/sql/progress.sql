-- What PostgreSQL counts the steps of; a total of 0 is unknown.
SELECT
    p.kind,
    p.pid,
    coalesce(n.nspname || '.' || c.relname, '') AS relation,
    p.phase,
    p.done,
    p.total,
    p.unit,
    extract(epoch FROM clock_timestamp() - coalesce(a.query_start, a.xact_start, a.backend_start))::float8 AS seconds
FROM (
    SELECT
        'Vacuum' AS kind, pid, datid, relid, phase, heap_blks_scanned AS done, heap_blks_total AS total,
        'pages' AS unit
    FROM pg_stat_progress_vacuum
    UNION ALL
    SELECT 'Analyze', pid, datid, relid, phase, sample_blks_scanned, sample_blks_total, 'pages'
    FROM pg_stat_progress_analyze
    UNION ALL
    SELECT initcap(command), pid, datid, relid, phase, blocks_done, blocks_total, 'pages'
    FROM pg_stat_progress_create_index
    UNION ALL
    SELECT initcap(command), pid, datid, relid, phase, heap_blks_scanned, heap_blks_total, 'pages'
    FROM pg_stat_progress_cluster
    UNION ALL
    SELECT initcap(command), pid, datid, relid, lower(type), bytes_processed, bytes_total, 'bytes'
    FROM pg_stat_progress_copy
    UNION ALL
    SELECT 'Base backup', pid, NULL, NULL, phase, backup_streamed, coalesce(backup_total, 0), 'bytes'
    FROM pg_stat_progress_basebackup
) AS p
LEFT JOIN pg_stat_activity AS a ON a.pid = p.pid
LEFT JOIN pg_class AS c
    ON c.oid = p.relid AND p.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY seconds DESC NULLS LAST
LIMIT 30
