-- Where each tenant stands by the ledger, with the newest line about how it got there.
SELECT
    t.slug::text, t.name::text, t.schema_name::text AS schema, t.status::text,
    h.revision AS ledger_revision, r.applied_at, r.applied_by, r.duration_ms
FROM public.tenant AS t
LEFT JOIN public.schema_head AS h ON h.tenant_id = t.id
LEFT JOIN (
    SELECT DISTINCT ON (tenant_id) tenant_id, applied_at, applied_by, duration_ms
    FROM public.tenant_revision ORDER BY tenant_id, id DESC
) AS r ON r.tenant_id = t.id
ORDER BY t.name, t.slug
