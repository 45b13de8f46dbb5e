-- Every process once. The function, not the view: the view's joins take longer to plan than to run.
SELECT
    s.pid,
    coalesce(pg_get_userbyid(s.usesysid)::text, '') AS role,
    coalesce(s.application_name, '') AS application,
    coalesce((SELECT d.datname::text FROM pg_database AS d WHERE d.oid = s.datid), '') AS database,
    coalesce(host(s.client_addr), 'this machine') AS client,
    s.backend_type AS type,
    coalesce(s.state, 'unknown') AS state,
    coalesce(s.wait_event_type, '') AS wait_kind,
    coalesce(s.wait_event, '') AS wait_event,
    CASE WHEN s.wait_event_type = 'Lock' THEN pg_blocking_pids(s.pid) ELSE '{}' END AS blocked_by,
    extract(epoch FROM clock_timestamp() - s.backend_start)::float8 AS connected_seconds,
    extract(epoch FROM clock_timestamp() - s.xact_start)::float8 AS transaction_seconds,
    extract(epoch FROM clock_timestamp() - s.query_start)::float8 AS query_seconds,
    extract(epoch FROM clock_timestamp() - s.state_change)::float8 AS state_seconds,
    greatest(age(s.backend_xmin), age(s.backend_xid))::bigint AS xid_age,
    coalesce(left(s.query, CASE s.state WHEN 'idle' THEN 200 ELSE 1000 END), '') AS query,
    s.backend_start AS started_at
FROM pg_stat_get_activity(NULL) AS s
WHERE s.pid <> pg_backend_pid()
