-- What is worth measuring: the rest cannot waste much.
(SELECT c.oid::bigint AS id, n.nspname::text AS schema, c.relname::text AS name, false AS is_index,
    c.relpages::bigint * current_setting('block_size')::int AS bytes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND c.relpages::bigint * current_setting('block_size')::int >= %(least)s
ORDER BY c.relpages DESC LIMIT %(most)s)
UNION ALL
(SELECT c.oid::bigint, n.nspname::text, c.relname::text, true,
    c.relpages::bigint * current_setting('block_size')::int
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_am AS a ON a.oid = c.relam AND a.amname = 'btree'
WHERE c.relkind = 'i' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND c.relpages::bigint * current_setting('block_size')::int BETWEEN %(least)s AND %(largest)s
ORDER BY c.relpages DESC LIMIT %(most)s)
