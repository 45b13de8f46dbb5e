-- Slots that keep row versions for their reader, or the catalogue's for logical decoding.
SELECT
    'replication slot' AS kind,
    active_pid AS pid,
    slot_name::text AS name,
    CASE WHEN active THEN 'in use' ELSE 'not in use' END AS detail,
    greatest(age(xmin), age(catalog_xmin))::bigint AS xid_age,
    NULL::float8 AS seconds
FROM pg_get_replication_slots()
WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
