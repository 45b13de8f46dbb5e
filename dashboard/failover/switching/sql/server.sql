SELECT
    own.in_recovery,
    -- Right after a promotion pg_control still tells the old timeline; the file being written tells the new one.
    CASE
        WHEN NOT own.in_recovery
        THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
        ELSE coalesce(
            (SELECT received_tli FROM pg_stat_wal_receiver),
            (SELECT timeline_id FROM pg_control_checkpoint())
        )
    END AS timeline,
    CASE
        WHEN own.in_recovery
        THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn
        ELSE pg_current_wal_flush_lsn() - '0/0'::pg_lsn
    END::bigint AS position,
    (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS replayed,
    CASE WHEN own.in_recovery THEN pg_is_wal_replay_paused() ELSE false END AS paused,
    current_setting('synchronous_standby_names') AS synchronous_names,
    (SELECT count(*) FROM pg_stat_progress_basebackup)::int AS base_backups
FROM (SELECT pg_is_in_recovery() AS in_recovery) AS own
