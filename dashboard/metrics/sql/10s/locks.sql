-- tier: 10s, versions: 14-, roles: all
-- Locks held by mode, and those waited for; those of this connection do not count.
SELECT
    count(*) FILTER (WHERE mode = 'AccessShareLock' AND granted) AS "locks.access_share",
    count(*) FILTER (WHERE mode = 'RowShareLock' AND granted) AS "locks.row_share",
    count(*) FILTER (WHERE mode = 'RowExclusiveLock' AND granted) AS "locks.row_exclusive",
    count(*) FILTER (WHERE mode = 'ShareUpdateExclusiveLock' AND granted) AS "locks.share_update_exclusive",
    count(*) FILTER (WHERE mode = 'ShareLock' AND granted) AS "locks.share",
    count(*) FILTER (WHERE mode = 'ShareRowExclusiveLock' AND granted) AS "locks.share_row_exclusive",
    count(*) FILTER (WHERE mode = 'ExclusiveLock' AND granted) AS "locks.exclusive",
    count(*) FILTER (WHERE mode = 'AccessExclusiveLock' AND granted) AS "locks.access_exclusive",
    count(*) FILTER (WHERE mode = 'SIReadLock') AS "locks.siread",
    count(*) FILTER (WHERE NOT granted) AS "locks.waiting",
    count(*) FILTER (WHERE NOT granted AND locktype IN ('relation', 'extend', 'page')) AS "locks.waiting_relation",
    count(*) FILTER (WHERE NOT granted AND locktype IN ('transactionid', 'virtualxid', 'tuple', 'spectoken'))
        AS "locks.waiting_row",
    count(*) FILTER (WHERE NOT granted AND locktype = 'advisory') AS "locks.waiting_advisory",
    count(*) FILTER (WHERE fastpath) AS "locks.fastpath",
    count(*) AS "locks.all"
FROM pg_lock_status()
WHERE pid <> pg_backend_pid()
