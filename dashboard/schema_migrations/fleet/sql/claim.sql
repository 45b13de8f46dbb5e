-- One implicit transaction. A claim that a crash of the server forgets is only pending again.
SET LOCAL synchronous_commit TO off;
SELECT pg_advisory_unlock_all();
UPDATE public.fleet_task SET status = 'running', worker = %(worker)s, attempts = attempts + 1
WHERE (run_id, schema_name) = (
    SELECT run_id, schema_name FROM public.fleet_task
    WHERE run_id = %(run)s AND wave = %(wave)s AND status = 'pending' AND not_before <= clock_timestamp()
    ORDER BY not_before LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING schema_name, wave, step, from_revision, attempts, lock_waits, duration_ms,
    (SELECT pg_try_advisory_lock(hashtextextended(schema_name, 7310002)))
