-- How far the one maintenance command of a process is, whichever of the three it is.
SELECT phase, heap_blks_scanned AS done, heap_blks_total AS total FROM pg_stat_progress_vacuum WHERE pid = %(pid)s
UNION ALL
SELECT phase, sample_blks_scanned, sample_blks_total FROM pg_stat_progress_analyze WHERE pid = %(pid)s
UNION ALL
SELECT
    phase || CASE WHEN current_locker_pid > 0 THEN ' (process ' || current_locker_pid || ')' ELSE '' END,
    CASE WHEN blocks_total > 0 THEN blocks_done ELSE lockers_done END,
    CASE WHEN blocks_total > 0 THEN blocks_total ELSE lockers_total END
FROM pg_stat_progress_create_index
WHERE pid = %(pid)s
