-- Where each schema of the tenants' history stands by the ledger: tenants, spares and the template. An archived tenant has none.
-- A spare's role has the name it keeps for good.
SELECT h.schema_name, h.kind, coalesce(t.slug, ''), coalesce(t.name, h.schema_name), coalesce(t.status, h.kind),
    coalesce(t.role_name, replace(h.schema_name, 'spare_', 'tenant_role_')), h.revision, h.moved_at::text, h.fingerprint, h.fingerprinted_at::text
FROM public.schema_head AS h LEFT JOIN public.tenant AS t ON t.id = h.tenant_id
WHERE t.status IS DISTINCT FROM 'archived'
