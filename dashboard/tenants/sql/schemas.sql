-- The schema check: every schema that is or should be a tenant's, with its size from the planner's page counts.
-- What the time machine puts beside one is on its own page.
SELECT coalesce(t.slug, '') AS slug,
       coalesce(n.nspname, t.schema_name) AS schema_name,
       t.slug IS NOT NULL AS is_registered,
       n.oid IS NOT NULL AS has_schema,
       r.oid IS NOT NULL AS has_role,
       coalesce(pg_get_userbyid(n.nspowner), '') AS owner,
       count(c.oid) FILTER (WHERE c.relkind IN ('r', 'p')) AS tables,
       coalesce(sum(c.relpages::bigint) * current_setting('block_size')::bigint, 0)::bigint AS bytes,
       coalesce(sum(greatest(s.n_live_tup, 0)), 0)::bigint AS rows,
       max(greatest(s.last_autovacuum, s.last_autoanalyze, s.last_analyze)) AS analyzed_at
FROM public.tenant AS t
FULL JOIN (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname LIKE 'tenant\_%'
           AND nspname !~ '__(then|aside)_[0-9]+$') AS n
    ON n.nspname = t.schema_name
LEFT JOIN pg_roles AS r ON r.rolname = t.role_name
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'i', 't', 'm')
LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
GROUP BY t.slug, t.schema_name, n.nspname, n.oid, n.nspowner, r.oid
ORDER BY 2
