-- Registers a tenant with its primary domain under the first name nobody has, neither a schema nor a role nor a tenant (an archived
-- one comes back under its own). Who asks for a slug at the same time waits here for the first, and gets no row then; nor does
-- who asks for a slug that still leads to the tenant that had it. Without `domain_id` the host is taken.
WITH free AS (
    SELECT c.name FROM unnest(CAST(:names AS text [])) WITH ORDINALITY AS c (name, place)
    WHERE to_regnamespace(c.name) IS NULL AND to_regrole(c.name) IS NULL
        AND NOT EXISTS (SELECT FROM public.tenant AS t WHERE t.schema_name = c.name)
        AND NOT EXISTS (SELECT FROM public.tenant AS t WHERE t.role_name = c.name)
    ORDER BY c.place LIMIT 1
),
registered AS (
    INSERT INTO public.tenant (name, slug, schema_name, role_name, colour, status)
    SELECT :name, :slug, free.name, free.name, :colour, :status FROM free
    WHERE NOT EXISTS (
        SELECT FROM public.tenant AS t
        WHERE jsonb_exists(t.former_slugs, :slug) AND (t.former_slugs ->> :slug)::timestamptz > clock_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING id, schema_name
),
hosted AS (
    INSERT INTO public.domain (tenant_id, host, is_primary)
    SELECT registered.id, :host, true FROM registered
    ON CONFLICT DO NOTHING
    RETURNING id
)
SELECT registered.id, registered.schema_name, hosted.id AS domain_id FROM registered LEFT JOIN hosted ON true
