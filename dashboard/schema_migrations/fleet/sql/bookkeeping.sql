-- Statements before this one in the same message are counted from its arrival, those before by `milliseconds`.
WITH version AS {version},
spent AS (
    SELECT %(milliseconds)s + extract(epoch FROM clock_timestamp() - statement_timestamp())::float * 1000 AS ms
),
head AS (
    UPDATE public.schema_head
    SET revision = %(after)s, moved_at = clock_timestamp(), fingerprint = NULL, fingerprinted_at = NULL
    WHERE schema_name = %(schema)s AND %(moves)s
    RETURNING tenant_id
),
line AS (
    INSERT INTO public.tenant_revision (tenant_id, from_revision, to_revision, applied_by, duration_ms)
    SELECT tenant_id, %(before)s, %(after)s, %(actor)s, round(ms) FROM head, spent WHERE tenant_id IS NOT NULL
),
task AS (
    UPDATE public.fleet_task
    SET step = %(step)s + 1,
        duration_ms = duration_ms + (SELECT ms FROM spent),
        status = CASE WHEN %(is_last)s THEN 'done' ELSE status END,
        error = CASE WHEN %(is_last)s THEN '' ELSE error END,
        finished_at = CASE WHEN %(is_last)s THEN clock_timestamp() END
    WHERE run_id = %(run)s AND schema_name = %(schema)s AND step = %(step)s AND status = 'running'
    RETURNING 1
)
SELECT (SELECT count(*) FROM version), (SELECT count(*) FROM head) + (NOT %(moves)s)::int, (SELECT count(*) FROM task)
