SELECT
    clock_timestamp() AS clock_at,
    pg_is_in_recovery() AS in_recovery,
    current_setting('server_version') AS version,
    CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS paused,
    (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint AS received_position,
    (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS replayed_position,
    pg_last_xact_replay_timestamp() AS last_transaction_at
