SELECT
    p.gid,
    pg_get_userbyid(p.ownerid)::text AS owner,
    coalesce((SELECT d.datname::text FROM pg_database AS d WHERE d.oid = p.dbid), '') AS database,
    extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS seconds,
    age(p.transaction)::bigint AS xid_age
FROM pg_prepared_xact() AS p
ORDER BY p.prepared
LIMIT 50
