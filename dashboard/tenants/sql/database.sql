-- What grows with the number of tenants, and the settings that bound it.
WITH things AS MATERIALIZED (
    SELECT relnamespace AS schema_id, count(*) AS number FROM pg_class GROUP BY 1
    UNION ALL SELECT typnamespace, count(*) FROM pg_type GROUP BY 1
    UNION ALL SELECT connamespace, count(*) FROM pg_constraint GROUP BY 1
    UNION ALL SELECT pronamespace, count(*) FROM pg_proc GROUP BY 1
),
schemas AS MATERIALIZED (SELECT oid FROM pg_namespace WHERE nspname ~ '^(tenant|spare|template)_')
SELECT (SELECT count(*) FROM schemas) AS schemas,
       (SELECT count(*) FROM pg_class) AS relations,
       (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'i', 'I', 'S', 'v', 'm')) AS dump_locks,
       (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r') AS catalog_bytes,
       (SELECT coalesce(max(sums.total), 0) FROM (
            SELECT sum(number) AS total FROM things JOIN schemas ON schemas.oid = schema_id GROUP BY schema_id
        ) AS sums)::bigint AS drop_locks,
       current_setting('max_locks_per_transaction')::bigint AS max_locks,
       current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint AS sessions
