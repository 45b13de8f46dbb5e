-- Spares a tenant may take: at this release's head, of the blueprint's definitions, whole, and in nobody's hands.
SELECT h.schema_name, replace(h.schema_name, 'spare_', 'tenant_role_') AS role_name FROM public.schema_head AS h
JOIN public.tenant_blueprint AS b ON b.revision = h.revision AND b.fingerprint = h.fingerprint
WHERE h.kind = 'spare' AND b.revision = :revision AND b.code_hash = :code
    AND to_regnamespace(h.schema_name) IS NOT NULL AND to_regrole(replace(h.schema_name, 'spare_', 'tenant_role_')) IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM public.fleet_task AS t WHERE t.schema_name = h.schema_name AND t.status IN ('pending', 'running'))
ORDER BY h.schema_name
