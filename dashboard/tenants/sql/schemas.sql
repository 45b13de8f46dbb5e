-- The schema check: every schema that is or should be a tenant's. Archived tenants have none, and should not.
-- What the time machine puts beside one is on its own page.
SELECT coalesce(t.slug, '') AS slug,
       coalesce(n.nspname, t.schema_name) AS schema,
       coalesce(t.status, '') AS status,
       t.slug IS NOT NULL AS is_registered,
       n.oid IS NOT NULL AS has_schema,
       r.oid IS NOT NULL AS has_role,
       coalesce(pg_get_userbyid(n.nspowner), '') AS owner,
       count(c.oid) AS tables
FROM public.tenant AS t
FULL JOIN (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname LIKE 'tenant\_%'
           AND nspname !~ '__(then|aside)_[0-9]+$') AS n
    ON n.nspname = t.schema_name
LEFT JOIN pg_roles AS r ON r.rolname = t.role_name
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
GROUP BY t.slug, t.schema_name, t.status, n.nspname, n.oid, n.nspowner, r.oid
ORDER BY 2
