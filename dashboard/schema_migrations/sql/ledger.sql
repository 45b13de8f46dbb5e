-- The newest line of the ledger for each tenant.
SELECT
    t.slug::text, t.name::text, t.schema_name::text AS schema, t.status::text,
    r.to_revision AS ledger_revision, r.applied_at, r.applied_by, r.duration_ms
FROM public.tenant AS t
LEFT JOIN LATERAL (
    SELECT to_revision, applied_at, applied_by, duration_ms
    FROM public.tenant_revision WHERE tenant_id = t.id ORDER BY id DESC LIMIT 1
) AS r ON true
ORDER BY t.name, t.slug
