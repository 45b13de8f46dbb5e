SELECT
    t.slug::text AS tenant, r.from_revision, r.to_revision, r.applied_at, r.applied_by, r.duration_ms
FROM public.tenant_revision AS r
JOIN public.tenant AS t ON t.id = r.tenant_id
ORDER BY r.id DESC
LIMIT 30
