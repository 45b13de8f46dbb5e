SELECT
    a.archived_count::bigint AS archived,
    a.last_archived_wal,
    a.last_archived_time AS last_archived_at,
    a.failed_count::bigint AS failed,
    a.last_failed_wal,
    a.last_failed_time AS last_failed_at,
    current_setting('archive_mode') AS mode,
    (SELECT count(*)::int FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS waiting_files,
    (SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()) AS wal_bytes
FROM pg_stat_archiver AS a
