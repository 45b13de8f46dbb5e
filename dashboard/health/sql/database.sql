-- Counters since stats_reset; a rate is the difference of two readings. By functions: the view has every database.
SELECT
    pg_stat_get_db_xact_commit(d.oid) AS commits,
    pg_stat_get_db_xact_rollback(d.oid) AS rollbacks,
    pg_stat_get_db_blocks_hit(d.oid) AS blocks_hit,
    pg_stat_get_db_blocks_fetched(d.oid) - pg_stat_get_db_blocks_hit(d.oid) AS blocks_read,
    pg_stat_get_db_deadlocks(d.oid) AS deadlocks,
    pg_stat_get_db_temp_files(d.oid) AS temp_files,
    pg_stat_get_db_temp_bytes(d.oid) AS temp_bytes,
    pg_stat_get_db_conflict_all(d.oid) AS conflicts,
    pg_stat_get_db_checksum_failures(d.oid) AS checksum_failures,
    pg_stat_get_db_stat_reset_time(d.oid) AS reset_at
FROM pg_database AS d
WHERE d.datname = current_database()
