SELECT
    pg_is_in_recovery() AS in_recovery,
    (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::bigint AS held,
    pg_last_xact_replay_timestamp() AS commit_at
