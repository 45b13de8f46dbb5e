-- Every schema of the ledger that exists. Archived tenants have none.
SELECT h.schema_name, h.kind, h.revision, coalesce(size.pages, 0)
FROM public.schema_head AS h
JOIN pg_namespace AS n ON n.nspname = h.schema_name
LEFT JOIN (
    SELECT c.relnamespace, sum(c.relpages)::bigint AS pages FROM pg_class AS c GROUP BY 1
) AS size ON size.relnamespace = n.oid
WHERE %(all)s OR h.schema_name = ANY (%(schemas)s)
