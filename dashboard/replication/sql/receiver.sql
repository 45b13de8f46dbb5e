SELECT
    status,
    coalesce(sender_host, '') AS sender_host,
    coalesce(sender_port, 0) AS sender_port,
    coalesce(slot_name, '') AS slot,
    last_msg_receipt_time AS heard_at
FROM pg_stat_wal_receiver
