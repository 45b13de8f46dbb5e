-- What was applied, when, by whom and how long it took: one line for each revision that schemas were moved to.
SELECT coalesce(r.to_revision, '') AS revision, count(DISTINCT r.tenant_id)::int AS tenants,
    min(r.applied_at) AS first_at, max(r.applied_at) AS last_at,
    (percentile_cont(0.5) WITHIN GROUP (ORDER BY r.duration_ms))::float AS median_ms, max(r.duration_ms)::float AS longest_ms,
    (array_agg(DISTINCT r.applied_by))[:5] AS actors
FROM public.tenant_revision AS r
GROUP BY r.to_revision ORDER BY max(r.id) DESC LIMIT 50
