-- Who streams from this server, by the name it gives itself.
SELECT
    r.application_name AS name,
    coalesce(host(r.client_addr), '') AS address,
    coalesce(r.sync_state, '') AS sync_state,
    coalesce(s.slot_name::text, '') AS slot,
    r.application_name IN ('barman_receive_wal', 'pg_receivewal') AS is_receiver
FROM pg_stat_replication AS r
LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid
WHERE r.state IN ('streaming', 'catchup')
ORDER BY r.application_name, r.pid
