-- tier: 1min, versions: 14-, roles: all
-- How many clients come over TLS, as pg_stat_ssl has it.
SELECT
    count(*) FILTER (WHERE ssl) AS "tls.sessions",
    count(*) FILTER (WHERE NOT ssl AND client_addr IS NOT NULL) AS "tls.plain_sessions"
FROM pg_stat_get_activity(NULL)
WHERE backend_type IN ('client backend', 'walsender')
