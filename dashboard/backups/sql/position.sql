-- The clock first: all that was committed before it lies at or before the position.
SELECT
    clock_timestamp() AS clock_at,
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS position,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_to_finish
