-- Connections over the network by whether they are encrypted; those on the machine itself cannot be tapped.
SELECT
    count(*)::int AS total,
    count(*) FILTER (WHERE s.ssl)::int AS encrypted,
    count(*) FILTER (
        WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND NOT a.client_addr <<= '127.0.0.0/8' AND a.client_addr <> '::1'
    )::int AS open,
    count(*) FILTER (
        WHERE NOT s.ssl AND (a.client_addr IS NULL OR a.client_addr <<= '127.0.0.0/8' OR a.client_addr = '::1')
    )::int AS here,
    array_remove(array_agg(DISTINCT s.version), NULL) AS versions,
    array_remove(array_agg(DISTINCT CASE
        WHEN NOT s.ssl AND a.client_addr IS NOT NULL AND NOT a.client_addr <<= '127.0.0.0/8' AND a.client_addr <> '::1'
        THEN concat_ws(' ', a.usename, a.application_name, 'from', host(a.client_addr))
    END), NULL) AS open_by
FROM pg_stat_ssl AS s
JOIN pg_stat_activity AS a ON a.pid = s.pid
WHERE a.backend_type IN ('client backend', 'walsender') AND a.pid <> pg_backend_pid()
