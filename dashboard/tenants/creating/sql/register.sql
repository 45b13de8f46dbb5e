-- Registers a tenant with its primary domain under a name nobody has, neither a schema nor a role nor, by its unique keys, a tenant
-- (an archived one comes back under its own): no row, and the caller wishes for another. Who asks for a slug at the same time waits
-- here for the first, and gets no row then; nor does who asks for a slug that still leads to the tenant that had it. Without
-- `domain_id` the host is taken.
-- A spare becomes the tenant's with its role, in ledger and history too; all that is left to do is to rename it. No two callers get
-- the same one, and none waits for the other. One statement: a new connection reads and plans anew whatever it is asked.
WITH spare AS MATERIALIZED (
    {usable} LIMIT 1 FOR UPDATE OF h SKIP LOCKED
),
taken AS MATERIALIZED (
    SELECT schema_name, role_name FROM spare WHERE {try_schema}
),
free AS (
    SELECT CAST(:wished AS text) AS name WHERE to_regnamespace(:wished) IS NULL AND to_regrole(:wished) IS NULL
),
registered AS (
    INSERT INTO public.tenant (name, slug, schema_name, role_name, colour, status)
    SELECT :name, :slug, free.name, coalesce(taken.role_name, free.name), :colour, :status
    FROM free LEFT JOIN taken ON true
    WHERE NOT EXISTS (
        SELECT FROM public.tenant AS t
        WHERE t.former_slugs <> '{{}}' AND jsonb_exists(t.former_slugs, :slug)
            AND (t.former_slugs ->> :slug)::timestamptz > clock_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING id, schema_name, role_name
),
hosted AS (
    INSERT INTO public.domain (tenant_id, host, is_primary)
    SELECT registered.id, :host, true FROM registered
    ON CONFLICT DO NOTHING
    RETURNING id
),
headed AS (
    UPDATE public.schema_head AS h
    SET schema_name = registered.schema_name, kind = 'tenant', tenant_id = registered.id, moved_at = clock_timestamp()
    FROM registered WHERE h.schema_name = (SELECT taken.schema_name FROM taken)
),
noted AS (
    INSERT INTO public.tenant_revision (tenant_id, to_revision, applied_by, duration_ms)
    SELECT registered.id, :revision, :actor, 0 FROM registered, taken
)
SELECT registered.id, registered.schema_name, registered.role_name, hosted.id AS domain_id, taken.schema_name AS spare,
    EXISTS (SELECT FROM public.schema_head AS t WHERE t.kind = 'tenant' AND t.revision <> ALL(:known)) AS are_others_ahead
FROM registered LEFT JOIN hosted ON true LEFT JOIN taken ON true
