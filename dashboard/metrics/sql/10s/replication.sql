-- tier: 10s, versions: 14-, roles: primary
-- What the primary knows of its standbys: the worst of each stage in bytes, and the WAL that slots keep.
-- The functions behind the views: a view costs every new connection ten times as much to plan.
SELECT
    (pg_current_wal_lsn() - '0/0'::pg_lsn) AS "wal.position_bytes/s",
    s.*,
    k.*
FROM (
    SELECT
        count(*) FILTER (WHERE state = 'streaming') AS "replication.streaming",
        count(*) FILTER (WHERE state <> 'streaming') AS "replication.catching_up",
        count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS "replication.synchronous",
        max(pg_current_wal_lsn() - sent_lsn) AS "replication.unsent_bytes",
        max(pg_current_wal_lsn() - flush_lsn) AS "replication.unflushed_bytes",
        max(pg_current_wal_lsn() - replay_lsn) AS "replication.unreplayed_bytes",
        extract(epoch FROM max(replay_lag)) AS "replication.replay_seconds"
    FROM pg_stat_get_wal_senders()
) AS s
CROSS JOIN (
    SELECT
        count(*) FILTER (WHERE active) AS "slots.active",
        count(*) FILTER (WHERE NOT active) AS "slots.inactive",
        max(pg_current_wal_lsn() - restart_lsn) AS "slots.kept_bytes"
    FROM pg_get_replication_slots()
) AS k
