-- Every entry's counters without the texts, which lie in a file: cheap enough for every minute.
SELECT
    pg_get_userbyid(s.userid)::text AS role,
    s.queryid,
    s.toplevel,
    s.calls,
    s.total_exec_time AS total_ms,
    s.max_exec_time AS max_ms,
    s.rows,
    s.shared_blks_hit AS hits,
    s.shared_blks_read AS reads,
    s.temp_blks_read + s.temp_blks_written AS temp_blocks,
    s.wal_bytes::bigint AS wal_bytes,
    0::float8 AS since
FROM {schema}.pg_stat_statements(false) AS s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.queryid IS NOT NULL
