-- tier: 10s, versions: 14-, roles: all
-- Who is connected, in which state, and what the busy ones wait for; the probes themselves do not count.
SELECT
    count(*) FILTER (WHERE client) AS "sessions.total",
    count(*) FILTER (WHERE client AND state = 'active') AS "sessions.active",
    count(*) FILTER (WHERE client AND state = 'idle') AS "sessions.idle",
    count(*) FILTER (WHERE client AND state LIKE 'idle in transaction%') AS "sessions.idle_in_transaction",
    count(*) FILTER (WHERE client AND (state IS NULL OR state IN ('disabled', 'fastpath function call')))
        AS "sessions.unknown",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type IS NULL) AS "waits.none",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type = 'Lock') AS "waits.lock",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type = 'LWLock') AS "waits.lwlock",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type = 'IO') AS "waits.io",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type = 'IPC' AND wait_event <> 'SyncRep')
        AS "waits.ipc",
    count(*) FILTER (WHERE client AND wait_event = 'SyncRep') AS "waits.synchronous_standby",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type IN ('Buffer', 'BufferPin'))
        AS "waits.buffer",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type = 'Client') AS "waits.client",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type = 'Timeout') AS "waits.timeout",
    count(*) FILTER (WHERE client AND state = 'active' AND wait_event_type IN ('Extension', 'InjectionPoint'))
        AS "waits.extension",
    count(*) FILTER (WHERE backend_type = 'autovacuum worker') AS "sessions.autovacuum",
    count(*) FILTER (WHERE backend_type = 'parallel worker') AS "sessions.parallel",
    count(*) FILTER (WHERE backend_type = 'walsender') AS "sessions.walsender",
    coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE client), 0)
        AS "age.transaction",
    coalesce(max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE client AND state = 'active'), 0)
        AS "age.query",
    coalesce(
        max(extract(epoch FROM clock_timestamp() - state_change))
            FILTER (WHERE client AND state LIKE 'idle in transaction%'),
        0
    ) AS "age.idle_in_transaction",
    coalesce(
        max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE client AND wait_event_type = 'Lock'), 0
    ) AS "age.lock_wait",
    coalesce(max(age(backend_xmin)), 0) AS "age.xmin",
    current_setting('max_connections')::int AS "sessions.limit"
FROM (
    SELECT *, backend_type = 'client backend' AS client
    FROM pg_stat_get_activity(NULL)
    WHERE application_name IS DISTINCT FROM 'steward_probe'
) AS a
