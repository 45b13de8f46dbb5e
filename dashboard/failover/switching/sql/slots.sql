SELECT slot_name AS name, active
FROM pg_replication_slots
WHERE slot_type = 'physical' AND NOT temporary
