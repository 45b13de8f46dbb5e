UPDATE public.fleet_task
SET status = 'pending', worker = '', lock_waits = 0, error = '', finished_at = NULL, not_before = clock_timestamp()
WHERE run_id = %(run)s AND status = 'failed' AND (%(all)s OR schema_name = ANY (%(schemas)s))
