-- The lock is taken for this statement only: whoever works in a schema holds it for the session.
UPDATE public.fleet_task
SET status = 'pending', worker = '', not_before = clock_timestamp()
WHERE run_id = %(run)s AND status = 'running'
    AND pg_try_advisory_xact_lock(hashtextextended(schema_name, 7310002))
