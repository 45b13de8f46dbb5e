-- Some at a time, each in a transaction of its own: reading a sequence locks it to the end, and 15,000 locks
-- are more than the lock table holds.
SELECT
    s.seqrelid::bigint AS id,
    n.nspname::text AS schema,
    c.relname::text AS name,
    coalesce(t.relname || '.' || a.attname, '') AS owner,
    has_sequence_privilege(s.seqrelid, 'SELECT, USAGE') AS readable,
    CASE
        WHEN has_sequence_privilege(s.seqrelid, 'SELECT, USAGE') THEN pg_sequence_last_value(s.seqrelid)
    END AS last_value,
    least(
        s.seqmax,
        CASE a.atttypid
            WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807
        END
    ) AS most
FROM pg_sequence AS s
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_depend AS d
    ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_class AS t ON t.oid = d.refobjid
WHERE s.seqrelid > %(after)s::oid AND NOT s.seqcycle AND s.seqincrement > 0
ORDER BY s.seqrelid
LIMIT %(most)s
