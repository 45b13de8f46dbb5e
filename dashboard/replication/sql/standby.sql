-- The timeline is the one it receives, else that of its last (re)start point.
SELECT
    clock_timestamp() AS clock_at,
    pg_is_in_recovery() AS in_recovery,
    current_setting('server_version') AS version,
    CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS paused,
    (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint AS received_position,
    (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS replayed_position,
    pg_last_xact_replay_timestamp() AS last_transaction_at,
    coalesce(
        (SELECT received_tli FROM pg_stat_wal_receiver),
        (SELECT timeline_id FROM pg_control_checkpoint())
    ) AS timeline,
    current_setting('primary_slot_name') AS slot_name,
    extract(epoch FROM current_setting('wal_receiver_status_interval')::interval)::float8 AS status_seconds
