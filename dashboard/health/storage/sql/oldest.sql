SELECT
    n.nspname::text AS schema,
    coalesce(o.relname, c.relname)::text AS name,
    c.relkind = 't' AS is_toast,
    age(c.relfrozenxid)::bigint AS xid_age,
    c.relpages::bigint * current_setting('block_size')::int AS bytes
FROM pg_class AS c
LEFT JOIN pg_class AS o ON c.relkind = 't' AND o.reltoastrelid = c.oid
JOIN pg_namespace AS n ON n.oid = coalesce(o.relnamespace, c.relnamespace)
WHERE c.relkind IN ('r', 'm', 't')
ORDER BY age(c.relfrozenxid) DESC, c.relpages DESC
LIMIT 10
