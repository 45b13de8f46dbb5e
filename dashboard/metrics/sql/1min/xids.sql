-- tier: 1min, versions: 14-, roles: primary
-- Transaction numbers used up: what wraparound counts.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric AS "xid.used/s"
