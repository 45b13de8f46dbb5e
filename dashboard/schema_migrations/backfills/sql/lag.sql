SELECT application_name::text AS standby, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS bytes
FROM pg_stat_replication
WHERE state = 'streaming' AND replay_lsn IS NOT NULL
