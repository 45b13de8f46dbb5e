-- tier: 1min, versions: 14-, roles: all
-- How old the oldest transaction and multixact of any database are; at two billion the server stops.
SELECT
    max(age(datfrozenxid)) AS "xid.age",
    max(mxid_age(datminmxid)) AS "xid.multixact_age",
    count(*) AS "database.count",
    (SELECT count(*) FROM pg_prepared_xacts) AS "transactions.prepared",
    (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(prepared)), 0) FROM pg_prepared_xacts)
        AS "age.prepared"
FROM pg_database
