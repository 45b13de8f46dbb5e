-- What grows with the number of tenants, and the settings that bound it.
SELECT (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(tenant|spare|template)_') AS schemas,
       (SELECT count(*) FROM pg_class) AS relations,
       (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'i', 'I', 'S', 'v', 'm')) AS dump_locks,
       (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r') AS catalog_bytes,
       (SELECT coalesce(max(things), 0) FROM (
            SELECT sum(number) AS things FROM (
                SELECT relnamespace AS schema_id, count(*) AS number FROM pg_class GROUP BY 1
                UNION ALL SELECT typnamespace, count(*) FROM pg_type GROUP BY 1
                UNION ALL SELECT connamespace, count(*) FROM pg_constraint GROUP BY 1
                UNION ALL SELECT pronamespace, count(*) FROM pg_proc GROUP BY 1
            ) AS kinds JOIN pg_namespace AS n ON n.oid = schema_id
            WHERE n.nspname ~ '^(tenant|spare|template)_' GROUP BY schema_id
        ) AS schemas)::bigint AS drop_locks,
       current_setting('max_locks_per_transaction')::bigint AS max_locks,
       current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint AS sessions
