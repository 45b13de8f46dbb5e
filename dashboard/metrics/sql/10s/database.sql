-- tier: 10s, versions: 14-, roles: all
-- The counters of this database, as pg_stat_database has them. Times are in milliseconds.
SELECT
    pg_stat_get_db_numbackends(oid) AS "database.sessions",
    pg_stat_get_db_xact_commit(oid) AS "transactions.commits/s",
    pg_stat_get_db_xact_rollback(oid) AS "transactions.rollbacks/s",
    pg_stat_get_db_blocks_hit(oid) AS "blocks.hit/s",
    pg_stat_get_db_blocks_fetched(oid) - pg_stat_get_db_blocks_hit(oid) AS "blocks.read/s",
    pg_stat_get_db_blk_read_time(oid) AS "blocks.read_ms/s",
    pg_stat_get_db_blk_write_time(oid) AS "blocks.write_ms/s",
    pg_stat_get_db_tuples_returned(oid) AS "rows.scanned/s",
    pg_stat_get_db_tuples_fetched(oid) AS "rows.fetched/s",
    pg_stat_get_db_tuples_inserted(oid) AS "rows.inserted/s",
    pg_stat_get_db_tuples_updated(oid) AS "rows.updated/s",
    pg_stat_get_db_tuples_deleted(oid) AS "rows.deleted/s",
    pg_stat_get_db_temp_files(oid) AS "temp.files/min",
    pg_stat_get_db_temp_bytes(oid) AS "temp.bytes/s",
    pg_stat_get_db_deadlocks(oid) AS "transactions.deadlocks/min",
    pg_stat_get_db_conflict_all(oid) AS "conflicts.all/min",
    pg_stat_get_db_checksum_failures(oid) AS "database.checksum_failures/min",
    pg_stat_get_db_sessions(oid) AS "logins.opened/min",
    pg_stat_get_db_sessions_abandoned(oid) AS "logins.abandoned/min",
    pg_stat_get_db_sessions_fatal(oid) AS "logins.fatal/min",
    pg_stat_get_db_sessions_killed(oid) AS "logins.killed/min",
    pg_stat_get_db_session_time(oid) AS "time.session_ms/s",
    pg_stat_get_db_active_time(oid) AS "time.active_ms/s",
    pg_stat_get_db_idle_in_transaction_time(oid) AS "time.idle_in_transaction_ms/s",
    pg_stat_get_db_stat_reset_time(oid) AS reset_at
FROM pg_database
WHERE datname = current_database()
