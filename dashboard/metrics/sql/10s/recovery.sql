-- tier: 10s, versions: 14-, roles: standby
-- What a standby says of itself. Received and replayed WAL are counters, so that a paused one shows as 0 per second.
SELECT
    (coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn) AS "recovery.received_bytes/s",
    (pg_last_wal_replay_lsn() - '0/0'::pg_lsn) AS "recovery.replayed_bytes/s",
    (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn()) AS "recovery.unreplayed_bytes",
    (pg_get_wal_replay_pause_state() <> 'not paused')::int AS "recovery.paused",
    (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming') AS "recovery.receiving",
    c.confl_tablespace AS "conflicts.tablespace/min",
    c.confl_lock AS "conflicts.lock/min",
    c.confl_snapshot AS "conflicts.snapshot/min",
    c.confl_bufferpin AS "conflicts.buffer_pin/min",
    c.confl_deadlock AS "conflicts.deadlock/min",
    (SELECT count(*) FROM pg_get_replication_slots()) AS "slots.on_standby",
    (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS reset_at
FROM pg_stat_database_conflicts AS c
WHERE c.datname = current_database()
