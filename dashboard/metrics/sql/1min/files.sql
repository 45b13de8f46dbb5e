-- tier: 1min, versions: 14-, roles: all
-- WAL on disk, and WAL that waits for the archiver.
SELECT
    count(*) AS "wal.files",
    coalesce(sum(size), 0) AS "wal.directory_bytes",
    (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS "archiver.waiting"
FROM pg_ls_waldir()
