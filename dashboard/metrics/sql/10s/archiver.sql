-- tier: 10s, versions: 14-, roles: all
-- The server's own view of its archiving; the backup repository has the last word.
SELECT
    archived_count AS "archiver.archived/min",
    failed_count AS "archiver.failed/min",
    extract(epoch FROM clock_timestamp() - last_archived_time) AS "archiver.last_archived_age",
    (coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false))::int AS "archiver.failing",
    stats_reset AS reset_at
FROM pg_stat_get_archiver()
