-- Transactions since the oldest row version that is not frozen; at 2 billion the server stops taking writes.
SELECT datname::text AS database, age(datfrozenxid)::bigint AS xid_age, mxid_age(datminmxid)::bigint AS multixact_age
FROM pg_database
ORDER BY 2 DESC
LIMIT 20
